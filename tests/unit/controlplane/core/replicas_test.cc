// Several replicas over one store: who lives, what is known of peers attached elsewhere, history.

#include <gtest/gtest.h>

#include "tests/unit/controlplane/core/cluster_harness.h"

namespace weir::core::testing {
namespace {

using model::OriginState;

TEST(Replicas, SeeOneAnotherAndNoticeWhenOneIsKilled) {
  ClusterHarness h(3);
  const auto status = h.status("r1");
  ASSERT_EQ(status.replicas.size(), 3U);
  EXPECT_EQ(status.replicas[0].id, ReplicaId("r1"));
  EXPECT_TRUE(status.replicas[0].answers);
  EXPECT_FALSE(status.replicas[1].answers);
  EXPECT_LE(status.replicas[1].age, Duration(kBulletinInterval));
  EXPECT_EQ(h.count_events("r1", "REPLICA_SEEN"), 2U);
  h.kill("r3");
  h.advance(1500ms);
  EXPECT_EQ(h.status("r1").replicas.size(), 3U);
  h.advance(1s);
  EXPECT_EQ(h.status("r1").replicas.size(), 2U);
  EXPECT_EQ(h.count_events("r1", "REPLICA_LOST", "replicas/r3"), 1U);
  EXPECT_EQ(h.count_events("r2", "REPLICA_LOST", "replicas/r3"), 1U);
}

TEST(Replicas, OneThatStartsJoinsWithoutSettlingOrRaisingAnything) {
  ClusterHarness h(2);
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f1 = h.forwarder("r1", "f1");
  const auto placed = h.publish("r1", f1, "live/a", "f1", "s1");
  h.advance(1s);
  const auto generation = h.status("r1").generation;
  auto& r3 = h.start("r3");
  EXPECT_FALSE(h.status("r3").settling);
  // Its store's view is there at once; who is attached where, within a bulletin.
  EXPECT_FALSE(h.core("r3").not_ready().empty());
  h.advance(kJoinWithin);
  EXPECT_TRUE(h.core("r3").not_ready().empty());
  EXPECT_EQ(h.state("r3", "o1"), OriginState::kAlive);
  EXPECT_EQ(h.placement("r3", "live/a")->epoch, placed.epoch);
  const auto f3 = h.forwarder("r3", "f3");
  EXPECT_TRUE(h.acquire("r3", "live/b", "f3", "s9").ok());
  EXPECT_EQ(r3.store.raises, 0);
  EXPECT_EQ(h.status("r3").generation, generation);
  EXPECT_EQ(h.count_events("r3", "GENERATION_RAISED"), 0U);
}

TEST(Replicas, ARestartIsToldApartFromTheRunBefore) {
  ClusterHarness h(2);
  h.kill("r2");
  h.start("r2");
  h.advance(1s);
  EXPECT_EQ(h.status("r1").replicas.size(), 2U);
  EXPECT_EQ(h.count_events("r1", "REPLICA_SEEN", "replicas/r2"), 2U);
  EXPECT_EQ(h.count_events("r1", "REPLICA_LOST"), 0U);
  // The last bulletin of the run before is no second replica of that name.
  EXPECT_EQ(h.count_events("r2", "REPLICA_ID_TAKEN"), 0U);
  for (const auto& warning : h.status("r2").warnings) {
    EXPECT_EQ(warning.find("called"), std::string::npos) << warning;
  }
}

TEST(Replicas, OfTwoWithOneIdTheYoungerCallsItselfOtherwise) {
  ClusterHarness h(2);
  auto& first = h["r2"];
  auto& second = h.start("r2");
  h.advance(4s);
  const auto id = second.core->replica().str();
  EXPECT_EQ(first.core->replica(), ReplicaId("r2"));
  EXPECT_TRUE(id.starts_with("r2~")) << id;
  EXPECT_EQ(h.status("r1").replicas.size(), 3U);
  bool warned = false;
  for (const auto& warning : h.status("r2").warnings) {
    warned = warned || warning.find("two replicas are called r2") != std::string::npos;
  }
  EXPECT_TRUE(warned);
  EXPECT_EQ(h.count_events("r1", "REPLICA_ID_TAKEN"), 1U);
}

TEST(Replicas, PlaceOnOriginsWhoseAgentIsAttachedElsewhere) {
  ClusterHarness h(2);
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  LoadReport report;
  report.origins.push_back({OriginId("o1"), h.origin("r1", "o1").record.incarnation, {}, {}, true});
  report.origins[0].load.egress_bits_per_second = 7e6;
  h.tell("r1", agent, report);
  h.advance(kBulletinInterval);
  const auto info = h.origin("r2", "o1");
  EXPECT_EQ(info.state, OriginState::kAlive);
  ASSERT_TRUE(info.load);
  EXPECT_EQ(info.load->egress_bits_per_second, 7e6);
  EXPECT_GE(info.load_age, Duration(250ms));
  const auto f2 = h.forwarder("r2", "f2");
  const auto& got = h.acquire("r2", "live/a", "f2", "s1");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.value().route.placement.origin, OriginId("o1"));
}

TEST(Replicas, AgentsThatFallSilentMakeSuspectsEverywhereAndTheDeadAreDeadEverywhere) {
  ClusterHarness h(2);
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  h.advance(1s);
  EXPECT_EQ(h.state("r2", "o1"), OriginState::kAlive);
  h.silence("r1", agent);
  h.advance(2750ms);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kSuspect);
  EXPECT_EQ(h.state("r2", "o1"), OriginState::kSuspect);
  h.tell("r1", agent, AgentHeartbeat{});
  h["r1"].agents.push_back(agent);
  h.advance(750ms);
  EXPECT_EQ(h.state("r2", "o1"), OriginState::kAlive);
  h.tell("r1", agent,
         OriginVerdict{OriginId("o1"),
                       h.origin("r1", "o1").record.incarnation,
                       VerdictReason::kProcessGone,
                       {}});
  EXPECT_EQ(h.state("r2", "o1"), OriginState::kDead);
  EXPECT_EQ(h.count_events("r2", "ORIGIN_DOWN"), 1U);
}

