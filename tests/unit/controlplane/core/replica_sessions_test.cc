// Client sessions of forwarders that are attached to several replicas: takeovers, lists, kicks,
// forwarders that move.

#include <gtest/gtest.h>

#include "tests/unit/controlplane/core/cluster_harness.h"

namespace weir::core::testing {
namespace {

class ReplicaSessions : public ::testing::Test {
 protected:
  void SetUp() override {
    agent = h.agent("r3", "a1", {ClusterHarness::seen("o1", 1936)});
    f1 = h.forwarder("r1", "f1");
    f2 = h.forwarder("r2", "f2");
    h.advance(1s);
  }
  /// f1 answers the question it was asked last.
  void answer(std::vector<SessionFacts> facts) {
    const auto query = f1->last<SessionQuery>();
    ASSERT_TRUE(query);
    h.tell("r1", f1, SessionAnswer{query->query, std::move(facts)});
  }
  static ClientSession player(const std::string& id, const std::string& stream) {
    ClientSession session;
    session.id = SessionId(id);
    session.stream = key(stream);
    session.intent = Intent::kPlay;
    session.state = SessionState::kWaiting;
    return session;
  }

  ClusterHarness h{3};
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1;
  std::shared_ptr<FakeForwarderLink> f2;
};

TEST_F(ReplicaSessions, AnIdleHolderAtAnotherReplicaIsTakenOverAndClosedFirst) {
  const auto held = h.publish("r1", f1, "live/a", "f1", "s1");
  h.advance(3s);
  auto& got = h.acquire("r2", "live/a", "f2", "t1");
  EXPECT_FALSE(got.answer) << "its forwarder is asked first";
  answer({{SessionId("s1"), 5s, false}});
  const auto close = f1->last<CloseSession>();
  ASSERT_TRUE(close) << "the old leg goes before the new one publishes";
  EXPECT_EQ(close->session, SessionId("s1"));
  EXPECT_EQ(close->reason, CloseReason::kTakenOver);
  EXPECT_FALSE(got.answer);
  h.tell("r1", f1, SessionAnswer{close->query, {}});
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got.value().after_takeover);
  EXPECT_GT(got.value().route.placement.epoch, held.epoch);
  EXPECT_EQ(got.value().route.placement.origin, held.origin);
}

TEST_F(ReplicaSessions, ASessionThatNeverHadMediaIsIdleFromItsAcceptanceOnElsewhereToo) {
  h.publish("r1", f1, "live/a", "f1", "s1");
  h.advance(1s);
  auto& early = h.acquire("r2", "live/a", "f2", "t1");
  answer({{SessionId("s1"), std::nullopt, false}});
  h.run();
  ASSERT_TRUE(early.answer);
  EXPECT_EQ(early.error().reason, Reason::kStreamHeld);
  h.advance(6s);
  auto& late = h.acquire("r2", "live/a", "f2", "t2");
  answer({{SessionId("s1"), std::nullopt, false}});
  const auto close = f1->last<CloseSession>();
  ASSERT_TRUE(close);
  h.tell("r1", f1, SessionAnswer{close->query, {}});
  EXPECT_TRUE(late.ok());
}

TEST_F(ReplicaSessions, ABusyHolderStaysAndSoDoesOneThatDoesNotAnswer) {
  h.publish("r1", f1, "live/a", "f1", "s1");
  h.advance(3s);
  auto& busy = h.acquire("r2", "live/a", "f2", "t1");
  answer({{SessionId("s1"), 10ms, false}});
  ASSERT_TRUE(busy.answer);
  EXPECT_EQ(busy.error().reason, Reason::kStreamHeld);
  // Lost on the way: within 300 ms nothing is answered, and its forwarder's renewal lives.
  h["r2"].store.lose_mail = true;
  auto& silent = h.acquire("r2", "live/a", "f2", "t2");
  h.executor.advance(kSessionQueryTimeout - 10ms);
  EXPECT_FALSE(silent.answer);
  h.executor.advance(20ms);
  ASSERT_TRUE(silent.answer);
  EXPECT_EQ(silent.error().reason, Reason::kStreamHeld);
}

TEST_F(ReplicaSessions, AnAnswerThatComesTooLateChangesNothing) {
  h.publish("r1", f1, "live/a", "f1", "s1");
  h.advance(3s);
  auto& got = h.acquire("r2", "live/a", "f2", "t1");
  h.executor.advance(kSessionQueryTimeout + 10ms);
  ASSERT_TRUE(got.answer);
  EXPECT_EQ(got.error().reason, Reason::kStreamHeld);
  answer({{SessionId("s1"), 5s, false}});
  h.advance(1s);
  EXPECT_EQ(h.placement("r2", "live/a")->holder,
            model::Holder(model::SessionHolder{ForwarderId("f1"), SessionId("s1")}));
  EXPECT_TRUE(f1->all<CloseSession>().empty());
}

TEST_F(ReplicaSessions, AHolderWhoseReplicaDiedWithItsForwarderGivesWayWhenItsRenewalIsGone) {
  h.publish("r1", f1, "live/a", "f1", "s1");
  h.kill("r1");
  auto& early = h.acquire("r2", "live/a", "f2", "t1");
  h.advance(500ms);
  ASSERT_TRUE(early.answer);
  EXPECT_EQ(early.error().reason, Reason::kStreamHeld) << "its renewal lives";
  h.advance(4s);
  auto& moving = h.acquire("r2", "live/a", "f2", "t3");
  h.advance(500ms);
  ASSERT_TRUE(moving.answer);
  EXPECT_EQ(moving.error().reason, Reason::kStreamHeld) << "it may be on its way to another one";
  h.advance(2s);
  auto& late = h.acquire("r2", "live/a", "f2", "t2");
  h.advance(kCloseAnswerTimeout);
  ASSERT_TRUE(late.ok());
}

TEST_F(ReplicaSessions, AreListedInOneOrderFromAnyReplicaPageByPage) {
  std::vector<ClientSession> here, there;
  for (int n = 0; n < 25; ++n) {
    const std::string name = std::string(n < 10 ? "0" : "") + std::to_string(n);
    (n % 3 == 0 ? here : there).push_back(player("p" + name, "live/x"));
  }
  h.tell("r1", f1, SessionChanges{here, {}});
  h.tell("r2", f2, SessionChanges{there, {}});
  h.advance(kBulletinInterval);
  std::vector<std::string> ids;
  std::string after;
  // Each page from another replica: the tokens are good everywhere.
  const std::vector<std::string> replicas{"r1", "r2", "r3"};
  for (std::size_t page_number = 0;; ++page_number) {
    const auto page = h.sessions(replicas[page_number % 3], after, 7);
    EXPECT_TRUE(page.unreachable.empty());
    for (const auto& item : page.items) ids.push_back(item.session.id.str());
    after = page.next;
    if (after.empty()) break;
    EXPECT_EQ(page.items.size(), 7U);
  }
  EXPECT_EQ(ids.size(), 25U);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(h.status("r3").sessions.players, 25U);
  EXPECT_EQ(h.status("r3").forwarders_attached, 2U);
  const auto only = h.sessions("r3", "", 100, "f1");
  EXPECT_EQ(only.items.size(), here.size());
}

TEST_F(ReplicaSessions, OfAReplicaThatDoesNotAnswerAreMissingAndItIsNamed) {
  h.tell("r1", f1, SessionChanges{{player("p1", "live/x")}, {}});
  h.tell("r2", f2, SessionChanges{{player("p2", "live/x")}, {}});
  h.advance(kBulletinInterval);
  h["r2"].process.freeze();
  const auto began = h.clock.now();
  const auto page = h.sessions("r1");
  EXPECT_LE(h.clock.now() - began, Duration(kGatherDeadline));
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].session.id, SessionId("p1"));
  EXPECT_EQ(page.unreachable, std::vector<std::string>{"replicas/r2"});
}

