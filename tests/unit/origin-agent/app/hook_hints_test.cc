#include "origin-agent/app/hook_hints.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "origin-agent/app/limits.h"
#include "origin-agent/report/limits.h"
#include "tests/support/manual_executor.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;

class HookHintsTest : public ::testing::Test {
 protected:
  std::size_t looks_after(Duration pause) {
    executor_.advance(pause);
    return looks_.size();
  }

  testing::ManualClock clock_;
  testing::ManualExecutor executor_{clock_};
  std::vector<std::string> looks_;
  HookHints hints_{executor_, [this](const std::string& server, const std::string& service) {
                     looks_.push_back(server + "/" + service);
                   }};
};

TEST_F(HookHintsTest, ItIsLookedOnceTheServerHadTimeAndOnceMore) {
  hints_.heard("vid-a", "s1");
  EXPECT_EQ(looks_after(kHookLookAfter - 1ms), 0U);
  EXPECT_EQ(looks_after(1ms), 1U);
  EXPECT_EQ(looks_after(kHookLookAgainAfter), 2U);
  EXPECT_EQ(looks_after(10s), 2U);
  EXPECT_EQ(looks_.front(), "vid-a/s1");
  EXPECT_EQ(executor_.timers(), 0U);
}

TEST_F(HookHintsTest, ManyHooksAreOneSequenceAndTheLastIsLookedForInTime) {
  for (int i = 0; i < 1000; ++i) {
    hints_.heard("vid-a", "s1");
    executor_.advance(1ms);
  }
  EXPECT_LE(looks_.size(), 8U);
  EXPECT_EQ(executor_.timers(), 1U);
  const std::size_t before = looks_.size();
  EXPECT_GE(looks_after(kHookLookAfter + kHookLookAgainAfter), before + 1);
  looks_after(10s);
  EXPECT_EQ(executor_.timers(), 0U);
}

TEST_F(HookHintsTest, AHookDuringTheLastPauseIsGivenBothLooks) {
  hints_.heard("vid-a", "s1");
  EXPECT_EQ(looks_after(kHookLookAfter + kHookLookAgainAfter - 1ms), 1U);
  hints_.heard("vid-a", "s1");
  EXPECT_EQ(looks_after(1ms), 2U);
  EXPECT_EQ(looks_after(kHookLookAfter), 3U);
  EXPECT_EQ(looks_after(kHookLookAgainAfter), 4U);
}

TEST_F(HookHintsTest, WhatAStrangerCouldGrowIsBounded) {
  for (std::size_t i = 0; i < kOriginsMax + 10; ++i) hints_.heard("vid-" + std::to_string(i), "s");
  EXPECT_EQ(executor_.timers(), kOriginsMax);
  looks_after(1s);
  hints_.heard("", "s1");
  hints_.heard("\xff", "s1");
  hints_.heard(std::string(100'000, 'x'), "s1");
  hints_.heard("vid-a", "\xff");
  EXPECT_EQ(executor_.timers(), 0U);
}

TEST_F(HookHintsTest, NothingIsLookedOnceItIsGone) {
  std::vector<int> looks;
  {
    HookHints gone(executor_, [&](const std::string&, const std::string&) { looks.push_back(1); });
    gone.heard("vid-a", "s1");
  }
  executor_.advance(10s);
  EXPECT_TRUE(looks.empty());
}

}  // namespace
}  // namespace weir::agent