TEST(Replicas, OnesDeathKillsNothingAndItsAgentsAreWellWhereTheyGo) {
  ClusterHarness h(3);
  std::vector<std::shared_ptr<FakeAgentLink>> agents;
  std::vector<IncarnationId> incarnations;
  for (int n = 0; n < 10; ++n) {
    const std::string name = std::to_string(n);
    agents.push_back(h.agent("r1", "a" + name, {ClusterHarness::seen("o" + name, 2000 + n)}));
    incarnations.push_back(h.origin("r1", "o" + name).record.incarnation);
  }
  h.advance(1s);
  EXPECT_EQ(h.status("r3").agents_attached, 10U);
  h.kill("r1");
  h.advance(750ms);
  for (int n = 0; n < 10; ++n) {
    const std::string name = std::to_string(n);
    h.agent("r2", "a" + name,
            {ClusterHarness::seen("o" + name, 2000 + n, incarnations[static_cast<size_t>(n)])}, 2);
  }
  h.advance(5s);
  for (const char* replica : {"r2", "r3"}) {
    EXPECT_EQ(h.status(replica).origins_alive, 10U) << replica;
    EXPECT_EQ(h.count_events(replica, "ORIGIN_DOWN"), 0U) << replica;
    EXPECT_EQ(h.count_events(replica, "ORIGIN_SUSPECT"), 0U) << replica;
    EXPECT_EQ(h.count_events(replica, "ORIGIN_INCARNATION"), 10U) << replica;
  }
  // Those that go nowhere are suspects once the replica is known to be gone, and no more than that.
  h.kill("r2");
  h.advance(6s);
  EXPECT_EQ(h.status("r3").origins_suspect, 10U);
  EXPECT_EQ(h.status("r3").origins_dead, 0U);
}

TEST(Replicas, DialsOfTwoForwardersAtTwoReplicasConvictTogether) {
  ClusterHarness h(3);
  const auto agent = h.agent("r3", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f1 = h.forwarder("r1", "f1");
  const auto f2 = h.forwarder("r2", "f2");
  h.advance(1s);
  const auto incarnation = h.origin("r1", "o1").record.incarnation;
  h.silence("r3", agent);
  h.advance(2750ms);
  h.tell("r1", f1, DialReport{incarnation, ContactOutcome::kRefused, {}});
  h.advance(500ms);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kSuspect) << "one of two forwarders is not enough";
  h.tell("r2", f2, DialReport{incarnation, ContactOutcome::kRefused, {}});
  h.advance(500ms);
  for (const char* replica : {"r1", "r2", "r3"}) {
    EXPECT_EQ(h.state(replica, "o1"), OriginState::kDead) << replica;
    EXPECT_EQ(h.count_events(replica, "ORIGIN_DOWN"), 1U) << replica;
  }
}

