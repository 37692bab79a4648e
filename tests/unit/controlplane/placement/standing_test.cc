// A standing, worked out beforehand, says what filters and score say; and samples.

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "tests/unit/controlplane/placement/placement_fixture.h"

namespace weir::placement {
namespace {

using namespace std::chrono_literals;

constexpr const char* kZones[] = {"", "eu", "us"};

OriginView random_origin(Random& random, std::size_t number) {
  auto view = origin("o" + std::to_string(number), [&](model::OriginDescription& description) {
    if (random.below(12) == 0) description.endpoints.clear();
    if (random.below(8) == 0) description.endpoints = {{model::Protocol::kSrt, "127.0.0.1:10080"}};
    description.zone = kZones[random.below(3)];
    auto& capacity = description.capacity;
    if (random.below(2) == 0) capacity.streams = static_cast<std::uint32_t>(random.below(40));
    if (random.below(2) == 0) capacity.egress_bits_per_second = random.below(50'000'000);
    if (random.below(4) == 0) capacity.connections = static_cast<std::uint32_t>(random.below(60));
  });
  if (random.below(8) == 0) view.state = model::OriginState::kSuspect;
  view.cordoned = random.below(8) == 0;
  view.draining = random.below(8) == 0;
  if (random.below(4) == 0) view.weight = 0.5 + static_cast<double>(random.below(4));
  view.placed_streams = static_cast<std::uint32_t>(random.below(40));
  view.pending.in_flight = static_cast<std::uint32_t>(random.below(3));
  view.pending.unreported = static_cast<std::uint32_t>(random.below(5));
  const double start = std::chrono::duration<double>(at(-5s).time_since_epoch()).count();
  view.pending.bits_total = static_cast<double>(random.below(20'000'000));
  view.pending.bits_moment = view.pending.bits_total * start;
  view.error_rate = random.below(4) == 0 ? 0.5 : 0;
  if (random.below(4) == 0) {
    view.slow_start_until = at(Duration(5s) - 1s * random.below(10));
    view.slow_start_placed = 7;
  }
  if (random.below(4) != 0) {
    view.load.emplace();
    view.load_time = at(-1s * random.below(14));
    view.load->cpu_utilization = static_cast<double>(random.below(110)) / 100 - 0.05;
    view.load->streams = static_cast<std::uint32_t>(random.below(40));
    view.load->connections = static_cast<std::uint32_t>(random.below(60));
    view.load->egress_bits_per_second = static_cast<double>(random.below(50'000'000));
    view.load->open_files = static_cast<std::uint32_t>(random.below(100));
    view.load->open_files_max = random.below(2) == 0 ? 0 : 100;
  }
  return view;
}

Request random_request(Random& random, std::size_t number) {
  Request request;
  request.stream = stream_key("s" + std::to_string(number));
  request.zone = kZones[random.below(3)];
  if (random.below(3) == 0) request.declared_bits_per_second = random.below(9'000'000);
  if (random.below(4) == 0) request.pin = OriginId("o" + std::to_string(random.below(300)));
  if (random.below(8) == 0) request.protocol = model::Protocol::kSrt;
  const auto some = [&] { return IncarnationId("o" + std::to_string(random.below(300)) + "-1"); };
  for (auto count = random.below(20); count > 0; --count) request.failed.push_back(some());
  for (auto count = random.below(20); count > 0; --count) request.penalized.push_back(some());
  return request;
}

TEST(Standing, SaysWhatFiltersAndScoreSayUntilItIsTooOld) {
  SeededRandom random(3);
  const Settings settings;
  std::size_t passed = 0;
  std::set<Rejection> rejections;
  for (std::size_t number = 0; number < 300; ++number) {
    const OriginView view = random_origin(random, number);
    const Standing standing = make_standing(settings, view, at(0s));
    for (std::size_t asked = 0; asked < 40; ++asked) {
      const Request request = random_request(random, asked);
      const auto now = at(std::chrono::milliseconds(random.below(12'000)));
      if (now >= standing.good_before) continue;
      const Question question(request, settings, now);
      const auto wanted = filter(question, view);
      const auto is = judge(question, standing, view);
      ASSERT_EQ(is.filter.rejection, wanted.rejection);
      rejections.insert(wanted.rejection);
      if (wanted.rejection != Rejection::kNone) {
        ASSERT_EQ(is.filter.momentary, wanted.momentary);
        continue;
      }
      ++passed;
      ASSERT_DOUBLE_EQ(is.score, score(question, view).score);
      ASSERT_EQ(standing.streams, weighed_streams(view, now));
      ASSERT_EQ(standing.in_slow_start, in_slow_start(view, now));
    }
  }
  EXPECT_GT(passed, 500U);
  EXPECT_EQ(rejections.size(), kRejections) << "every rejection was seen";
}

TEST(Standing, DecisionsAreTheSameWithAndWithoutThem) {
  SeededRandom random(4);
  std::vector<OriginView> views;
  std::vector<Standing> standings;
  for (std::size_t number = 0; number < 300; ++number) {
    views.push_back(random_origin(random, number));
    standings.push_back(make_standing({}, views.back(), at(0s)));
  }
  Placer placer{Settings{}};
  for (std::size_t asked = 0; asked < 200; ++asked) {
    Request request = random_request(random, asked);
    request.sample = static_cast<std::uint32_t>(random.below(4));
    request.seed = random.next();
    // Also when some are too old: the decision works those out itself.
    const auto now = at(std::chrono::milliseconds(random.below(12'000)));
    const auto with = placer.decide(request, {now, {}, views, standings});
    const auto without = placer.decide(request, {now, {}, views, {}});
    ASSERT_EQ(with.record.considered, without.record.considered);
    ASSERT_EQ(with.record.eligible, without.record.eligible);
    ASSERT_EQ(with.record.rejected, without.record.rejected);
    ASSERT_EQ(with.record.verdict, without.record.verdict);
    ASSERT_EQ(with.ranked.size(), without.ranked.size());
    for (std::size_t i = 0; i < with.ranked.size(); ++i) {
      ASSERT_EQ(with.ranked[i].incarnation, without.ranked[i].incarnation);
    }
  }
}

// ------------------------------------------------------------------------------------- samples

class Sample : public ::testing::Test {
 protected:
  Decision decide(std::uint64_t seed) {
    request.stream = stream_key("s");
    request.sample = 2;
    request.seed = seed;
    return placer.decide(request, Snapshot{.now = at(0s), .origins = views});
  }

  std::vector<OriginView> views;
  Request request;
  Placer placer{Settings{}};
};

TEST_F(Sample, IsTheBetterOfTwoThatTheSeedDraws) {
  for (int at = 0; at < 50; ++at) {
    views.push_back(origin("o" + std::to_string(at)));
    views.back().placed_streams = static_cast<std::uint32_t>(at) * 20;
  }
  std::set<std::string> winners;
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const auto decision = decide(seed);
    ASSERT_EQ(decision.record.eligible, 2U);
    ASSERT_EQ(decision.record.considered, 2U);
    ASSERT_EQ(decision.ranked.size(), 2U);
    ASSERT_LE(decision.record.candidates[0].score, decision.record.candidates[1].score);
    EXPECT_EQ(decision.record.winner, decide(seed).record.winner);
    winners.insert(decision.record.winner.str());
    sum += decision.record.candidates[0].score;
  }
  EXPECT_GT(winners.size(), 35U) << "not all replicas choose the same";
  // The better of two of an even spread is a third up from the best.
  EXPECT_NEAR(sum / 500, 1.0 / 3, 0.03);
}

TEST_F(Sample, LooksOnUntilTwoPassed) {
  for (int at = 0; at < 40; ++at) {
    views.push_back(origin("o" + std::to_string(at)));
    views.back().cordoned = at % 2 == 0;
  }
  const auto decision = decide(1);
  EXPECT_EQ(decision.record.eligible, 2U);
  EXPECT_EQ(decision.record.considered,
            2 + decision.record.rejected[static_cast<std::size_t>(Rejection::kCordoned)]);
}

TEST_F(Sample, WithoutAnyThatTakesItAllAreLookedAt) {
  for (int at = 0; at < 5'000; ++at) {
    views.push_back(origin("o" + std::to_string(at)));
    views.back().cordoned = at != 4'321;
  }
  const auto decision = decide(1);
  EXPECT_EQ(decision.record.winner, OriginId("o4321"));
  EXPECT_EQ(decision.record.considered,
            1 + decision.record.rejected[static_cast<std::size_t>(Rejection::kCordoned)]);
}

TEST_F(Sample, AsLargeAsTheClusterIsAllOfIt) {
  views = {origin("o1"), origin("o2")};
  EXPECT_EQ(decide(1).record.considered, 2U);
}

}  // namespace
}  // namespace weir::placement