TEST_F(ReplicaSessions, AreKickedThroughAnyReplica) {
  h.tell("r1", f1, SessionChanges{{player("p1", "live/x")}, {}});
  h.advance(kBulletinInterval);
  std::optional<Answer<SessionInfo>> got;
  const auto kick = [&](const std::string& session, const std::string& request) {
    got.reset();
    h.core("r2").sessions().kick(SessionId(session), "noise", request,
                                 [&](Answer<SessionInfo> answer) { got = std::move(answer); });
    h.run();
  };
  kick("p1", "q1");
  const auto close = f1->last<CloseSession>();
  ASSERT_TRUE(close);
  EXPECT_EQ(close->session, SessionId("p1"));
  EXPECT_EQ(close->reason, CloseReason::kKicked);
  EXPECT_FALSE(got);
  h.tell("r1", f1, SessionAnswer{close->query, {}});
  h.tell("r1", f1, SessionChanges{{}, {{SessionId("p1"), "kicked"}}});
  ASSERT_TRUE(got && std::holds_alternative<SessionInfo>(*got));
  EXPECT_EQ(std::get<SessionInfo>(*got).session.forwarder, ForwarderId("f1"));
  kick("p1", "q1");
  EXPECT_TRUE(got && std::holds_alternative<SessionInfo>(*got)) << "a repeat of the request";
  kick("p1", "q2");
  ASSERT_TRUE(got && std::holds_alternative<CoreError>(*got));
  EXPECT_EQ(std::get<CoreError>(*got).reason, Reason::kSessionNotFound);
  h.advance(1s);
  for (const char* id : {"r1", "r2", "r3"}) EXPECT_EQ(h.count_events(id, "SESSION_KICKED"), 1U);
  h["r1"].process.freeze();
  kick("p9", "q3");
  h.advance(kGatherDeadline);
  ASSERT_TRUE(got && std::holds_alternative<CoreError>(*got));
  EXPECT_EQ(std::get<CoreError>(*got).reason, Reason::kBusyRetry);
  EXPECT_EQ(std::get<CoreError>(*got).metadata.at("unreachable"), "replicas/r1");
}

