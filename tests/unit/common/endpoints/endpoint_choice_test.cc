#include "common/endpoints/endpoint_choice.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "common/endpoints/limits.h"

namespace weir::endpoints {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1000)};

/// Works like a client: what it is told to try fails at once, until `until`.
std::vector<EndpointChoice::Next> fail_all(EndpointChoice& choice, MonotonicTime until) {
  std::vector<EndpointChoice::Next> tried;
  for (auto next = choice.next(kStart); next.at <= until;
       next = choice.next_after(Failure::kBroken, false, tried.back().at)) {
    tried.push_back(next);
    choice.failed(next.endpoint, Failure::kBroken, next.at);
  }
  return tried;
}

TEST(EndpointChoice, TheFirstIsDrawn) {
  SeededRandom random(3);
  std::map<std::size_t, int> first;
  for (int i = 0; i < 3000; ++i) ++first[EndpointChoice(3, random).next(kStart).endpoint];
  ASSERT_EQ(first.size(), 3U);
  for (const auto& [endpoint, times] : first) EXPECT_NEAR(times, 1000, 120);
}

TEST(EndpointChoice, OneThatFailedIsNotTriedBeforeTheOthers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    EndpointChoice choice(3, random);
    const auto tried = fail_all(choice, kStart + milliseconds(20));
    ASSERT_EQ(tried.size(), 3U) << "each once, and then a pause";
    std::set<std::size_t> all;
    for (const auto& one : tried) all.insert(one.endpoint);
    EXPECT_EQ(all.size(), 3U);
  }
}

TEST(EndpointChoice, PausesDoubleToOneSecondAndAreJittered) {
  SeededRandom random(5);
  std::set<Duration> lasts;
  for (int round = 0; round < 5; ++round) {
    EndpointChoice choice(1, random);
    const auto tried = fail_all(choice, kStart + seconds(20));
    ASSERT_GT(tried.size(), 20U);
    EXPECT_LE(tried[1].at - tried[0].at, Duration(kRetryDelayMin));
    for (std::size_t i = 1; i < tried.size(); ++i) {
      EXPECT_LE(tried[i].at - tried[i - 1].at, Duration(kRetryDelayMax));
      if (i > 5) lasts.insert(tried[i].at - tried[i - 1].at);
    }
  }
  EXPECT_GE(*lasts.begin(), Duration(kRetryDelayMax) / 2);
  EXPECT_GT(lasts.size(), 20U);
}

TEST(EndpointChoice, TwoSecondsOfServiceMakeItsPausesShortAgainAndLessDoNot) {
  SeededRandom random(6);
  EndpointChoice choice(1, random);
  MonotonicTime now = fail_all(choice, kStart + seconds(10)).back().at + seconds(1);
  choice.answered(0, now);
  now += milliseconds(500);
  choice.answered(0, now);
  choice.failed(0, Failure::kBroken, now);
  EXPECT_GT(choice.next(now).at - now, Duration(kRetryDelayMin)) << "it ends all who come";
  now += seconds(1);
  choice.answered(0, now);
  now += kGoodAfter;
  choice.failed(0, Failure::kBroken, now);
  EXPECT_LE(choice.next(now).at - now, Duration(kRetryDelayMin));
}

TEST(EndpointChoice, ASilentOneIsAvoidedWhileAnotherServes) {
  SeededRandom random(7);
  EndpointChoice choice(2, random);
  choice.failed(0, Failure::kSilent, kStart);
  // The other breaks, and is taken up again all the same.
  MonotonicTime now = kStart + milliseconds(300);
  choice.failed(1, Failure::kBroken, now);
  now += milliseconds(150);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(choice.next(now).endpoint, 1U);
  now = kStart + kAvoidedFirst;
  EXPECT_EQ(choice.next(now).endpoint, 0U) << "its failure is longer ago";
}

TEST(EndpointChoice, TheOnlyOneIsTriedHoweverSilent) {
  SeededRandom random(8);
  EndpointChoice choice(1, random);
  for (int i = 0; i < 20; ++i) {
    const MonotonicTime now = kStart + seconds(10 * i);
    choice.failed(0, Failure::kSilent, now);
    EXPECT_LE(choice.next(now).at - now, Duration(kRetryDelayMax));
  }
}

