// The scenarios of docs/adr/0004: many seeded interleavings of each against the real store, and
// broken stores that the same checks must catch.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/forwarding_store.h"
#include "tests/conformance/memory_store_under_test.h"
#include "tests/conformance/ownership_world.h"
#include "tests/conformance/redis_store_under_test.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kSeeds = 2000;
/// Of those with a direct publisher: 2,000 of each found nothing more, and took a minute.
constexpr std::uint64_t kDirectSeeds = 300;
constexpr std::uint64_t kRedisSeeds = 40;
constexpr auto kRedisTime = std::chrono::milliseconds(300);

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      // Normal races.
      {"A1RaceAndEncoderEnds", {.end_session = 1}},
      {"A2RaceAndEncoderEndsReject", {.end_session = 1}, {0, 1}, false, true},
      {"A3IdleTakeoverAndEnd", {.end_session = 1, .idle = 1}, {0, 1}, true},
      {"A4OriginDiesInTheRace", {.origin_dies = 1}},
      {"A5StoreFrozen", {.store_freezes = 1}, {0, 1}, true},
      {"A6ForwarderKilledReject", {.forwarder_crashes = 1}, {0, 1}, true, true},
      {"A7ThreeSessionsIdleAndEnd", {.end_session = 1, .idle = 1}, {0, 1, 0}, true},
      // Loss of history, as far as the embedded store can lose it: all of it.
      {"B1Lost", {.store_loses_all = 1}, {0, 1}, true},
      {"B2LostAndEndReject", {.end_session = 1, .store_loses_all = 1}, {0, 1}, true, true},
      {"B3LostTwice", {.store_loses_all = 2}, {0}},
      {"B8LostAndEndThreeSessions", {.end_session = 1, .store_loses_all = 1}, {0, 1, 0}, true},
      {"B9LostAndCutForwarder", {.cut_forwarder = 1, .store_loses_all = 1}, {0, 1}, true},
      {"B10LostAndCutAgent", {.cut_agent = 1, .store_loses_all = 1}, {0, 1}, true},
      // False death, partitions.
      {"C1CutForwarder", {.cut_forwarder = 1}, {0, 1}, true},
      {"C2CutForwarderTwice", {.cut_forwarder = 2}, {0, 1}, true},
      {"C3FalseDeath", {.false_verdict = 1}, {0, 1}, true},
      {"C4FalseDeathAndCutForwarder", {.false_verdict = 1, .cut_forwarder = 1}, {0, 1}, true},
      {"C5FalseDeathAndCutAgent", {.false_verdict = 1, .cut_agent = 1}, {0, 1}, true},
      {"C6CutForwarderAndCutAgent", {.cut_forwarder = 1, .cut_agent = 1}, {0, 1}, true},
      {"C7CutForwarderAndEnd", {.end_session = 1, .cut_forwarder = 1}, {0, 1}, true},
      // Publishers on the origins themselves.
      {"D1DirectInTheRace", {.end_session = 1, .direct = 1}},
      {"D2DirectBesideALivePublisher", {.end_session = 1, .direct = 2}, {0, 1}, true},
      {"D3DirectAndFalseDeath", {.false_verdict = 1, .direct = 2}, {0, 1}, true},
      {"D4DirectAndCutForwarder", {.cut_forwarder = 1, .direct = 1}, {0, 1}, true},
      {"D5DirectAndLost", {.store_loses_all = 1, .direct = 1}, {0, 1}, true},
      {"D6DirectStays", {.direct = 2}, {0, 1}, false, false, true},
      {"D7DirectStaysWhenItsOriginDies",
       {.origin_dies = 1, .false_verdict = 1, .direct = 3},
       {0, 1},
       false,
       false,
       true},
      {"D8DirectStaysThroughALossAndACutAgent",
       {.cut_agent = 1, .store_loses_all = 1, .direct = 2},
       {0, 1},
       true,
       false,
       true},
  };
  return all;
}

/// How many interleavings of a scenario, and for how long at most.
struct Effort {
  std::uint64_t seeds = kSeeds;
  std::chrono::steady_clock::duration time = std::chrono::hours(1);
};

/// A real Redis takes a tenth of a second for each: WEIR_OWNERSHIP_SEEDS says how many if not those
/// that fit into a moment.
Effort redis_effort() {
  const char* seeds = std::getenv("WEIR_OWNERSHIP_SEEDS");
  if (seeds == nullptr) return {kRedisSeeds, kRedisTime};
  return {std::strtoull(seeds, nullptr, 10), std::chrono::hours(1)};
}

/// The first violation, as "scenario seed N: what".
std::string explore(const StoreFactory& store, const Scenario& scenario, Effort effort,
                    const StoreWrapper& wrap = {}) {
  const auto until = std::chrono::steady_clock::now() + effort.time;
  for (std::uint64_t seed = 1; seed <= effort.seeds; ++seed) {
    const std::string problem = OwnershipWorld(store.make(), scenario, seed, wrap).run();
    if (!problem.empty()) {
      return scenario.name + " seed " + std::to_string(seed) + ": " + problem;
    }
    if (std::chrono::steady_clock::now() > until) break;
  }
  return "";
}

const StoreFactory& memory_store() {
  static const StoreFactory factory{"memory",
                                    [] { return std::make_unique<MemoryStoreUnderTest>(); }};
  return factory;
}

class OwnershipScenarios : public ::testing::TestWithParam<Scenario> {};

TEST_P(OwnershipScenarios, KeepTheInvariantsInEveryInterleaving) {
  const bool direct = GetParam().faults.direct > 0;
  EXPECT_EQ(explore(memory_store(), GetParam(), {direct ? kDirectSeeds : kSeeds}), "");
}