TEST_F(ReplicaSessions, AreNotKickedWhileTheirForwarderDoesNotAnswer) {
  h.tell("r1", f1, SessionChanges{{player("p1", "live/x")}, {}});
  h.advance(kBulletinInterval);
  for (const char* id : {"r1", "r2"}) {
    std::optional<Answer<SessionInfo>> got;
    h.core(id).sessions().kick(SessionId("p1"), "noise", "",
                               [&](Answer<SessionInfo> answer) { got = std::move(answer); });
    h.run();
    EXPECT_TRUE(f1->last<CloseSession>());
    EXPECT_FALSE(got);
    h.advance(kCloseAnswerTimeout);
    ASSERT_TRUE(got && std::holds_alternative<CoreError>(*got)) << id;
    EXPECT_EQ(std::get<CoreError>(*got).reason, Reason::kBusyRetry) << id;
  }
  EXPECT_EQ(h.count_events("r1", "SESSION_KICKED"), 0U);
}

TEST_F(ReplicaSessions, OfOneForwarderAreFoundBeforeABulletinNamesIt) {
  const auto f9 = h.forwarder("r1", "f9");
  h.tell("r1", f9, SessionChanges{{player("p9", "live/x")}, {}});
  const auto page = h.sessions("r3", "", 100, "f9");
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].session.id, SessionId("p9"));
}

TEST_F(ReplicaSessions, ThatWentWithTheirReplicaAreNamedUntilTheirForwarderIsBack) {
  const std::vector<std::string> lost{"forwarders/f1", "replicas/r1"};
  h.kill("r1");
  h.advance(3s);
  ASSERT_EQ(h.status("r3").replicas.size(), 2U);
  EXPECT_EQ(h.sessions("r3").unreachable, lost);
  EXPECT_EQ(h.sessions("r3", "", 100, "f1").unreachable, lost);
  EXPECT_TRUE(h.sessions("r3", "", 100, "f2").unreachable.empty());
  std::optional<Answer<SessionInfo>> got;
  h.core("r3").sessions().kick(SessionId("p1"), "noise", "",
                               [&](Answer<SessionInfo> answer) { got = std::move(answer); });
  h.advance(kGatherDeadline);
  ASSERT_TRUE(got && std::holds_alternative<CoreError>(*got));
  EXPECT_EQ(std::get<CoreError>(*got).reason, Reason::kBusyRetry);
  h.forwarder("r2", "f1", {}, 2);
  h.advance(kBulletinInterval);
  EXPECT_TRUE(h.sessions("r3").unreachable.empty());
  EXPECT_TRUE(h.sessions("r2").unreachable.empty());
}