TEST(Replicas, BytesAtAForwarderOfAnotherReplicaSpeakForAnOrigin) {
  ClusterHarness h(2);
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f1 = h.forwarder("r1", "f1");
  const auto f2 = h.forwarder("r2", "f2");
  const auto f3 = h.forwarder("r2", "f3");
  h.advance(1s);
  const auto incarnation = h.origin("r1", "o1").record.incarnation;
  h.heartbeats[f3.get()] = {{incarnation}, 0};
  h.silence("r1", agent);
  h.advance(2750ms);
  h.tell("r1", f1, DialReport{incarnation, ContactOutcome::kTimedOut, {}});
  h.tell("r2", f2, DialReport{incarnation, ContactOutcome::kTimedOut, {}});
  h.advance(2s);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kSuspect);
  EXPECT_EQ(h.state("r2", "o1"), OriginState::kSuspect);
}

TEST(Replicas, AStaticOriginIsProbedByOneOfThemAndJudgedByAll) {
  ClusterHarness h(3);
  model::OriginDescription description;
  description.id = OriginId("s1");
  description.endpoints = {{model::Protocol::kRtmp, "127.0.0.1:1936"}};
  h.core("r1").origins().register_origin(description, false,
                                         [](const Answer<store::OriginRecord>&) {});
  h.advance(2s);
  const auto probes = [&] {
    std::map<std::string, int> of;
    for (const char* id : {"r1", "r2", "r3"}) of[id] = h[id].prober.probes;
    return of;
  };
  auto before = probes();
  h.advance(10s);
  auto after = probes();
  std::string prober;
  int total = 0;
  for (const auto& [id, count] : after) {
    total += count - before[id];
    if (count != before[id]) prober = id;
    EXPECT_EQ(h.state(id, "s1"), OriginState::kAlive) << id;
  }
  EXPECT_EQ(total, 10);
  EXPECT_EQ(after[prober] - before[prober], 10) << "all by one of them";
  h[prober].prober.answer = ContactOutcome::kRefused;
  h.advance(4500ms);
  for (const char* id : {"r1", "r2", "r3"}) {
    EXPECT_EQ(h.state(id, "s1"), OriginState::kDead) << id;
    EXPECT_EQ(h.count_events(id, "ORIGIN_DOWN"), 1U) << id;
    // Each keeps the registration for the next loss.
    EXPECT_EQ(h[id].keeper.saved.static_origins.size(), 1U) << id;
  }
}

TEST(Replicas, AnOriginThatItsAgentSeesNoMoreIsProbedToItsVerdictByOneOfThem) {
  ClusterHarness h(2);
  for (const char* id : {"r1", "r2"}) h[id].prober.answer = ContactOutcome::kRefused;
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  h.advance(1s);
  auto gone = ClusterHarness::seen("o1", 1936);
  gone.process.clear();
  gone.probe_answered = false;
  h.tell("r1", agent, gone);
  h.advance(5s);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kDead);
  EXPECT_EQ(h.state("r2", "o1"), OriginState::kDead);
  EXPECT_TRUE(h["r1"].prober.probes == 0 || h["r2"].prober.probes == 0);
  EXPECT_GE(h["r1"].prober.probes + h["r2"].prober.probes, 3);
}

TEST(Replicas, AnotherOneProbesWhenTheProberDies) {
  ClusterHarness h(3);
  model::OriginDescription description;
  description.id = OriginId("s1");
  description.endpoints = {{model::Protocol::kRtmp, "127.0.0.1:1936"}};
  h.core("r1").origins().register_origin(description, false,
                                         [](const Answer<store::OriginRecord>&) {});
  h.advance(3s);
  std::string prober;
  for (const char* id : {"r1", "r2", "r3"}) {
    if (h[id].prober.probes > 1) prober = id;
  }
  ASSERT_FALSE(prober.empty());
  h.kill(prober);
  h.advance(5s);
  int probing = 0;
  for (const std::string id : {"r1", "r2", "r3"}) {
    if (id == prober) continue;
    probing += h[id].prober.probes > 1 ? 1 : 0;
    EXPECT_EQ(h.state(id, "s1"), OriginState::kAlive) << id;
  }
  EXPECT_EQ(probing, 1);
}

TEST(Replicas, OnesThatCannotReadTheStoreDoNotSayThatAStreamIsNotThere) {
  ClusterHarness h(2);
  h.advance(1s);
  const auto why = [&h] {
    const auto info = h.core("r1").listing().stream(key("live/none"));
    const auto* const error = std::get_if<CoreError>(&info);
    return error == nullptr ? std::optional<Reason>() : error->reason;
  };
  EXPECT_EQ(why(), Reason::kPlacementNotFound);
  h["r1"].store.cut();
  h.advance(5s);
  EXPECT_EQ(why(), Reason::kStoreUnavailable);
  h["r1"].store.join();
  h.advance(1s);
  EXPECT_EQ(why(), Reason::kPlacementNotFound);
}

