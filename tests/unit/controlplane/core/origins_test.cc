// Origins in the core: agents, verdicts, dial failures, static ones, cordons.

#include <algorithm>

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "controlplane/core/origin_rules.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

class CoreOrigins : public ::testing::Test {
 protected:
  void start() {
    agent = h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1"),
                                  CoreHarness::seen("o2", "127.0.0.1:1937", "pid2")});
    f1 = h.attach_forwarder("f1");
    h.settle_with({f1}, {agent});
  }
  void cordon(const std::string& origin, std::optional<std::string> reason) {
    cordoned = h.cordon(origin, std::move(reason));
  }
  Got<store::OriginRecord> register_static(const std::string& id, const std::string& address,
                                           bool validate_only = false) {
    model::OriginDescription description;
    description.id = OriginId(id);
    description.endpoints = {{model::Protocol::kRtmp, address}};
    Got<store::OriginRecord> got;
    h.core->origins().register_origin(
        description, validate_only,
        [&got](Answer<store::OriginRecord> answer) { got.answer = std::move(answer); });
    h.run();
    return got;
  }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1;
  Got<OrderDone> cordoned;
};

TEST_F(CoreOrigins, AnAgentIsWelcomedAndToldItsIncarnations) {
  start();
  const auto welcome = agent->last<AgentWelcome>();
  ASSERT_TRUE(welcome);
  EXPECT_EQ(welcome->report_interval, Duration(1s));
  EXPECT_GT(welcome->generation, 0U);
  const auto accepted = agent->all<OriginAccepted>();
  ASSERT_EQ(accepted.size(), 2U);
  EXPECT_EQ(accepted[0].origin, OriginId("o1"));
  EXPECT_EQ(accepted[0].incarnation, h.incarnation("o1"));
  EXPECT_TRUE(accepted[0].rejection.empty());
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
}

TEST_F(CoreOrigins, WhatAHelloNoLongerNamesIsNotWatchedAnyMore) {
  start();
  auto idle = CoreHarness::seen("o3", "127.0.0.1:1938", "");
  agent = h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1"), idle});
  const auto warns = [&] {
    const auto warnings = h.status().warnings;
    return std::any_of(warnings.begin(), warnings.end(), [](const std::string& text) {
      return text.find("watched by an agent but do not run") != std::string::npos;
    });
  };
  EXPECT_TRUE(warns());
  agent = h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1")});
  EXPECT_FALSE(warns());
  // Another agent may watch it now.
  auto other = h.attach_agent("a2", {CoreHarness::seen("o3", "127.0.0.1:1938", "pid3")});
  EXPECT_EQ(other->last<OriginAccepted>()->origin, OriginId("o3"));
}

TEST_F(CoreOrigins, EvidenceThatSeemsOlderThanTheIncarnationItNamesStillCounts) {
  start();
  h.tell(agent,
         OriginVerdict{OriginId("o1"), h.incarnation("o1"), VerdictReason::kProcessGone, 1min});
  h.advance(1s);
  EXPECT_TRUE(std::get<OriginInfo>(h.core->listing().origin(OriginId("o1"))).record.dead);
}

TEST_F(CoreOrigins, AgentsThatStayAwayMakeRoomForOthers) {
  start();
  std::vector<std::shared_ptr<FakeAgentLink>> links;
  for (std::size_t i = 0; i < kAgentsMax; ++i) {
    links.push_back(h.attach_agent("b" + std::to_string(i), {}));
  }
  EXPECT_TRUE(links.back()->ended);
  for (const auto& link : links) h.core->agents().closed(link);
  h.advance_with({f1}, {agent}, kDetachedKept + 2s);
  EXPECT_FALSE(h.attach_agent("c", {})->ended);
  // One with a live origin is not forgotten.
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
}

