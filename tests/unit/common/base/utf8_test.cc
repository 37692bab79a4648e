#include "common/base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Utf8, EveryWellFormedLengthIsTaken) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\xC3\xBC"));
  EXPECT_TRUE(is_utf8("\xE2\x82\xAC"));
  EXPECT_TRUE(is_utf8("\xF4\x8F\xBF\xBF"));
  EXPECT_TRUE(is_utf8(std::string("a\0b", 3)));
}

TEST(Utf8, WhatUnicodeForbidsIsRefused) {
  for (const char* text : {"\xff\xfe", "x\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"})
    EXPECT_FALSE(is_utf8(text));
}

TEST(Utf8, BadBytesAreReplacedOneByOneAndTheRestIsKept) {
  EXPECT_EQ(to_utf8("a\xff\xC3\xBC\xE2\x82z", 100), "a\uFFFD\u00FC\uFFFD\uFFFDz");
  EXPECT_EQ(to_utf8("encoder/1.0", 100), "encoder/1.0");
  EXPECT_TRUE(is_utf8(to_utf8("\xF0\x9F\xFF\xC3", 100)));
}

TEST(Utf8, TextIsCutBetweenCharacters) {
  EXPECT_EQ(to_utf8("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(to_utf8("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
  EXPECT_EQ(to_utf8("\xff", 2), "");
  EXPECT_EQ(to_utf8("text", 0), "");
}

}  // namespace
}  // namespace weir
