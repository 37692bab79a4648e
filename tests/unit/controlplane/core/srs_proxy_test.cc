// What the SRS Proxy did when it was pushed, as far as it concerns registration and placement: each
// failure is a test of ours. Those that need sockets are in tests/e2e and tests/integration.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

constexpr int kMany = 200;

struct SrsProxyCluster {
  using Links = std::vector<std::shared_ptr<FakeAgentLink>>;

  static std::string name(int i) { return "vid-" + std::to_string(i); }
  static OriginSeen srs(int i, int life = 1) {
    auto seen = CoreHarness::seen(name(i), "192.0.2.1:" + std::to_string(10'000 + i),
                                  "s" + std::to_string(life) + "." + std::to_string(i));
    seen.description.kind = model::OriginKind::kSrs;
    return seen;
  }
  static AgentHello hello(const std::string& agent, std::vector<OriginSeen> origins) {
    AgentHello hello;
    hello.agent = AgentId(agent);
    hello.instance = "run1";
    hello.origins = std::move(origins);
    return hello;
  }
  void one_agent(int origins) {
    std::vector<OriginSeen> seen;
    for (int i = 0; i < origins; ++i) seen.push_back(srs(i));
    agents = {h.attach_agent("a1", std::move(seen))};
    h.settle_with({}, agents);
  }
  LoadReport report(int origin) {
    LoadReport report;
    OriginReport of;
    of.origin = OriginId(name(origin));
    of.incarnation = h.incarnation(name(origin));
    of.load.streams = 1;
    report.origins = {of};
    return report;
  }

  CoreHarness h;
  Links agents;
};

class SrsProxyFailures : public ::testing::Test, protected SrsProxyCluster {};

TEST_F(SrsProxyFailures, TwoHundredAgentsThatRegisterAtOnceNeverDropEachOther) {
  // Nothing is answered before all have spoken: heartbeats that rewrite one list lose some here.
  for (int i = 0; i < kMany; ++i) {
    agents.push_back(std::make_shared<FakeAgentLink>());
    h.core->agents().message(agents.back(), hello("a" + std::to_string(i), {srs(i)}));
  }
  h.run();
  h.settle_with({}, agents);
  EXPECT_EQ(h.status().origins_alive, static_cast<std::uint32_t>(kMany));
  // All restart at once.
  for (int i = 0; i < kMany; ++i) {
    h.core->agents().message(agents[static_cast<std::size_t>(i)], srs(i, 2));
  }
  h.run();
  EXPECT_EQ(h.status().origins_alive, static_cast<std::uint32_t>(kMany));
  std::set<IncarnationId> incarnations;
  for (int i = 0; i < kMany; ++i) incarnations.insert(h.incarnation(name(i)));
  EXPECT_EQ(incarnations.size(), static_cast<std::size_t>(kMany));
}

TEST_F(SrsProxyFailures, TwoHundredOriginsBehindOneAgentAreRegisteredInOneHello) {
  one_agent(kMany);
  EXPECT_EQ(h.status().origins_alive, static_cast<std::uint32_t>(kMany));
}

TEST_F(SrsProxyFailures, AReportCostsTheSameAmongTenOriginsAndAmongAThousand) {
  // Verbs of the store (each posts one answer), and messages.
  const auto cost = [](int origins) {
    SrsProxyCluster cluster;
    cluster.one_agent(origins);
    const auto report = cluster.report(0);
    FakeAgentLink& link = *cluster.agents[0];
    link.sent.clear();
    cluster.h.core->agents().message(cluster.agents[0], report);
    return std::pair{cluster.h.executor->posted(), link.sent.size()};
  };
  const auto few = cost(10);
  EXPECT_EQ(few, (std::pair<std::size_t, std::size_t>{0, 1}));
  EXPECT_EQ(cost(1'000), few);
}

TEST_F(SrsProxyFailures, ADeadOriginIsNeverChosenAgainWhoeverRemembersIt) {
  one_agent(3);
  auto f1 = h.attach_forwarder("f1");
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  h.tell(agents[0],
         OriginVerdict{placed.origin, placed.incarnation, VerdictReason::kProcessGone, 1ms});
  // The mapping of the stream, its own holder, its orphan, other streams: none leads there.
  EXPECT_NE(h.acquire("live/a", "f1", "s1").value().route.placement.incarnation,
            placed.incarnation);
  h.end(f1, "s1");
  for (int i = 0; i < 60; ++i) {
    const auto& got = h.acquire("live/x" + std::to_string(i), "f1", "x" + std::to_string(i));
    ASSERT_TRUE(got.ok());
    EXPECT_NE(got.value().route.placement.incarnation, placed.incarnation);
  }
  // Nor does a late report bring it back.
  LoadReport late;
  OriginReport of;
  of.origin = placed.origin;
  of.incarnation = placed.incarnation;
  late.origins = {of};
  h.tell(agents[0], late);
  EXPECT_EQ(h.state(placed.origin.str()), model::OriginState::kDead);
}

TEST_F(SrsProxyFailures, APlacementIsNotKeptOnADeadIncarnationWhenItsPublisherComesBack) {
  one_agent(2);
  auto f1 = h.attach_forwarder("f1");
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  h.end(f1, "s1");  // its encoder lost it with the origin, and comes back at once
  h.tell(agents[0],
         OriginVerdict{placed.origin, placed.incarnation, VerdictReason::kProcessGone, 1ms});
  const auto& again = h.acquire("live/a", "f1", "s2");
  ASSERT_TRUE(again.ok());
  EXPECT_NE(again.value().route.placement.origin, placed.origin);
  EXPECT_GT(again.value().route.placement.epoch, placed.epoch);
}

TEST_F(SrsProxyFailures, TwoHundredFirstPublishesAtOnceLandOneOnEachOfTwoHundredOrigins) {
  one_agent(kMany);
  // Asked in one instant: no report and no answer of the store comes in between.
  std::vector<std::optional<Answer<Acquired>>> answers(kMany);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    AcquireQuery query;
    query.stream = key("live/s" + std::to_string(i));
    query.holder =
        model::SessionHolder{ForwarderId(i % 2 == 0 ? "f1" : "f2"), SessionId(std::to_string(i))};
    h.core->placements().acquire(std::move(query), [&answers, i](Answer<Acquired> answer) {
      answers[i] = std::move(answer);
    });
  }
  h.run();
  std::map<std::string, int> landed;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer && std::holds_alternative<Acquired>(*answer));
    ++landed[std::get<Acquired>(*answer).route.placement.origin.str()];
  }
  for (int i = 0; i < kMany; ++i) EXPECT_LE(std::abs(landed[name(i)] - 1), 1) << name(i);
}