TEST_F(CoreOrigins, AVerdictTakesTheOriginOutAtOnceAndForGood) {
  start();
  const auto dead = h.incarnation("o1");
  h.tell(agent, OriginVerdict{OriginId("o1"), dead, VerdictReason::kProcessGone, 10ms});
  EXPECT_EQ(h.state("o1"), model::OriginState::kDead);
  EXPECT_TRUE(h.has_event("ORIGIN_DOWN"));
  for (int i = 0; i < 4; ++i) {
    const auto& got = h.acquire("live/s" + std::to_string(i), "f1", "s" + std::to_string(i));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.value().route.placement.origin, OriginId("o2"));
  }
}

TEST_F(CoreOrigins, ANewProcessIsANewIncarnationThatTakesStreamsAgain) {
  start();
  const auto dead = h.incarnation("o1");
  h.tell(agent, OriginVerdict{OriginId("o1"), dead, VerdictReason::kProcessGone, 10ms});
  h.tell(agent, CoreHarness::seen("o1", "127.0.0.1:1936", "pid3"));
  EXPECT_NE(h.incarnation("o1"), dead);
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
  EXPECT_EQ(agent->last<OriginAccepted>()->incarnation, h.incarnation("o1"));
  cordon("o2", "only o1");
  const auto& got = h.acquire("live/a", "f1", "s1");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.value().route.placement.incarnation, h.incarnation("o1"));
}

TEST_F(CoreOrigins, AProcessReplacedWithoutAVerdictTakesStreamsAtOnce) {
  start();
  cordon("o2", "only o1");
  // In a container nobody sees the exit: the next sign is another process.
  h.tell(agent, CoreHarness::seen("o1", "127.0.0.1:1936", "pid3"));
  EXPECT_EQ(h.status().origins_alive, 2U);
  const auto& got = h.acquire("live/a", "f1", "s1");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.value().route.placement.incarnation, h.incarnation("o1"));
}

TEST_F(CoreOrigins, StreamsOfADeadOriginArePlacedElsewhereForTheirOwnHolder) {
  start();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  h.tell(agent, OriginVerdict{placed.origin, placed.incarnation, VerdictReason::kProcessGone, 1ms});
  // Not moved by the verdict itself: the session runs on until it fails.
  EXPECT_EQ(h.placement("live/a")->epoch, placed.epoch);
  const auto& again = h.acquire("live/a", "f1", "s1");
  ASSERT_TRUE(again.ok());
  EXPECT_NE(again.value().route.placement.origin, placed.origin);
  EXPECT_GT(again.value().route.placement.epoch, placed.epoch);
  EXPECT_TRUE(h.has_event("STREAM_REPLACED"));
}

TEST_F(CoreOrigins, SilenceOfAnAgentMakesItsOriginsSuspectAndItsReturnRecoversThem) {
  start();
  h.advance_with({f1}, {}, 2500ms);
  EXPECT_EQ(h.state("o1"), model::OriginState::kSuspect);
  EXPECT_EQ(h.acquire("live/a", "f1", "s1").error().reason, Reason::kNoEligibleOrigin);
  h.tell(agent, AgentHeartbeat{});
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
  EXPECT_TRUE(h.has_event("ORIGIN_RECOVERED"));
}

TEST_F(CoreOrigins, DialFailuresOfAllForwardersKillAnOriginWhoseAgentIsSilent) {
  start();
  auto f2 = h.attach_forwarder("f2");
  const auto incarnation = h.incarnation("o1");
  h.tell(f1, DialReport{incarnation, ContactOutcome::kTimedOut, 1s});
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);  // only the pair is penalised
  const auto info = std::get<OriginInfo>(h.core->listing().origin(OriginId("o1")));
  EXPECT_EQ(info.penalized_forwarders, std::vector<ForwarderId>{ForwarderId("f1")});
  h.core->agents().closed(agent);
  h.run();
  h.advance_with({f1, f2}, {}, 2s);
  h.tell(f1, DialReport{incarnation, ContactOutcome::kTimedOut, 1s});
  h.tell(f2, DialReport{incarnation, ContactOutcome::kRefused, 1s});
  EXPECT_EQ(h.state("o1"), model::OriginState::kDead);
}