TEST_F(ReplicaSessions, GoWithTheirForwarderAndTheOlderStreamIsLetGo) {
  const auto held = h.publish("r1", f1, "live/a", "f1", "s1");
  const auto moved =
      h.forwarder("r2", "f1", {CoreHarness::publisher("s1", "f1", held)}, 2, {key("live/a")});
  EXPECT_FALSE(moved->ended);
  h.advance(kBulletinInterval);
  EXPECT_TRUE(f1->ended) << "a newer stream is attached elsewhere";
  EXPECT_EQ(h.core("r1").forwarders().find(ForwarderId("f1")), nullptr);
  const auto page = h.sessions("r3");
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_TRUE(page.unreachable.empty());
  const auto info = h.core("r1").listing().forwarder(ForwarderId("f1"));
  ASSERT_TRUE(std::holds_alternative<ForwarderInfo>(info));
  EXPECT_TRUE(std::get<ForwarderInfo>(info).attached);
  EXPECT_EQ(std::get<ForwarderInfo>(info).replica, ReplicaId("r2"));
  // An older hello that was on its way, to whom it may come.
  EXPECT_TRUE(h.forwarder("r3", "f1", {}, 1)->ended);
  EXPECT_TRUE(h.forwarder("r2", "f1", {}, 1)->ended);
  // Nobody is orphaned by a move.
  h.advance(30s);
  EXPECT_EQ(h.placement("r3", "live/a")->epoch, held.epoch);
  EXPECT_EQ(h.placement("r3", "live/a")->state, model::PlacementState::kPublishing);
  EXPECT_FALSE(moved->ended);
}

TEST_F(ReplicaSessions, OfAForwarderAttachedElsewhereAreNotGivenUp) {
  const auto held = h.publish("r1", f1, "live/a", "f1", "s1");
  h.advance(kDetachedKept + 10s);
  EXPECT_EQ(h.placement("r2", "live/a")->state, model::PlacementState::kPublishing);
  // Gone with its replica, and nowhere since.
  h.kill("r1");
  h.advance(kDetachedKept);
  EXPECT_NE(h.placement("r2", "live/a")->state, model::PlacementState::kOrphaned);
  h.advance(5s);
  EXPECT_TRUE(!h.placement("r2", "live/a") ||
              h.placement("r2", "live/a")->state == model::PlacementState::kOrphaned);
}

TEST_F(ReplicaSessions, APlayerThatWaitsAtAnotherReplicaCounts) {
  h.tell("r1", f1, SessionChanges{{player("p1", "live/x")}, {}});
  h.advance(250ms);
  const auto& got = h.acquire("r2", "live/x", "f2", "t1");
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got.value().players_wait);
  const auto& nobody = h.acquire("r2", "live/y", "f2", "t2");
  ASSERT_TRUE(nobody.ok());
  EXPECT_FALSE(nobody.value().players_wait);
}

TEST_F(ReplicaSessions, ASnapshotWithoutAStreamAsksItsForwarderWhereverThatIs) {
  const auto held = h.publish("r1", f1, "live/a", "f1", "s1");
  LoadReport report;
  report.origins.push_back({OriginId("o1"), held.incarnation, {}, {}, true});
  h.tell("r3", agent, report);
  answer({});
  h.run();
  EXPECT_EQ(h.placement("r2", "live/a")->state, model::PlacementState::kOrphaned);
}

}  // namespace
}  // namespace weir::core::testing
