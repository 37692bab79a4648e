#include "dataplane/routing/control_client.h"

#include <gtest/gtest.h>

#include "dataplane/routing/limits.h"
#include "tests/unit/dataplane/routing/resolver_fixture.h"

namespace weir::routing {
namespace {

using State = SessionInfo::State;
using Close = SessionControl::Close;

class ControlClientTest : public ResolverTest {};

// --- attach

TEST_F(ControlClientTest, TheHelloIsCompleteAtEachAttach) {
  FakeSession publisher;
  resolver.session_started(info("s1"), publisher);
  auto watch = resolver.watch(key("live/b"), Intent::kPlay, [](const RouteUpdate&) {});
  executor.run_ready();
  attach();
  ASSERT_EQ(link.hellos.size(), 1U);
  EXPECT_EQ(link.hellos[0].sessions.size(), 1U);
  EXPECT_EQ(link.hellos[0].interests.size(), 2U);  // the publisher's own stream too
  EXPECT_EQ(link.hellos[0].unidentified, 3U);

  resolver.session_ended(SessionId("s1"), "gone");
  link.break_stream("restart");
  pass(seconds{2});
  ASSERT_EQ(link.hellos.size(), 2U);
  EXPECT_TRUE(link.hellos[1].sessions.empty());
}

TEST_F(ControlClientTest, TheHighestGenerationSeenIsTold) {
  attach();
  link.heartbeat(false, 9);
  executor.run_ready();
  EXPECT_EQ(observer.generation, 9U);
  link.break_stream("restart");
  pass(seconds{2});
  ASSERT_EQ(link.hellos.size(), 2U);
  EXPECT_EQ(link.hellos[1].generation_seen, 9U);
}

TEST_F(ControlClientTest, HeartbeatsNameTheOriginsThatSentBytes) {
  attach();
  resolver.note_bytes_from(IncarnationId("i1"));
  executor.run_ready();
  pass(milliseconds{600});
  ASSERT_FALSE(link.all<Heartbeat>().empty());
  EXPECT_EQ(link.all<Heartbeat>().back().active_incarnations.size(), 1U);
  pass(seconds{3});
  EXPECT_TRUE(link.all<Heartbeat>().back().active_incarnations.empty());
}

TEST_F(ControlClientTest, WhatWaitsForASlowStreamIsCoalesced) {
  attach();
  link.takes_at_once = false;
  FakeSession session;
  resolver.session_started(info("s1"), session);
  executor.run_ready();
  const std::size_t sent = link.sent.size();
  for (int i = 0; i < 50; ++i)
    resolver.session_changed(
        info("s1", Intent::kPublish, {}, i % 2 == 0 ? State::kConnecting : State::kWaiting));
  executor.run_ready();
  EXPECT_EQ(link.sent.size(), sent);
  link.take();
  executor.run_ready();
  ASSERT_EQ(link.sent.size(), sent + 1);
}

// --- acquire

TEST_F(ControlClientTest, WhenNoReplicaAnswersTheSessionIsToldToAskAgain) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1"), session);
  acquire("s1");
  link.answer(Unreachable{"refused"});
  pass(milliseconds{200});
  link.answer(Unreachable{"refused"});
  pass(milliseconds{200});
  EXPECT_TRUE(link.acquires.empty());
  ASSERT_EQ(answers_.size(), 1U);
  const auto* later = std::get_if<RetryLater>(&answers_[0]);
  ASSERT_NE(later, nullptr);
  EXPECT_EQ(later->reason, "CONTROL_PLANE_UNREACHABLE");
  EXPECT_GT(later->retry_after, Duration::zero());
}

TEST_F(ControlClientTest, HeldAndRejectedAreFinal) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1"), session);
  acquire("s1");
  const std::string first_id = link.acquires[0].request.request_id;
  link.answer(Held{"s9"});
  executor.run_ready();
  acquire("s1");
  ASSERT_EQ(link.acquires.size(), 1U);
  EXPECT_NE(link.acquires[0].request.request_id, first_id);  // a new question
  link.answer(Rejected{"bad name"});
  executor.run_ready();
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Held>(answers_[0]));
  EXPECT_TRUE(std::holds_alternative<Rejected>(answers_[1]));
  EXPECT_TRUE(link.acquires.empty());
}