TEST_F(CoreOrigins, AFailedAcquireCountsAsADialFailure) {
  start();
  const auto placed = h.acquire("live/a", "f1", "s1").value().route.placement;
  h.acquire("live/a", "f1", "s1",
            AcquireQuery::Failed{placed.incarnation, placed.epoch, ContactOutcome::kRefused});
  const auto info = std::get<OriginInfo>(h.core->listing().origin(placed.origin));
  EXPECT_EQ(info.penalized_forwarders, std::vector<ForwarderId>{ForwarderId("f1")});
}

TEST_F(CoreOrigins, NewestOfTwoAgentsWithOneIdWins) {
  start();
  auto second = h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1")}, "run2");
  EXPECT_TRUE(agent->ended);
  EXPECT_FALSE(second->ended);
  EXPECT_TRUE(h.has_event("AGENT_REPLACED"));
}

TEST_F(CoreOrigins, TwoLiveOriginsWithOneIdGetDifferentIds) {
  start();
  auto other = h.attach_agent("a2", {CoreHarness::seen("o1", "192.0.2.9:1936", "pid9")});
  const auto accepted = other->last<OriginAccepted>();
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->origin, OriginId("o1"));
  EXPECT_NE(accepted->accepted_origin, OriginId("o1"));
  EXPECT_TRUE(h.has_event("ORIGIN_ID_TAKEN"));
  EXPECT_EQ(h.state(accepted->accepted_origin.str()), model::OriginState::kAlive);
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
}

TEST_F(CoreOrigins, AgentRestartedWithTheSameProcessKeepsTheIncarnation) {
  start();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  h.core->agents().closed(agent);
  agent = h.attach_agent("a1",
                         {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1", h.incarnation("o1")),
                          CoreHarness::seen("o2", "127.0.0.1:1937", "pid2", h.incarnation("o2"))},
                         "run2");
  EXPECT_EQ(h.placement("live/a")->incarnation, placed.incarnation);
  EXPECT_EQ(h.incarnation(placed.origin.str()), placed.incarnation);
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
}

TEST_F(CoreOrigins, AReportIsAcknowledgedAndShown) {
  start();
  LoadReport report;
  report.sequence = 7;
  OriginReport of;
  of.origin = OriginId("o1");
  of.incarnation = h.incarnation("o1");
  of.load.cpu_utilization = 0.25;
  of.load.streams = 3;
  report.origins = {of};
  h.tell(agent, report);
  EXPECT_EQ(agent->last<ReportAck>()->sequence, 7U);
  const auto info = std::get<OriginInfo>(h.core->listing().origin(OriginId("o1")));
  ASSERT_TRUE(info.load);
  EXPECT_EQ(info.load->cpu_utilization, 0.25);
}

TEST_F(CoreOrigins, AgentsAreToldTheEpochsOfTheirStreams) {
  start();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  const auto epoch = agent->last<StreamEpoch>();
  ASSERT_TRUE(epoch);
  EXPECT_EQ(epoch->stream, placed.stream);
  EXPECT_EQ(epoch->epoch, placed.epoch);
}

TEST_F(CoreOrigins, ASnapshotWithoutAStreamFreesItWhenItsForwarderIsGone) {
  start();
  h.advance_with({f1}, {agent}, 3500ms);
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  h.core->forwarders().closed(f1);
  LoadReport report;
  OriginReport of;
  of.origin = placed.origin;
  of.incarnation = placed.incarnation;
  of.streams_complete = true;
  report.origins = {of};
  h.tell(agent, report);
  EXPECT_EQ(h.placement("live/a")->state, model::PlacementState::kPublishing);
  h.advance_with({}, {agent}, 5s);
  h.tell(agent, report);
  EXPECT_EQ(h.placement("live/a")->state, model::PlacementState::kOrphaned);
}

TEST_F(CoreOrigins, StaticOriginIsProbedLivesAndDies) {
  start();
  const auto got = register_static("st1", "127.0.0.1:1950");
  ASSERT_TRUE(got.ok());
  h.advance_with({f1}, {agent}, 1500ms);
  EXPECT_GT(h.prober->probes, 0);
  EXPECT_EQ(h.state("st1"), model::OriginState::kAlive);
  const auto first = h.incarnation("st1");
  h.prober->answer = ContactOutcome::kRefused;
  h.advance_with({f1}, {agent}, 5s);
  EXPECT_EQ(h.state("st1"), model::OriginState::kDead);
  h.prober->answer = ContactOutcome::kAnswered;
  h.advance_with({f1}, {agent}, 15s);
  EXPECT_EQ(h.state("st1"), model::OriginState::kAlive);
  EXPECT_NE(h.incarnation("st1"), first);
}