TEST_P(OwnershipScenarios, KeepTheInvariantsOnRedis) {
  EXPECT_EQ(explore(redis_store(), GetParam(), redis_effort()), "");
}

INSTANTIATE_TEST_SUITE_P(Of, OwnershipScenarios, ::testing::ValuesIn(scenarios()),
                         [](const auto& scenario) { return scenario.param.name; });

const Scenario& scenario(const std::string& prefix) {
  for (const Scenario& each : scenarios()) {
    if (each.name.starts_with(prefix)) return each;
  }
  ADD_FAILURE() << "no scenario " << prefix;
  return scenarios().front();
}

/// GET, think, SET: what a proxy without a store verb does.
class GetThenSetStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) override {
    inner().lookup(request.stream, caller,
                   [this, request, caller,
                    done = std::move(done)](Reply<std::optional<model::Placement>> reply) mutable {
                     const auto* found = std::get_if<std::optional<model::Placement>>(&reply);
                     if (found == nullptr || *found)
                       return inner().acquire(request, caller, std::move(done));
                     executor().run_after(
                         std::chrono::milliseconds(100),
                         [this, request, caller, done = std::move(done)]() mutable {
                           overwrite(std::move(request), caller, std::move(done));
                         });
                   });
  }

 private:
  void overwrite(AcquireRequest request, Caller caller, Done<AcquireResult> done) {
    inner().lookup(request.stream, caller,
                   [this, request, caller,
                    done = std::move(done)](Reply<std::optional<model::Placement>> reply) mutable {
                     const auto* found = std::get_if<std::optional<model::Placement>>(&reply);
                     if (found != nullptr && *found) {
                       const model::Placement& there = **found;
                       inner().release({there.stream, there.holder, there.epoch}, caller,
                                       [](Reply<Changed>) {});
                     }
                     inner().acquire(std::move(request), caller, std::move(done));
                   });
  }
};

/// Says yes to verdicts and forgets them.
class VerdictForgettingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void declare_dead(DeathEvidence, Caller, Done<bool> done) override {
    executor().post([done = std::move(done)]() mutable { done(true); });
  }
};

/// Believes a takeover whatever its evidence, and however old.
class CredulousStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) override {
    if (request.takeover) request.takeover->evidence = Takeover::Evidence::kUnknown;
    inner().acquire(std::move(request), caller, std::move(done));
  }
};

/// Gives nobody back what he holds.
class RefusingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void restore(RestoreRequest, Caller, Done<Changed> done) override {
    executor().post([done = std::move(done)]() mutable { done(Changed{}); });
  }
  void claim(ClaimRequest, Caller, Done<Changed> done) override {
    executor().post([done = std::move(done)]() mutable { done(Changed{}); });
  }
};

/// Adopts whatever is live, whoever holds it.
class GreedyAdoptingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void adopt(AdoptRequest request, Caller caller, Done<Changed> done) override {
    inner().lookup(request.stream, caller,
                   [this, request, caller,
                    done = std::move(done)](Reply<std::optional<model::Placement>> reply) mutable {
                     const auto* found = std::get_if<std::optional<model::Placement>>(&reply);
                     if (found != nullptr && *found) {
                       const model::Placement& there = **found;
                       inner().orphan({{there.stream, there.holder, there.epoch}, {}, {}}, caller,
                                      [](Reply<Changed>) {});
                       inner().declare_dead({there.incarnation, "greed", {}}, caller,
                                            [](Reply<bool>) {});
                     }
                     inner().adopt(std::move(request), caller, std::move(done));
                   });
  }
};

template <class Broken>
std::string explore_broken(const StoreFactory& store, const std::string& prefix, Effort effort) {
  return explore(store, scenario(prefix), effort, [](StateStore& real, Executor& executor) {
    return std::make_unique<Broken>(real, executor);
  });
}

TEST(OwnershipChecks, CatchAStoreThatReadsAndThenWrites) {
  const auto caught = explore_broken<GetThenSetStore>(memory_store(), "A1", {});
  EXPECT_NE(caught.find("I3"), std::string::npos) << caught;
}

TEST(OwnershipChecks, CatchAStoreThatForgetsItsDeadSet) {
  const auto caught = explore_broken<VerdictForgettingStore>(memory_store(), "A4", {});
  EXPECT_NE(caught.find("I7"), std::string::npos) << caught;
}

TEST(OwnershipChecks, CatchAStoreThatDoesNotCheckTheEvidenceOfATakeover) {
  for (const char* name : {"A3", "A5"}) {
    const auto caught = explore_broken<CredulousStore>(memory_store(), name, {});
    EXPECT_NE(caught.find("I6"), std::string::npos) << caught;
  }
}

TEST(OwnershipChecks, CatchAStoreThatAdoptsWhatSomebodyHolds) {
  const auto caught = explore_broken<GreedyAdoptingStore>(memory_store(), "D2", {});
  EXPECT_NE(caught.find("I8"), std::string::npos) << caught;
}

TEST(OwnershipChecks, CatchAStoreThatBringsNothingBack) {
  EXPECT_NE(explore_broken<RefusingStore>(memory_store(), "B1", {}), "");
}

TEST(OwnershipChecks, CatchThemOverRedisAsWell) {
  const Effort effort{kSeeds, std::chrono::seconds(20)};
  EXPECT_NE(explore_broken<VerdictForgettingStore>(redis_store(), "A4", effort).find("I7"),
            std::string::npos);
  EXPECT_NE(explore_broken<CredulousStore>(redis_store(), "A3", effort).find("I6"),
            std::string::npos);
  EXPECT_NE(explore_broken<RefusingStore>(redis_store(), "B1", effort), "");
}

}  // namespace
}  // namespace weir::store
