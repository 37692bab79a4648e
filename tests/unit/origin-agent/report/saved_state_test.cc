#include "origin-agent/report/saved_state.h"

#include <gtest/gtest.h>

#include "origin-agent/report/limits.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {
namespace {

SavedState sample() {
  SavedState state;
  state.generation_seen = 18'446'744'073'709'551'615U;
  state.origins[OriginId("o1")] = {"123.456", IncarnationId("o1~7")};
  state.origins[OriginId("10.0.0.1:1936")] = {"9.1", IncarnationId("i2")};
  return state;
}

TEST(SavedStateTest, WhatWasEncodedIsDecoded) {
  const auto decoded = decode_saved_state(encode(sample()));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, sample());
}

TEST(SavedStateTest, RegistrationsAreKeptAndFilesOfEarlierVersionsAreRead) {
  SavedState state = sample();
  SavedRegistration& registration = state.registered[OriginId("vid-1:1935")];
  registration = {"vid-1", "s1", 42, "10.0.0.1", "::1", {"tcp://0.0.0.0:1935"}, {}, {}, {}, {}};
  registration.rtc = {"udp://[::1]:8000", "tcp://0.0.0.0:8000"};
  const auto decoded = decode_saved_state(encode(state));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, state);
  const auto old =
      decode_saved_state("weir-origin-agent-state 1\ngeneration 7\norigin o1 100.7000 i1\nend\n");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->origins.at(OriginId("o1")).incarnation, IncarnationId("i1"));
  EXPECT_TRUE(old->registered.empty());
}

TEST(SavedStateTest, ARegistrationThatCannotBeReadIsDamage) {
  for (const char* line : {"registered vid-1 pid=x rtmp=tcp://0.0.0.0:1", "registered vid-1 pid=1",
                           "registered vid-1 rtmp"})
    EXPECT_FALSE(decode_saved_state(std::string("weir-origin-agent-state 1\n") + line + "\nend\n"))
        << line;
  const auto later = decode_saved_state(
      "weir-origin-agent-state 1\nregistered v pid=1 rtmp=tcp://0.0.0.0:1 quic=udp://:9\nend\n");
  EXPECT_TRUE(later) << "keys of a later version are passed over";
}

TEST(SavedStateTest, NothingIsWrittenThatCouldNotBeRead) {
  SavedState state = sample();
  for (std::size_t i = 0; i < kOriginsMax; ++i) {
    SavedRegistration& registration = state.registered[OriginId("vid-" + std::to_string(i))];
    registration.server = std::string(3000, 's');
    registration.rtmp = {"tcp://" + std::string(3000, 'h') + ":1935"};
  }
  const std::string text = encode(state);
  EXPECT_LE(text.size(), kStateFileBytesMax);
  const auto decoded = decode_saved_state(text);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->origins, state.origins);
  EXPECT_GT(decoded->registered.size(), 500U);
}

TEST(SavedStateTest, EveryTruncationIsNoticed) {
  const std::string text = encode(sample());
  // Without its last byte, the line feed after `end`, it is whole all the same.
  for (std::size_t size = 0; size + 1 < text.size(); ++size)
    EXPECT_FALSE(decode_saved_state(text.substr(0, size))) << size;
}

TEST(SavedStateTest, DamageNamesTheLine) {
  const auto decoded = decode_saved_state("weir-origin-agent-state 1\ngeneration x\nend\n");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().message, "line 2: the generation is not a number");
  EXPECT_FALSE(decode_saved_state("something else\n"));
  EXPECT_FALSE(decode_saved_state(std::string(kStateFileBytesMax + 1, 'x')));
}

TEST(SavedStateTest, TextThatWouldBreakTheFormatIsNotRemembered) {
  SavedState state = sample();
  state.origins[OriginId("o 3")] = {"1.1", IncarnationId("i\n9")};
  const auto decoded = decode_saved_state(encode(state));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, sample());
}

TEST(ProcessIdentityTest, ALifeIsNamedByTheServerWhereItHasANameForIt) {
  EXPECT_EQ(to_text(ProcessIdentity{10, 700, {}}), "10.700");
  EXPECT_EQ(to_text(ProcessIdentity{10, 700, "u0x"}), "u0x.10");
  EXPECT_EQ(to_text(ProcessIdentity{10, 0, "u0x"}), "u0x.10");
}

TEST(ProcessIdentityTest, OneLifeMayBeKnownWithAndWithoutItsName) {
  const ProcessIdentity named{10, 700, "u0x"};
  EXPECT_TRUE(is_same_life(named, {10, 700, {}}));
  EXPECT_TRUE(is_same_life(named, {10, 0, "u0x"}));
  EXPECT_FALSE(is_same_life(named, {10, 700, "other"})) << "it began anew without a new process";
  EXPECT_FALSE(is_same_life(named, {11, 0, "u0x"}));
  EXPECT_FALSE(is_same_life(named, {10, 701, {}}));
  EXPECT_FALSE(is_same_life({10, 0, {}}, {10, 0, {}})) << "a bare pid says nothing";
}

}  // namespace
}  // namespace weir::agent
