#include "controlplane/placement/reservation_ledger.h"

#include <gtest/gtest.h>

#include "controlplane/placement/limits.h"

namespace weir::placement {
namespace {

MonotonicTime at(Duration since_start) {
  return MonotonicTime(std::chrono::hours(100) + since_start);
}
const IncarnationId kA("a");
const IncarnationId kB("b");
const Cost kCost{.streams = 1, .bits_per_second = 4e6};

TEST(ReservationLedger, ChargesInFullAtOnceAndOnlyThatOrigin) {
  ReservationLedger ledger;
  ledger.reserve(kA, kCost, at(0s));
  const Pending pending = ledger.pending(kA);
  EXPECT_EQ(pending.in_flight, 1U);
  EXPECT_EQ(pending.unreported, 1U);
  EXPECT_NEAR(pending.bits_per_second(at(0s)), 4e6, 1);
  EXPECT_EQ(ledger.pending(kB).unreported, 0U);
}

TEST(ReservationLedger, BitRateFadesEvenlyOverTwentySeconds) {
  ReservationLedger ledger;
  ledger.reserve(kA, kCost, at(0s));
  ledger.reserve(kA, kCost, at(10s));
  EXPECT_NEAR(ledger.pending(kA).bits_per_second(at(10s)), 6e6, 1);
  EXPECT_NEAR(ledger.pending(kA).bits_per_second(at(20s)), 2e6, 1);
  EXPECT_EQ(ledger.advance(at(19s)).size(), 0U);
  EXPECT_EQ(ledger.advance(at(20s)), std::vector<IncarnationId>{kA});
  EXPECT_EQ(ledger.pending(kA).unreported, 1U);
  EXPECT_NEAR(ledger.pending(kA).bits_per_second(at(20s)), 2e6, 1);
  ledger.advance(at(30s));
  EXPECT_EQ(ledger.size(), 0U);
  EXPECT_EQ(ledger.pending(kA).bits_total, 0);
}

TEST(ReservationLedger, ReportIncludesOnlyWhatWasPlacedBeforeIt) {
  ReservationLedger ledger;
  ledger.reserve(kA, kCost, at(0s));
  ledger.reserve(kA, kCost, at(1s));
  ledger.reported(kA, at(1s));
  EXPECT_EQ(ledger.pending(kA).unreported, 1U);
  ledger.reported(kA, at(500ms));  // an older one that arrives late takes nothing off
  EXPECT_EQ(ledger.pending(kA).unreported, 1U);
  ledger.reported(kA, at(2s));
  EXPECT_EQ(ledger.pending(kA).unreported, 0U);
  EXPECT_EQ(ledger.pending(kA).in_flight, 2U);
}

TEST(ReservationLedger, ReleaseAndBoundAreIdempotentInAnyOrder) {
  ReservationLedger ledger;
  const auto one = ledger.reserve(kA, kCost, at(0s));
  const auto two = ledger.reserve(kA, kCost, at(0s));
  ledger.bound(one);
  ledger.bound(one);
  EXPECT_EQ(ledger.pending(kA).in_flight, 1U);
  ledger.release(one);
  ledger.release(one);
  ledger.bound(one);
  EXPECT_EQ(ledger.pending(kA).unreported, 1U);
  EXPECT_EQ(ledger.pending(kA).in_flight, 1U);
  ledger.release(two);
  ledger.release(0);
  ledger.release(999);
  EXPECT_EQ(ledger.size(), 0U);
}

TEST(ReservationLedger, ReleasedOnesDoNotConfuseLaterReportsAndExpiry) {
  ReservationLedger ledger;
  const auto one = ledger.reserve(kA, kCost, at(0s));
  ledger.reserve(kA, kCost, at(1s));
  ledger.release(one);
  ledger.reported(kA, at(2s));
  EXPECT_EQ(ledger.pending(kA).unreported, 0U);
  EXPECT_TRUE(ledger.advance(at(20s)).empty());
  EXPECT_EQ(ledger.size(), 1U);
  EXPECT_EQ(ledger.advance(at(21s)).size(), 1U);
  EXPECT_EQ(ledger.size(), 0U);
}

TEST(ReservationLedger, ForgetsADeadIncarnationAlone) {
  ReservationLedger ledger;
  ledger.reserve(kA, kCost, at(0s));
  const auto other = ledger.reserve(kB, kCost, at(0s));
  ledger.forget(kA);
  EXPECT_EQ(ledger.pending(kA).unreported, 0U);
  EXPECT_EQ(ledger.size(), 1U);
  ledger.release(other);
  ledger.reserve(kA, kCost, at(1s));
  EXPECT_EQ(ledger.pending(kA).unreported, 1U);
}

TEST(ReservationLedger, IsBounded) {
  ReservationLedger ledger;
  for (std::size_t i = 0; i < kReservationsMax; ++i) {
    ASSERT_NE(ledger.reserve(kA, kCost, at(0s)), 0U);
  }
  EXPECT_EQ(ledger.reserve(kA, kCost, at(0s)), 0U);
  EXPECT_EQ(ledger.size(), kReservationsMax);
  ledger.advance(at(kReservationFade));
  EXPECT_NE(ledger.reserve(kA, kCost, at(kReservationFade)), 0U);
}

}  // namespace
}  // namespace weir::placement