TEST_F(SrsProxyFailures, FiftyStreamsAskedForByTwoForwardersAtOnceHaveOneOwnerEach) {
  one_agent(10);
  auto f1 = h.attach_forwarder("f1");
  auto f2 = h.attach_forwarder("f2");
  std::vector<StreamKey> streams;
  for (int i = 0; i < 50; ++i) streams.push_back(key("live/s" + std::to_string(i)));
  // Each is published through one forwarder and played through the other in the same instant.
  for (std::size_t i = 0; i < streams.size(); ++i) {
    h.core->forwarders().message(f2, RouteInterest{{streams[i]}, {}});
    AcquireQuery query;
    query.stream = streams[i];
    query.holder = model::SessionHolder{ForwarderId("f1"), SessionId("p" + std::to_string(i))};
    h.core->placements().acquire(std::move(query), [](const Answer<Acquired>&) {});
  }
  h.run();
  std::map<StreamKey, OriginId> told;
  for (const auto& update : f2->all<RouteUpdate>()) {
    if (update.route) told[update.stream] = update.route->placement.origin;
  }
  for (const StreamKey& stream : streams) {
    ASSERT_TRUE(told.contains(stream)) << stream.str();
    EXPECT_EQ(told[stream], h.placement(stream.str())->origin);
  }
}

}  // namespace
}  // namespace weir::core::testing
