// Scores, ties, bursts, slow start and what the record says.

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "controlplane/placement/rendezvous.h"
#include "tests/unit/controlplane/placement/placement_fixture.h"

namespace weir::placement {
namespace {

std::vector<OriginView> idle(int count) {
  std::vector<OriginView> views;
  for (int i = 0; i < count; ++i) views.push_back(origin("o" + std::to_string(i)));
  return views;
}

void report(OriginView& view, MonotonicTime now, double cpu, std::uint32_t streams = 0) {
  view.load.emplace();
  view.load->cpu_utilization = cpu;
  view.load->streams = streams;
  view.load_time = now;
}

TEST(Placer, BurstOfTwentyOverFourIdleOriginsLandsExactlyFiveEach) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    Cluster cluster(idle(4));
    std::map<std::string, int> landed;
    for (int i = 0; i < 20; ++i) {
      const MonotonicTime now = at(i * 10ms);
      // Reports come in between, with the few percent of CPU that idle servers show.
      auto& view = cluster.views[random.below(4)];
      report(view, now, static_cast<double>(random.below(60)) / 1000, view.placed_streams);
      cluster.ledger.reported(view.incarnation, now);
      cluster.refresh(view.incarnation);
      const std::string winner = cluster.place(std::to_string(seed) + "-" + std::to_string(i), now);
      ++landed[winner];
      if (random.below(2) == 0) {  // the store has answered before the next one comes, or not
        cluster.ledger.bound(cluster.last);
        ++cluster.view(IncarnationId(winner + "-1")).placed_streams;
        cluster.refresh(IncarnationId(winner + "-1"));
      }
    }
    for (const auto& view : cluster.views) {
      EXPECT_EQ(landed[view.description->id.str()], 5) << "seed " << seed;
    }
  }
}

TEST(Placer, BurstOverStaleReportsStaysWithinOneOfEqual) {
  SeededRandom random(7);
  Cluster cluster(idle(7));
  for (auto& view : cluster.views) {
    report(view, at(0s), 0.02 + static_cast<double>(random.below(50)) / 1000);
  }
  std::map<std::string, int> landed;
  for (int i = 0; i < 200; ++i) ++landed[cluster.place("s" + std::to_string(i), at(i * 5ms))];
  for (const auto& [id, count] : landed) {
    EXPECT_GE(count, 200 / 7);
    EXPECT_LE(count, 200 / 7 + 1);
  }
}

TEST(Placer, BusyCpuDrivesStreamsElsewhere) {
  Cluster cluster(idle(2));
  report(cluster.views[0], at(0s), 0.6, 20);
  report(cluster.views[1], at(0s), 0.2, 20);
  cluster.views[0].placed_streams = 5;
  cluster.views[1].placed_streams = 20;
  const Decision decision = cluster.decide("s", at(0s));
  EXPECT_EQ(decision.ranked[0].origin, OriginId("o1"));
  EXPECT_EQ(decision.record.candidates[1].bottleneck, Resource::kCpu);
  EXPECT_NEAR(decision.record.candidates[1].predicted_utilization, 0.63, 1e-9);
}

TEST(Placer, UtilizationAboveOneStillOrders) {
  auto cap = [](model::OriginDescription& d) { d.capacity.connections = 10; };
  Cluster cluster({origin("a", cap), origin("b", cap)});
  cluster.views[0].placed_streams = 30;
  cluster.views[1].placed_streams = 20;
  const Decision decision = cluster.decide("s", at(0s));
  EXPECT_EQ(decision.record.winner, OriginId("b"));
  EXPECT_GT(decision.record.candidates[0].score, 2.0);
}

TEST(Placer, BottleneckIsTheScarcestResourceNotTheSum) {
  auto view = origin("a", [](model::OriginDescription& d) {
    d.capacity.streams = 100;
    d.capacity.egress_bits_per_second = 20'000'000;
  });
  view.placed_streams = 49;
  report(view, at(0s), 0.3, 49);
  view.load->egress_bits_per_second = 12'000'000;
  Cluster cluster({view});
  const Candidate candidate = cluster.decide("s", at(0s)).record.candidates[0];
  EXPECT_EQ(candidate.bottleneck, Resource::kEgress);
  EXPECT_NEAR(candidate.score, 0.8, 1e-9);
}

