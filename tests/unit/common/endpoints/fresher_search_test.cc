#include "common/endpoints/fresher_search.h"

#include <set>

#include <gtest/gtest.h>

#include "common/endpoints/limits.h"

namespace weir::endpoints {
namespace {

constexpr MonotonicTime kBegin{std::chrono::hours(1000)};

class FresherSearchTest : public ::testing::Test {
 protected:
  /// Heartbeats of a stale replica 0 for `time`; how often the others were asked.
  std::size_t stale_for(Duration time) {
    std::size_t rounds = 0;
    for (const MonotonicTime end = now_ + time; now_ < end; now_ += milliseconds(50)) {
      search_.heard(0, true, now_);
      const auto asked = search_.due(now_);
      if (asked.empty()) continue;
      EXPECT_EQ(asked, (std::vector<std::size_t>{1, 2}));
      ++rounds;
    }
    return rounds;
  }

  SeededRandom random_{1};
  EndpointChoice choice_{3, random_};
  FresherSearch search_{choice_, random_};
  MonotonicTime now_ = kBegin;
};

TEST_F(FresherSearchTest, AFreshReplicaIsNotLookedPast) {
  search_.heard(0, false, now_);
  EXPECT_EQ(search_.next_due(), MonotonicTime::max());
  EXPECT_TRUE(search_.due(now_ + seconds(60)).empty());
  EXPECT_FALSE(search_.answered(1, false, now_));
}

TEST_F(FresherSearchTest, AStaleOneIsLeftForOneThatSaysItIsNot) {
  EXPECT_GE(stale_for(milliseconds(400)), 1U);
  EXPECT_FALSE(search_.answered(1, true, now_));
  EXPECT_TRUE(search_.answered(2, false, now_));
  EXPECT_EQ(choice_.next(now_).endpoint, 2U);
}

TEST_F(FresherSearchTest, WhenAllAreStaleNobodyMovesAndTheQuestionsGetRare) {
  std::size_t rounds = 0;
  for (int i = 0; i < 600; ++i) {
    const std::size_t asked = stale_for(seconds(1));
    rounds += asked;
    for (std::size_t n = 0; n < asked; ++n) {
      EXPECT_FALSE(search_.answered(1, true, now_));
      EXPECT_FALSE(search_.answered(2, true, now_));
    }
  }
  EXPECT_GT(rounds, 600U / 9);
  EXPECT_LT(rounds, 600U / 3);
}

TEST_F(FresherSearchTest, RecoveryEndsTheSearchAndALateAnswerMovesNobody) {
  stale_for(milliseconds(400));
  search_.heard(0, false, now_);
  EXPECT_FALSE(search_.answered(1, false, now_));
  EXPECT_TRUE(search_.due(now_ + seconds(60)).empty());
}

TEST_F(FresherSearchTest, ReplicasThatTurnStaleInTurnsAreNotFollowedRound) {
  stale_for(milliseconds(400));
  ASSERT_TRUE(search_.answered(1, false, now_));
  const MonotonicTime moved = now_;
  search_.heard(1, true, now_);
  EXPECT_GE(search_.next_due(), moved + kFresherMoveAgain);
  EXPECT_EQ(search_.due(moved + kFresherMoveAgain + kFresherAskedMin),
            (std::vector<std::size_t>{0, 2}));
}

TEST_F(FresherSearchTest, ClientsOfOneStaleReplicaAskAtTimesOfTheirOwn) {
  std::set<MonotonicTime> times;
  for (std::uint64_t client = 0; client < 100; ++client) {
    SeededRandom random(client);
    EndpointChoice choice(3, random);
    FresherSearch search(choice, random);
    search.heard(0, true, kBegin);
    EXPECT_LE(search.next_due(), kBegin + kFresherAskedMin);
    times.insert(search.next_due());
  }
  EXPECT_GT(times.size(), 90U);
}

TEST(FresherSearch, TheOnlyReplicaIsNeverAskedAbout) {
  SeededRandom random(1);
  EndpointChoice choice(1, random);
  FresherSearch search(choice, random);
  search.heard(0, true, kBegin);
  EXPECT_TRUE(search.due(kBegin + seconds(60)).empty());
}

}  // namespace
}  // namespace weir::endpoints