TEST_F(ControlClientTest, APlacementThatArrivesAfterTheSessionHasEndedIsReleased) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1"), session);
  acquire("s1");
  resolver.session_ended(SessionId("s1"), "client closed");
  executor.run_ready();
  link.answer(Acquired{route({1, 4}, {1, 9}), false});
  pass(milliseconds{200});
  EXPECT_TRUE(answers_.empty());
  ASSERT_EQ(link.releases.size(), 1U);
  EXPECT_EQ(link.releases[0].request.epoch, (Epoch{1, 4}));
}

TEST_F(ControlClientTest, AnAcquiredRouteReachesThePlayersOfThisForwarderWithoutAPush) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1"), session);
  int updates = 0;
  auto watch = resolver.watch(key(), Intent::kPlay,
                              [&](const RouteUpdate& update) { updates += update.route ? 1 : 0; });
  acquire("s1");
  link.answer(Acquired{route({1, 4}, {1, 9}), false});
  executor.run_ready();
  EXPECT_EQ(updates, 1);
}

// --- ends

TEST_F(ControlClientTest, AnEndWhileAttachedIsToldOnTheStreamAlone) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  executor.run_ready();
  resolver.session_ended(SessionId("s1"), "client closed");
  pass(seconds{5});
  bool told = false;
  for (const SessionChanges& changes : link.all<SessionChanges>())
    for (const SessionEnd& end : changes.ended) told = told || end.session == SessionId("s1");
  EXPECT_TRUE(told);
  EXPECT_TRUE(link.releases.empty());
}

TEST_F(ControlClientTest, AnEndWhileDetachedIsReleasedUntilAcknowledged) {
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  attach();
  link.break_stream("restart");
  executor.run_ready();
  resolver.session_ended(SessionId("s1"), "client closed");
  executor.advance(milliseconds{100});
  ASSERT_EQ(link.releases.size(), 1U);
  link.answer_release(false);
  executor.advance(seconds{3});
  ASSERT_EQ(link.releases.size(), 1U);
  link.answer_release(true);
  executor.advance(seconds{3});
  EXPECT_TRUE(link.releases.empty());
}

TEST_F(ControlClientTest, AnEndJustBeforeTheStreamBrokeIsReleasedToo) {
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  attach();
  resolver.session_ended(SessionId("s1"), "client closed");
  executor.run_ready();
  link.break_stream("restart");
  executor.advance(milliseconds{100});
  ASSERT_EQ(link.releases.size(), 1U);
  EXPECT_EQ(link.releases[0].request.session, SessionId("s1"));
}

// --- questions and commands

TEST_F(ControlClientTest, AQueryIsAnsweredWithTheSessionsThatAreKnown) {
  attach();
  FakeSession session;
  session.facts.last_media = clock.now();
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  executor.run_ready();
  link.say(SessionQuery{42, {SessionId("s1"), SessionId("nobody")}});
  executor.run_ready();
  const auto answers = link.all<SessionAnswer>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].query, 42U);
  ASSERT_EQ(answers[0].sessions.size(), 1U);
  EXPECT_EQ(answers[0].sessions[0].session, SessionId("s1"));
  EXPECT_TRUE(answers[0].sessions[0].media_idle.has_value());
  EXPECT_FALSE(answers[0].sessions[0].waiting);
}

TEST_F(ControlClientTest, AWorkerThatDoesNotAnswerCountsAsBusyNotAsUnknown) {
  weir::testing::ManualExecutor stuck(clock);
  ControlClient other(link, executor, clock, random, observer, [] { return 0U; }, {});
  WorkerResolver silent(other, stuck, clock);
  FakeSession session;
  silent.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  stuck.run_ready();  // told; from now on it does not run
  other.start();
  executor.run_ready();
  link.welcome();
  link.say(SessionQuery{7, {SessionId("s1")}});
  executor.run_ready();
  EXPECT_TRUE(link.all<SessionAnswer>().empty());
  executor.advance(kQueryAnswerWithin + kTick);
  const auto answers = link.all<SessionAnswer>();
  ASSERT_EQ(answers.size(), 1U);
  ASSERT_EQ(answers[0].sessions.size(), 1U);
  EXPECT_EQ(answers[0].sessions[0].media_idle, Duration::zero());
  other.stop();
}

TEST_F(ControlClientTest, ACloseCommandIsAnsweredOnceTheLegIsClosed) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  executor.run_ready();
  link.say(CloseCommand{SessionId("s1"), Close::kTakenOver, 5});
  executor.run_ready();
  ASSERT_EQ(session.closes.size(), 1U);
  EXPECT_EQ(session.closes[0], Close::kTakenOver);
  EXPECT_TRUE(link.all<SessionAnswer>().empty());
  session.on_closed();
  executor.run_ready();
  ASSERT_EQ(link.all<SessionAnswer>().size(), 1U);
  EXPECT_EQ(link.all<SessionAnswer>()[0].query, 5U);
}