TEST(Replicas, ThoseThatCannotReadTheStoreSaySoAndHoldNobodyForDead) {
  ClusterHarness h(2);
  const auto agent = h.agent("r2", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f1 = h.forwarder("r1", "f1");
  h.advance(1s);
  h["r1"].store.cut();
  h.advance(1s);
  EXPECT_FALSE(h.core("r1").heartbeat().stale);
  h.advance(4s);
  EXPECT_TRUE(h.core("r1").heartbeat().stale);
  EXPECT_TRUE(f1->last<ReplicaHeartbeat>()->stale);
  EXPECT_EQ(h.count_events("r1", "STORE_STALE", "replicas/r1"), 1U);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kAlive) << "whom it cannot hear is not silent";
  EXPECT_EQ(h.status("r1").replicas.size(), 2U);
  EXPECT_EQ(h.count_events("r2", "REPLICA_LOST", "replicas/r1"), 1U);
  h["r1"].store.join();
  h.advance(1s);
  EXPECT_FALSE(h.core("r1").heartbeat().stale);
  EXPECT_EQ(h.count_events("r1", "STORE_BACK"), 1U);
  EXPECT_EQ(h.count_events("r1", "REPLICA_LOST"), 0U);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kAlive);
  h.advance(1s);
  EXPECT_EQ(h.count_events("r2", "STORE_BACK", "replicas/r1"), 1U) << "told to the others";
}

TEST(Replicas, OneThatMissedTheRaiseLearnsOfItFromItsNextSnapshot) {
  ClusterHarness h(2);
  const auto generation = h.status("r1").generation;
  h["r2"].store.cut();
  ForwarderHello hello;
  hello.forwarder = ForwarderId("f9");
  hello.instance = "run1";
  hello.generation_seen = generation + 1'000'000'000;
  h.core("r1").forwarders().message(std::make_shared<FakeForwarderLink>(), hello);
  h.run();
  ASSERT_GT(h.status("r1").generation, hello.generation_seen);
  EXPECT_EQ(h.status("r2").generation, generation);
  // The feed has a gap there: it tells of no raise.
  h["r2"].store.join();
  h.run();
  EXPECT_EQ(h.status("r2").generation, h.status("r1").generation);
  EXPECT_TRUE(h.status("r2").settling);
}

TEST(Replicas, OfTwoThatRaiseAtOnceTheOneThatKnowsMoreIsHeardToo) {
  ClusterHarness h(2);
  const auto generation = h.status("r1").generation;
  ForwarderHello hello;
  hello.instance = "run1";
  for (const char* id : {"r1", "r2"}) {
    hello.forwarder = ForwarderId(std::string("f-") + id);
    hello.generation_seen = generation + (id == std::string("r1") ? 1'000'000'000 : 2'000'000'000);
    h.core(id).forwarders().message(std::make_shared<FakeForwarderLink>(), hello);
  }
  h.advance(1s);
  EXPECT_GT(h.status("r2").generation, hello.generation_seen);
  EXPECT_EQ(h.status("r1").generation, h.status("r2").generation);
}

TEST(Replicas, ALossThatOnlyTheirSubscriptionMeetsIsRaised) {
  ClusterHarness h(1);
  const auto generation = h.status("r1").generation;
  store::MemoryStateStore other(h.executor, h.clock);
  h.clock.advance(1s);
  h["r1"].store.move_to(other);
  h["r1"].store.lost_subscriptions = 1;
  h["r1"].store.join();
  h.advance(1s);
  EXPECT_GT(h.status("r1").generation, generation);
}

