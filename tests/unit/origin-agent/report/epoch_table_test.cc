#include "origin-agent/report/epoch_table.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "origin-agent/report/limits.h"

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
  table.learn({"v/a/s", Epoch{5, 10}});
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
  table.learn({"v/a/s", Epoch{5, 10}});
  table.learn({"v/a/s", Epoch{5, 3}});
  table.learn({"v/a/s", Epoch{}});
  EXPECT_TRUE(table.fences("v/a/s", "weir:f/s/5.9"));
}

TEST(EpochTableTest, APublisherOfAnotherStreamIsNotJudgedByThisOne) {
  EpochTable table;
  table.learn({"__defaultVhost__/a/s", Epoch{5, 10}, "one"});
  table.learn({"b.example/a/s", Epoch{5, 7}, "two"});
  // A server without vhosts lists both as the first.
  EXPECT_FALSE(table.fences("__defaultVhost__/a/s", "weir:f/two/5.7"));
  EXPECT_FALSE(table.fences("__defaultVhost__/a/s", "weir:f/one/5.10"));
  EXPECT_TRUE(table.fences("__defaultVhost__/a/s", "weir:f/one/5.9"));
  EXPECT_TRUE(table.fences("__defaultVhost__/a/s", "weir:f/stranger/5.7"));
}

TEST(EpochTableTest, AHolderThatWasDisplacedIsFencedAgain) {
  EpochTable table;
  table.learn({"__defaultVhost__/a/s", Epoch{5, 10}, "one"});
  table.learn({"b.example/a/s", Epoch{5, 7}, "two"});
  table.learn({"b.example/a/s", Epoch{5, 8}, "three"});
  EXPECT_TRUE(table.fences("__defaultVhost__/a/s", "weir:f/two/5.7"));
  EXPECT_FALSE(table.fences("__defaultVhost__/a/s", "weir:f/three/5.8"));
}

TEST(EpochTableTest, AFullTableForgetsTheLowestEpoch) {
  EpochTable table;
  for (std::size_t i = 1; i <= kKnownEpochsMax; ++i)
    table.learn({"v/a/" + std::to_string(i), Epoch{5, i + 1}, "s" + std::to_string(i)});
  table.learn({"v/a/new", Epoch{6, 2}});
  EXPECT_TRUE(table.fences("v/a/new", "weir:f/s/6.1"));
  EXPECT_FALSE(table.fences("v/a/1", "weir:f/s/5.1"));
  EXPECT_TRUE(table.fences("v/a/2", "weir:f/s/5.1"));
  EXPECT_TRUE(table.fences("v/a/2", "weir:f/s1/5.1")) << "the session is forgotten with its stream";
  table.learn({"v/a/old", Epoch{4, 2}});
  EXPECT_FALSE(table.fences("v/a/old", "weir:f/s/4.1"));
  EXPECT_TRUE(table.fences("v/a/2", "weir:f/s/5.1"));
}

TEST(EpochWatchTest, OnlyAHigherEpochOfAWatchedStreamIsTold) {
  EpochTable table;
  std::vector<std::string> told;
  EpochWatch watch(table, [&](const std::string& stream) { told.push_back(stream); });
  watch.watch({"v/a/s", "v/a/t", "v/a/s"});
  table.learn({"v/a/s", Epoch{5, 10}});
  table.learn({"v/a/s", Epoch{5, 10}});
  table.learn({"v/a/s", Epoch{5, 9}});
  table.learn({"v/a/other", Epoch{5, 11}});
  EXPECT_EQ(told, std::vector<std::string>{"v/a/s"});
  watch.watch({"v/a/other"});
  table.learn({"v/a/s", Epoch{6, 1}});
  table.learn({"v/a/other", Epoch{6, 2}});
  EXPECT_EQ(told, (std::vector<std::string>{"v/a/s", "v/a/other"}));
}

TEST(EpochWatchTest, EveryWatchIsToldUntilItsEndAndMayChangeItsMind) {
  EpochTable table;
  int first = 0;
  int second = 0;
  EpochWatch one(table, [&](const std::string&) { ++first; });
  one.watch({"v/a/s"});
  {
    std::optional<EpochWatch> two;
    two.emplace(table, [&](const std::string&) {
      ++second;
      two->watch({});
    });
    two->watch({"v/a/s"});
    table.learn({"v/a/s", Epoch{1, 1}});
    table.learn({"v/a/s", Epoch{1, 2}});
    two->watch({"v/a/s"});
  }
  table.learn({"v/a/s", Epoch{1, 3}});
  EXPECT_EQ(first, 3);
  EXPECT_EQ(second, 1);
}

}  // namespace
}  // namespace weir::agent