TEST_F(ControlClientTest, ACloseCommandForASessionThatEndsOrIsUnknownIsAnsweredOnce) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  executor.run_ready();
  link.say(CloseCommand{SessionId("s1"), Close::kFenced, 5});
  link.say(CloseCommand{SessionId("nobody"), Close::kFenced, 6});
  executor.run_ready();
  resolver.session_ended(SessionId("s1"), "fenced");
  executor.run_ready();
  session.on_closed();
  executor.run_ready();
  ASSERT_EQ(link.all<SessionAnswer>().size(), 2U);
}

// --- claims

class ClaimTest : public ControlClientTest {
 protected:
  void publish() {
    resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
    executor.run_ready();
  }
  FakeSession session;
};

TEST_F(ClaimTest, ALivePublisherWhosePlacementIsGoneAsksForItBack) {
  attach();
  publish();
  push(std::nullopt, {1, 20});
  ASSERT_EQ(link.all<Claim>().size(), 1U);
  EXPECT_EQ(link.all<Claim>()[0].epoch, (Epoch{1, 4}));
  link.say(ClaimVerdict{SessionId("s1"), true, {1, 4}});
  executor.run_ready();
  EXPECT_TRUE(session.closes.empty());
}

TEST_F(ClaimTest, ARefusedClaimClosesTheSession) {
  attach();
  publish();
  push(std::nullopt, {1, 20});
  link.say(ClaimVerdict{SessionId("s1"), false, {}});
  executor.run_ready();
  ASSERT_EQ(session.closes.size(), 1U);
  EXPECT_EQ(session.closes[0], Close::kFenced);
}

TEST_F(ClaimTest, NothingIsClaimedWhileSettling) {
  client.start();
  executor.run_ready();
  link.welcome();
  link.heartbeat(true);
  publish();
  push(std::nullopt, {2, 1});
  EXPECT_TRUE(link.all<Claim>().empty());
  link.heartbeat(false);
  push(std::nullopt, {2, 2});
  executor.run_ready();
  EXPECT_EQ(link.all<Claim>().size(), 1U);
}

TEST_F(ClaimTest, WhileSettlingTheKnownRouteStaysInUse) {
  client.start();
  executor.run_ready();
  link.welcome();
  link.heartbeat(false);
  publish();
  push(route({1, 4}, {1, 20}, "s1"), {1, 20});
  link.heartbeat(true);
  push(std::nullopt, {2, 1});
  link.heartbeat(false);
  pass(seconds{1});
  // Taken, the absence would have made it claim.
  EXPECT_TRUE(link.all<Claim>().empty());
  push(std::nullopt, {2, 2});
  EXPECT_EQ(link.all<Claim>().size(), 1U);
}

TEST_F(ClaimTest, AGrantedClaimIsNotRepeatedWhileItsRouteIsNotTold) {
  attach();
  publish();
  push(std::nullopt, {1, 20});
  link.say(ClaimVerdict{SessionId("s1"), true, {1, 4}});
  pass(seconds{9});
  EXPECT_EQ(link.all<Claim>().size(), 1U);
  // An orphan, however, has only a short time to live.
  push(route({1, 4}, {1, 21}, "s1", PlacementState::kOrphaned), {1, 21});
  EXPECT_EQ(link.all<Claim>().size(), 2U);
}

TEST_F(ClaimTest, AStreamOrphanedByItsOwnLiveSessionIsClaimed) {
  attach();
  publish();
  push(route({1, 4}, {1, 20}, "s1", PlacementState::kOrphaned), {1, 20});
  EXPECT_EQ(link.all<Claim>().size(), 1U);
}

TEST_F(ClaimTest, AnUnansweredClaimIsRepeatedNotSooner) {
  attach();
  publish();
  push(std::nullopt, {1, 20});
  pass(milliseconds{1'500});
  EXPECT_EQ(link.all<Claim>().size(), 1U);
  pass(seconds{2});
  EXPECT_EQ(link.all<Claim>().size(), 2U);
}

TEST_F(ClaimTest, ASessionThatIsNotActiveClaimsNothing) {
  attach();
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kConnecting), session);
  executor.run_ready();
  push(std::nullopt, {1, 20});
  EXPECT_TRUE(link.all<Claim>().empty());
}

}  // namespace
}  // namespace weir::routing