TEST(Replicas, ALossOfHistoryIsRaisedOnceAndRestoredByAll) {
  ClusterHarness h(3);
  const auto agent = h.agent("r3", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f1 = h.forwarder("r1", "f1");
  const auto f2 = h.forwarder("r2", "f2");
  h.advance(1s);
  std::map<std::string, model::Placement> held;
  for (int n = 0; n < 10; ++n) {
    const auto name = std::to_string(n);
    held["live/a" + name] = h.publish("r1", f1, "live/a" + name, "f1", "s" + name);
    held["live/b" + name] = h.publish("r2", f2, "live/b" + name, "f2", "t" + name);
  }
  const auto generation = h.status("r1").generation;
  std::map<std::string, std::size_t> events;
  for (const char* id : {"r1", "r2", "r3"}) events[id] = h.count_events(id, "GENERATION_RAISED");
  h.clock.advance(1s);
  h.lose_history();
  h.advance(250ms);
  for (const char* id : {"r1", "r2", "r3"}) {
    EXPECT_GT(h.status(id).generation, generation) << id;
    EXPECT_TRUE(h.status(id).settling) << id;
    EXPECT_EQ(h.status(id).generation, h.status("r1").generation) << id;
    EXPECT_EQ(h.count_events(id, "GENERATION_RAISED"), events[id] + 1) << id;
    for (const auto& [stream, placement] : held) {
      const auto now = h.placement(id, stream);
      ASSERT_TRUE(now) << id << " " << stream;
      EXPECT_EQ(now->epoch, placement.epoch);
      EXPECT_EQ(now->origin, placement.origin);
    }
  }
  h.advance(4s);
  EXPECT_FALSE(h.status("r1").settling);
  EXPECT_EQ(h.state("r1", "o1"), OriginState::kAlive);
  EXPECT_EQ(h.origin("r1", "o1").record.incarnation, held["live/a0"].incarnation);
  const auto& later = h.acquire("r2", "live/new", "f2", "t99");
  ASSERT_TRUE(later.ok());
  EXPECT_GT(later.value().route.placement.epoch, held["live/b9"].epoch);
}

TEST(Replicas, EachEventIsShownOnceByEveryReplica) {
  ClusterHarness h(3);
  const auto agent = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f2 = h.forwarder("r2", "f2");
  h.advance(1s);
  h.publish("r2", f2, "live/a", "f2", "s1");
  h.leave("r2", f2);
  h.advance(1s);
  for (const char* id : {"r1", "r2", "r3"}) {
    EXPECT_EQ(h.count_events(id, "AGENT_ATTACHED"), 1U) << id;
    EXPECT_EQ(h.count_events(id, "FORWARDER_ATTACHED"), 1U) << id;
    EXPECT_EQ(h.count_events(id, "FORWARDER_DETACHED"), 1U) << id;
    EXPECT_EQ(h.count_events(id, "STREAM_PLACED"), 1U) << id;
    EXPECT_EQ(h.count_events(id, "ORIGIN_UP"), 1U) << id;
    EXPECT_EQ(h.count_events(id, "ORIGIN_SUSPECT"), 0U) << id;
  }
}

TEST(Replicas, AResumeTokenOfAnotherReplicaIsRefusedAndNotMistakenForOnesOwn) {
  ClusterHarness h(2);
  auto& events = h.core("r1").events();
  std::string token;
  events.read(std::get<EventCursor>(events.open("", std::nullopt)),
              [&](const EventBatch& batch) { token = batch.token; });
  EXPECT_TRUE(std::holds_alternative<EventCursor>(events.open(token, std::nullopt)));
  const auto elsewhere = h.core("r2").events().open(token, std::nullopt);
  ASSERT_TRUE(std::holds_alternative<CoreError>(elsewhere));
  EXPECT_EQ(std::get<CoreError>(elsewhere).reason, Reason::kResumeTokenExpired);
}

TEST(Replicas, ChargeWhatTheOthersPlaced) {
  ClusterHarness h(2);
  const auto a1 = h.agent("r1", "a1", {ClusterHarness::seen("o1", 1936)});
  const auto f1 = h.forwarder("r1", "f1");
  h.advance(1s);
  LoadReport report;
  report.origins.push_back({OriginId("o1"), h.origin("r1", "o1").record.incarnation, {}, {}, true});
  h.tell("r1", a1, report);
  h.advance(kBulletinInterval);
  for (int n = 0; n < 5; ++n) {
    h.publish("r1", f1, "live/" + std::to_string(n), "f1", "s" + std::to_string(n));
  }
  h.advance(kPeerTick);
  AcquireQuery query;
  query.stream = key("live/dry");
  query.holder = model::ExternalHolder{"test"};
  const auto pending = [&](const std::string& replica) {
    const auto answer = h.core(replica).placements().explain(query, true);
    return std::get<Explanation>(answer).records.at(0).candidates.at(0).pending_streams;
  };
  EXPECT_EQ(pending("r1"), 5U);
  EXPECT_EQ(pending("r2"), 5U);
  h.advance(250ms);
  // The next report counts them itself, here as there.
  h.tell("r1", a1, report);
  h.advance(kBulletinInterval);
  EXPECT_EQ(pending("r1"), 0U);
  EXPECT_EQ(pending("r2"), 0U);
}

}  // namespace
}  // namespace weir::core::testing
