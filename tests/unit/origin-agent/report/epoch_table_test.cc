#include "origin-agent/report/epoch_table.h"

#include <gtest/gtest.h>

namespace weir::agent {
namespace {

TEST(EpochTableTest, TheEpochOfATagIsItsLastPart) {
  EXPECT_EQ(epoch_of_tag("weir:f1/s1/7.42"), (Epoch{7, 42}));
  EXPECT_EQ(epoch_of_tag("weir:host:1935/s1/18446744073709551615.1"),
            (Epoch{18'446'744'073'709'551'615U, 1}));
}

TEST(EpochTableTest, WhatIsNotATagWithAnEpochHasNone) {
  for (const char* text :
       {"", "weir:", "weir:f/s/", "weir:f/s/-", "weir:f/s/1", "weir:f/1.1", "weir:f/s/1.x",
        "weir:f/s/1.1 ", "weir:f/s/0.3", "http://a/b/1.1", "weir:f/s/18446744073709551616.1"})
    EXPECT_FALSE(epoch_of_tag(text)) << text;
}

TEST(EpochTableTest, OnlyLowerTagsOfKnownStreamsAreFenced) {
  EpochTable table;
  table.learn("v/a/s", Epoch{5, 10});
  EXPECT_TRUE(table.fences("v/a/s", "weir:f/s/5.9"));
  EXPECT_TRUE(table.fences("v/a/s", "weir:f/s/4.99"));
  EXPECT_FALSE(table.fences("v/a/s", "weir:f/s/5.10"));
  EXPECT_FALSE(table.fences("v/a/s", "weir:f/s/6.1"));
  EXPECT_FALSE(table.fences("v/a/s", ""));
  EXPECT_FALSE(table.fences("v/a/s", "weir:f/s/"));
  EXPECT_FALSE(table.fences("v/a/other", "weir:f/s/1.1"));
}

TEST(EpochTableTest, AnOlderEpochIsNotLearnt) {
  EpochTable table;
  table.learn("v/a/s", Epoch{5, 10});
  table.learn("v/a/s", Epoch{5, 3});
  table.learn("v/a/s", Epoch{});
  EXPECT_TRUE(table.fences("v/a/s", "weir:f/s/5.9"));
}

}  // namespace
}  // namespace weir::agent