TEST(Placer, DeclaredBitRateIsChargedInsteadOfTheDefault) {
  Cluster cluster({origin("a")});
  EXPECT_EQ(cluster.decide("s", at(0s)).cost.bits_per_second, 4e6);
  cluster.request.declared_bits_per_second = 20'000'000;
  EXPECT_EQ(cluster.decide("s", at(0s)).cost.bits_per_second, 20e6);
}

TEST(Placer, TieIsADifferenceOfAtMostTheBand) {
  Cluster cluster(idle(2));
  cluster.views[0].placed_streams = 20;  // 0.021 against 0.001: exactly the band
  cluster.views[1].placed_streams = 0;
  cluster.views[1].error_rate = 0;
  const auto order = [&] { return cluster.decide("s", at(0s)).record.winner.str(); };
  EXPECT_EQ(order(), "o1");
  cluster.views[1].error_rate = 0.04;  // worse by 0.02, still a tie: fewer streams win
  EXPECT_EQ(order(), "o1");
  cluster.views[1].error_rate = 0.0401;  // no tie any more
  EXPECT_EQ(order(), "o0");
}

TEST(Placer, OrderDoesNotDependOnTheOrderOfTheSnapshot) {
  SeededRandom random(3);
  for (int round = 0; round < 200; ++round) {
    Cluster cluster(idle(9));
    for (auto& view : cluster.views) {
      view.placed_streams = static_cast<std::uint32_t>(random.below(60));
      view.error_rate = static_cast<double>(random.below(6)) / 100;
    }
    const auto first = cluster.decide("s", at(0s)).ranked;
    std::reverse(cluster.views.begin(), cluster.views.end());
    std::swap(cluster.views[2], cluster.views[5]);
    const auto second = cluster.decide("s", at(0s)).ranked;
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].origin, second[i].origin);
  }
}

TEST(Placer, EqualOriginsAreTakenInRendezvousOrder) {
  Cluster cluster(idle(5));
  const Decision decision = cluster.decide("s", at(0s));
  const std::uint64_t stream = rendezvous_hash(stream_key("s").str());
  for (std::size_t i = 1; i < decision.ranked.size(); ++i) {
    EXPECT_GT(rendezvous_weight(stream, rendezvous_hash(decision.ranked[i - 1].origin.str())),
              rendezvous_weight(stream, rendezvous_hash(decision.ranked[i].origin.str())));
  }
}