TEST_F(CoreOrigins, StaticRegistrationIsCheckedAndItsIdIsUnique) {
  start();
  EXPECT_EQ(register_static("o1", "127.0.0.1:1950").error().reason, Reason::kOriginIdInUse);
  EXPECT_EQ(register_static("UPPER", "127.0.0.1:1950").error().reason, Reason::kInvalidField);
  EXPECT_EQ(register_static("st1", "noport").error().reason, Reason::kInvalidField);
  EXPECT_TRUE(register_static("st1", "127.0.0.1:1950", true).ok());
  EXPECT_TRUE(std::holds_alternative<CoreError>(h.core->listing().origin(OriginId("st1"))));
  EXPECT_TRUE(register_static("st1", "127.0.0.1:1950").ok());
  EXPECT_EQ(register_static("st1", "127.0.0.1:1951").error().reason, Reason::kOriginIdInUse);
}

TEST_F(CoreOrigins, CordonKeepsNewStreamsAwayUntilItIsTakenBack) {
  start();
  cordon("o1", "maintenance");
  ASSERT_TRUE(cordoned.ok());
  EXPECT_TRUE(cordoned.value().changed);
  EXPECT_EQ(h.marks("o1").cordon, "maintenance");
  for (int i = 0; i < 4; ++i) {
    const auto& got = h.acquire("live/s" + std::to_string(i), "f1", "s" + std::to_string(i));
    EXPECT_EQ(got.value().route.placement.origin, OriginId("o2"));
  }
  cordon("o1", std::nullopt);
  EXPECT_EQ(h.acquire("live/more", "f1", "s9").value().route.placement.origin, OriginId("o1"));
  cordon("nobody", "x");
  EXPECT_EQ(cordoned.error().reason, Reason::kOriginNotFound);
  EXPECT_TRUE(h.has_event("ORIGIN_CORDONED"));
  EXPECT_TRUE(h.has_event("ORIGIN_UNCORDONED"));
}

TEST(CoreOriginsElsewhere, LoopbackEndpointOfARemoteAgentIsRejectedByName) {
  Options options = CoreHarness::default_options();
  options.listener_is_loopback = false;
  CoreHarness h(options);
  auto link = std::make_shared<FakeAgentLink>();
  link->peer_address = "ipv4:192.0.2.7:51000";
  AgentHello hello;
  hello.agent = AgentId("a1");
  hello.instance = "run1";
  hello.origins = {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1"),
                   CoreHarness::seen("o2", "192.0.2.7:1936", "pid2")};
  h.tell(link, hello);
  const auto accepted = link->all<OriginAccepted>();
  ASSERT_EQ(accepted.size(), 2U);
  EXPECT_NE(accepted[0].rejection.find("127.0.0.1:1936"), std::string::npos);
  EXPECT_TRUE(accepted[0].incarnation.empty());
  EXPECT_TRUE(accepted[1].rejection.empty());
  EXPECT_FALSE(accepted[1].incarnation.empty());
}

TEST(OriginRules, PeersOnThisHostAreRecognisedInEveryNotation) {
  EXPECT_TRUE(is_loopback_peer("ipv4:127.0.0.1:5000"));
  EXPECT_TRUE(is_loopback_peer("ipv6:[::1]:5000"));
  EXPECT_TRUE(is_loopback_peer("ipv6:%5B::1%5D:5000"));
  EXPECT_TRUE(is_loopback_peer("unix:/run/x"));
  EXPECT_FALSE(is_loopback_peer("ipv4:192.0.2.1:5000"));
  EXPECT_FALSE(is_loopback_peer(""));
}

}  // namespace
}  // namespace weir::core::testing