TEST(EndpointChoice, ManyCallsThatMeetOneTroubleCountOnce) {
  SeededRandom random(9);
  EndpointChoice choice(1, random);
  EXPECT_TRUE(choice.failed(0, Failure::kSilent, kStart));
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(choice.failed(0, Failure::kSilent, kStart));
  EXPECT_LE(choice.next(kStart).at - kStart, Duration(kRetryDelayMin));
  EXPECT_EQ(choice.welcome_within(0), Duration(2 * kWelcomeWithin));
}

TEST(EndpointChoice, AWelcomeMayTakeLongerWhereItTookTooLong) {
  SeededRandom random(10);
  EndpointChoice choice(1, random);
  MonotonicTime now = kStart;
  EXPECT_EQ(choice.welcome_within(0), Duration(kWelcomeWithin));
  for (int i = 0; i < 5; ++i) choice.failed(0, Failure::kSilent, now += seconds(60));
  EXPECT_EQ(choice.welcome_within(0), Duration(4 * kWelcomeWithin));
  choice.answered(0, now);
  EXPECT_EQ(choice.welcome_within(0), Duration(kWelcomeWithin));
}

TEST(EndpointChoice, TheClientsOfADeadReplicaSpreadOverTheOthersAndOverTime) {
  std::map<std::size_t, int> replicas;
  std::map<std::int64_t, int> instants;  // 10 ms each
  for (std::uint64_t client = 0; client < 1000; ++client) {
    SeededRandom random(client);
    EndpointChoice choice(3, random);
    choice.answered(0, kStart - seconds(10));
    choice.failed(0, Failure::kSilent, kStart);
    const auto next = choice.next_after(Failure::kSilent, true, kStart);
    ++replicas[next.endpoint];
    ++instants[(next.at - kStart) / milliseconds(10)];
    EXPECT_LE(next.at - kStart, Duration(kMoveSpread));
  }
  EXPECT_EQ(replicas.count(0), 0U);
  EXPECT_NEAR(replicas[1], 500, 80);
  EXPECT_NEAR(replicas[2], 500, 80);
  for (const auto& [instant, clients] : instants) EXPECT_LT(clients, 100) << instant;
}

TEST(EndpointChoice, AReplicaThatSaysItLeavesIsLeftFasterAndNotReturnedToAtOnce) {
  SeededRandom random(11);
  EndpointChoice choice(2, random);
  for (int i = 0; i < 50; ++i) {
    const MonotonicTime now = kStart + seconds(100 * i);
    choice.answered(0, now);
    choice.failed(0, Failure::kLeaving, now);
    const auto next = choice.next_after(Failure::kLeaving, true, now);
    EXPECT_EQ(next.endpoint, 1U);
    EXPECT_LE(next.at - now, Duration(kHandoverSpread));
    EXPECT_EQ(choice.next(now + milliseconds(500)).endpoint, 1U);
  }
}

TEST(EndpointChoice, ACallGoesToAnotherThanItTried) {
  SeededRandom random(12);
  EndpointChoice choice(3, random);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::size_t> tried;
    for (int call = 0; call < 3; ++call) tried.push_back(choice.for_call(tried, kStart));
    std::ranges::sort(tried);
    EXPECT_EQ(tried, (std::vector<std::size_t>{0, 1, 2}));
  }
}

TEST(EndpointChoice, ACallPrefersWhoServesAndFallsBackToWhoDoesNot) {
  SeededRandom random(13);
  EndpointChoice choice(3, random);
  choice.failed(0, Failure::kSilent, kStart);
  choice.failed(1, Failure::kBroken, kStart);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(choice.for_call({}, kStart), 2U);
  const std::size_t only[] = {2};
  for (int i = 0; i < 20; ++i) EXPECT_EQ(choice.for_call(only, kStart), 1U) << "not the silent one";
}

TEST(EndpointChoice, AStaleOneComesBehindOthersForAWhile) {
  SeededRandom random(14);
  EndpointChoice choice(3, random);
  choice.told(0, true, kStart);
  choice.told(2, false, kStart);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(choice.next(kStart).endpoint, 2U);
  const std::size_t tried[] = {2};
  for (int i = 0; i < 20; ++i) EXPECT_EQ(choice.for_call(tried, kStart), 1U);
  std::set<std::size_t> later;
  for (int i = 0; i < 50; ++i) later.insert(choice.next(kStart + kFreshnessHolds).endpoint);
  EXPECT_EQ(later.size(), 3U) << "what it said is old by now";
}

}  // namespace
}  // namespace weir::endpoints
