#include "origin-agent/sampling/rate_meter.h"

#include <gtest/gtest.h>

#include "origin-agent/sampling/limits.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1000h};

TEST(RateMeterTest, TheFirstReadingIsABaseLineWithoutARate) {
  RateMeter meter;
  meter.update(kStart, 5000);
  EXPECT_EQ(meter.rate(), 0);
  EXPECT_EQ(meter.total(), 5000);
}

TEST(RateMeterTest, ASteadyCounterGivesItsRateAtOnce) {
  RateMeter meter;
  meter.update(kStart, 0);
  meter.update(kStart + 1s, 1000);
  EXPECT_DOUBLE_EQ(meter.rate(), 1000);
}

TEST(RateMeterTest, AStepIsSmoothedIndependentlyOfTheInterval) {
  RateMeter fast, slow;
  for (RateMeter* meter : {&fast, &slow}) {
    meter->update(kStart, 0);
    meter->update(kStart + 1s, 0);
  }
  for (int i = 1; i <= 20; ++i) fast.update(kStart + 1s + i * 100ms, i * 100.0);
  slow.update(kStart + 3s, 2000);
  EXPECT_NEAR(fast.rate(), slow.rate(), 1);
  EXPECT_GT(fast.rate(), 400);
  EXPECT_LT(fast.rate(), 1000);
}

TEST(RateMeterTest, ACounterThatStartedAgainNeverGivesANegativeRate) {
  RateMeter meter;
  meter.update(kStart, 1'000'000);
  meter.update(kStart + 1s, 1'001'000);
  meter.update(kStart + 2s, 500);
  EXPECT_GT(meter.rate(), 0);
  EXPECT_LE(meter.rate(), 1000);
  EXPECT_EQ(meter.total(), 1'001'500);
}

TEST(RateMeterTest, ReadingsTooCloseAreGatheredAndNotLost) {
  RateMeter meter;
  meter.update(kStart, 0);
  meter.update(kStart + 1ms, 400);
  EXPECT_EQ(meter.rate(), 0);
  meter.update(kStart + 1s, 1000);
  EXPECT_DOUBLE_EQ(meter.rate(), 1000);
}

TEST(RateMeterTest, AfterALongGapTheOldRateIsForgotten) {
  RateMeter meter;
  meter.update(kStart, 0);
  meter.update(kStart + 1s, 1'000'000);
  const auto later = kStart + 1s + kRateGapMax + 1s;
  meter.update(later, 1'000'000);
  EXPECT_EQ(meter.rate(), 0);
}

}  // namespace
}  // namespace weir::agent