TEST(Placer, RendezvousHashIsTheDocumentedOne) {
  EXPECT_EQ(rendezvous_hash(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(rendezvous_hash("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(rendezvous_hash("foobar"), 0x85944171f73967e8ULL);
  EXPECT_EQ(fmix64(0), 0U);
  EXPECT_EQ(fmix64(1), 0xb456bcfc34c2cb2cULL);
}

TEST(Placer, AnotherZoneCostsMoreThanATie) {
  Cluster cluster({origin("near", [](auto& d) { d.zone = "z1"; }),
                   origin("far", [](auto& d) { d.zone = "z2"; })});
  cluster.views[0].placed_streams = 75;
  cluster.request.zone = "z1";
  EXPECT_EQ(cluster.decide("s", at(0s)).record.winner, OriginId("near"));
  cluster.views[0].placed_streams = 150;
  EXPECT_EQ(cluster.decide("s", at(0s)).record.winner, OriginId("far"));
}

TEST(Placer, NewOriginTakesItsShareDuringSlowStartThenCatchesUp) {
  Cluster cluster(idle(4));
  for (auto& view : cluster.views) view.placed_streams = 100;
  OriginView fresh = origin("fresh");
  fresh.slow_start_until = at(kSlowStart);
  fresh.slow_start_placed = average_placed(cluster.views);
  cluster.views.push_back(fresh);

  int slow = 0;
  for (int i = 0; i < 50; ++i) slow += cluster.place("a" + std::to_string(i), at(1s)) == "fresh";
  EXPECT_EQ(slow, 10);
  int after = 0;
  for (int i = 0; i < 50; ++i) {
    after += cluster.place("b" + std::to_string(i), at(kSlowStart)) == "fresh";
  }
  EXPECT_EQ(after, 50);
}

TEST(Placer, OriginInSlowStartScoresNoBetterThanTheMeanOfTheOthers) {
  auto cap = [](model::OriginDescription& d) { d.capacity.egress_bits_per_second = 100'000'000; };
  Cluster cluster({origin("a", cap), origin("b", cap), origin("fresh", cap)});
  report(cluster.views[0], at(0s), 0, 1);
  report(cluster.views[1], at(0s), 0, 1);
  cluster.views[0].load->egress_bits_per_second = 40e6;
  cluster.views[1].load->egress_bits_per_second = 50e6;
  cluster.views[2].slow_start_until = at(kSlowStart);
  EXPECT_EQ(cluster.decide("s", at(0s)).record.winner, OriginId("a"));
  cluster.views[2].slow_start_until = at(0s);
  EXPECT_EQ(cluster.decide("s", at(0s)).record.winner, OriginId("fresh"));
}

TEST(Placer, RecordIsBoundedAndKeepsRoomForRejectedOrigins) {
  std::vector<OriginView> views = idle(100);
  for (int i = 0; i < 50; ++i) views[static_cast<std::size_t>(i)].cordoned = true;
  Cluster cluster(std::move(views));
  const DecisionRecord record = cluster.decide("s", at(0s)).record;
  EXPECT_EQ(record.candidates.size(), kRecordCandidatesMax);
  EXPECT_EQ(record.considered, 100U);
  EXPECT_EQ(record.eligible, 50U);
  EXPECT_EQ(std::count_if(record.candidates.begin(), record.candidates.end(),
                          [](const Candidate& c) { return c.rejected_by == Rejection::kCordoned; }),
            static_cast<std::ptrdiff_t>(kRecordRejectedMin));
  EXPECT_EQ(record.rejected[static_cast<std::size_t>(Rejection::kCordoned)], 50U);
  EXPECT_TRUE(std::is_sorted(record.candidates.begin(), record.candidates.begin() + 24,
                             [](const auto& a, const auto& b) { return a.score < b.score; }));
}

TEST(Placer, VerdictFitsWhateverTheIdsAndReasons) {
  Cluster cluster({origin(std::string(200, 'x') + "1"), origin(std::string(200, 'y') + "2")});
  for (int reason = 0; reason < 7; ++reason) {
    OriginView view = origin("r" + std::to_string(reason));
    if (reason == 0) view.cordoned = true;
    if (reason == 1) view.protocol_bits = 0;
    if (reason == 2) view.protocol_bits = 2;
    if (reason == 3) cluster.request.failed = {view.incarnation};
    if (reason == 4) cluster.request.penalized = {view.incarnation};
    if (reason == 5) view.state = model::OriginState::kDead;
    if (reason == 6) report(view, at(0s), 3);
    cluster.views.push_back(view);
  }
  const std::string verdict = cluster.decide("s", at(0s)).record.verdict;
  EXPECT_LE(verdict.size(), kVerdictBytesMax);
  EXPECT_NE(verdict.find("; 2 of 9"), std::string::npos) << verdict;
  EXPECT_NE(verdict.find("; next ~"), std::string::npos) << verdict;
}

TEST(Placer, RecordShowsPendingStreamsAndAgeOfData) {
  Cluster cluster(idle(1));
  report(cluster.views[0], at(0s), 0.2);
  cluster.place("a", at(1s));
  const DecisionRecord record = cluster.decide("b", at(3s)).record;
  EXPECT_EQ(record.candidates[0].pending_streams, 1U);
  EXPECT_EQ(record.candidates[0].data_age, Duration(3s));
  EXPECT_EQ(record.policy, "spread");
}

TEST(Placer, LooksAtNoMoreThanTheStepLimitYetLeavesNoOriginOutForGood) {
  std::vector<OriginView> views(kStepsMax + 5'000, origin("same"));
  Cluster cluster(std::move(views));
  const Decision decision = cluster.decide("s", at(0s));
  EXPECT_EQ(decision.record.considered, kStepsEnough);
  EXPECT_EQ(decision.ranked.size(), kRankedMax);
  for (auto& view : cluster.views) view.cordoned = true;
  EXPECT_EQ(cluster.decide("s", at(0s)).record.considered, kStepsMax);
}

TEST(Placer, ChoosesOneOfAllOriginsOfALargeClusterForOneStreamOrAnother) {
  std::vector<OriginView> views;
  for (std::size_t number = 0; number < 3 * kStepsEnough; ++number) {
    views.push_back(origin("o" + std::to_string(number)));
  }
  Cluster cluster(std::move(views));
  std::set<std::size_t> parts;
  for (int stream = 0; stream < 60; ++stream) {
    const Decision decision = cluster.decide("s" + std::to_string(stream), at(0s));
    parts.insert(std::stoul(decision.record.winner.str().substr(1)) / kStepsEnough);
  }
  EXPECT_EQ(parts.size(), 3U);
}

}  // namespace
}  // namespace weir::placement
