// Acquires on the attach stream, through the control client that chooses between it and a call.
#include "dataplane/routing/streamed_acquires.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/routing/limits.h"
#include "tests/unit/dataplane/routing/resolver_fixture.h"

namespace weir::routing {
namespace {

class StreamedAcquireTest : public ResolverTest {
 protected:
  StreamedAcquireTest() : ResolverTest(2) {}
  void attach_to_one_that_takes_acquires() {
    client.start();
    executor.run_ready();
    link.take();
    link.say(Welcome{ReplicaId("r1"), 1, {}, true});
    link.heartbeat();
    executor.run_ready();
  }
  void start_publisher(const char* id) {
    resolver.session_started(info(id), sessions[id]);
    executor.run_ready();
  }
  void reply(std::uint64_t number, AcquireReply with) {
    AcquireReplies replies;
    replies.entries.push_back({number, std::move(with)});
    link.say(std::move(replies));
    executor.run_ready();
  }
  std::map<std::string, FakeSession> sessions;
};

TEST_F(StreamedAcquireTest, GoesOnTheStreamOfAReplicaThatTakesThem) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  EXPECT_TRUE(link.acquires.empty());
  const auto asked = link.all<AcquireBatch>();
  ASSERT_EQ(asked.size(), 1U);
  ASSERT_EQ(asked[0].entries.size(), 1U);
  EXPECT_EQ(asked[0].entries[0].request.session, SessionId("s1"));
  EXPECT_EQ(asked[0].entries[0].request.request_id.size(), 36U);
  reply(asked[0].entries[0].number, Acquired{route({1, 4}, {1, 9}), false});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Acquired>(answers_[0]));
  // Answered once: a second reply with its number is nobody's.
  reply(asked[0].entries[0].number, Rejected{"no"});
  EXPECT_EQ(answers_.size(), 1U);
}

TEST_F(StreamedAcquireTest, ThoseThatWaitForTheStreamShareAMessage) {
  attach_to_one_that_takes_acquires();
  link.takes_at_once = false;
  for (const char* id : {"s1", "s2", "s3", "s4"}) start_publisher(id);
  for (const char* id : {"s1", "s2", "s3", "s4"}) acquire(id);
  ASSERT_EQ(link.all<AcquireBatch>().size(), 1U);  // under way
  EXPECT_EQ(link.all<AcquireBatch>()[0].entries.size(), 1U);
  link.take();
  executor.run_ready();
  ASSERT_EQ(link.all<AcquireBatch>().size(), 2U);
  EXPECT_EQ(link.all<AcquireBatch>()[1].entries.size(), 3U);
}

TEST_F(StreamedAcquireTest, TheTimeOfOneThatWaitsToBeWrittenBeginsWhenItIs) {
  attach_to_one_that_takes_acquires();
  link.takes_at_once = false;
  for (const char* id : {"s1", "s2"}) start_publisher(id);
  for (const char* id : {"s1", "s2"}) acquire(id);
  ASSERT_EQ(link.all<AcquireBatch>().size(), 1U);  // under way, with s1 alone
  pass(kUnaryDeadline - kTick);
  link.heartbeat();
  link.take();
  executor.run_ready();
  const auto asked = link.all<AcquireBatch>();
  ASSERT_EQ(asked.size(), 2U);
  reply(asked[0].entries[0].number, Acquired{route({1, 4}, {1, 9}), false});
  pass(kUnaryDeadline - kTick);
  EXPECT_TRUE(link.acquires.empty()) << "still within its time";
  reply(asked[1].entries[0].number, Rejected{"no"});
  EXPECT_EQ(answers_.size(), 2U);
}

TEST(StreamedAcquires, OneThatWasSentLateHoldsUpNoneThatIsOverdueUnsent) {
  StreamedAcquires acquires([](ReleaseRequest) {});
  std::vector<std::string> ended;
  const MonotonicTime begin{seconds{100}};
  for (const char* id : {"s1", "s2", "s3"}) {
    acquires.ask({.session = SessionId(id)}, 0, begin, [&ended, id](AcquireReply reply) {
      EXPECT_TRUE(std::holds_alternative<Unreachable>(reply));
      ended.emplace_back(id);
    });
  }
  const auto wanted = [](const SessionId&) { return true; };
  const auto batch = acquires.take_unsent(1, 0, begin + kAcquireUnsentMax - kTick, wanted);
  ASSERT_EQ(batch.entries.size(), 1U);
  acquires.expire(begin + kAcquireUnsentMax, true);
  EXPECT_EQ(ended, (std::vector<std::string>{"s2", "s3"}));
  EXPECT_TRUE(acquires.waiting()) << "the one that was sent has its whole time";
  acquires.expire(begin + kAcquireUnsentMax - kTick + kUnaryDeadline, true);
  EXPECT_EQ(ended.size(), 3U);
  EXPECT_TRUE(acquires.take_unsent(9, 0, begin + kAcquireUnsentMax, wanted).entries.empty());
}

TEST_F(StreamedAcquireTest, OneThatIsNeverWrittenIsAskedElsewhereAfterAWhile) {
  attach_to_one_that_takes_acquires();
  link.takes_at_once = false;
  for (const char* id : {"s1", "s2"}) start_publisher(id);
  for (const char* id : {"s1", "s2"}) acquire(id);
  for (Duration waited{}; waited < kAcquireUnsentMax + 2 * kTick + kAcquireRetryDelayMax;
       waited += kTick) {
    link.heartbeat();
    pass(kTick);
  }
  std::vector<SessionId> elsewhere;
  for (const auto& call : link.acquires) elsewhere.push_back(call.request.session);
  EXPECT_EQ(elsewhere, (std::vector<SessionId>{SessionId("s1"), SessionId("s2")}));
}

TEST_F(StreamedAcquireTest, WithoutAnAnswerTwiceTheOtherReplicaIsAskedByACallWithTheSameId) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  pass(kUnaryDeadline + kTick + kAcquireRetryDelayMax);
  EXPECT_TRUE(link.acquires.empty());
  const auto batches = link.all<AcquireBatch>();
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[1].entries[0].request.request_id, batches[0].entries[0].request.request_id)
      << "a takeover that takes long answers the repeat";
  pass(kUnaryDeadline + kTick + kAcquireRetryDelayMax);
  ASSERT_EQ(link.acquires.size(), 1U);
  EXPECT_NE(link.acquires[0].endpoint, link.attached_to.back());
  EXPECT_EQ(link.acquires[0].request.request_id,
            link.all<AcquireBatch>().at(0).entries[0].request.request_id);
  link.answer(Acquired{route({1, 4}, {1, 9}), false});
  executor.run_ready();
  ASSERT_EQ(answers_.size(), 1U);
}

TEST_F(StreamedAcquireTest, TheEndOfTheStreamSendsItToTheOtherReplica) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  link.break_stream("restart");
  executor.run_ready();
  executor.advance(kAcquireRetryDelayMax);
  ASSERT_EQ(link.acquires.size(), 1U);
  link.answer(Acquired{route({1, 4}, {1, 9}), false});
  executor.run_ready();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Acquired>(answers_[0]));
}

TEST_F(StreamedAcquireTest, ASessionThatEndedIsNotAskedForAndALatePlacementIsReleased) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  const std::uint64_t number = link.all<AcquireBatch>().at(0).entries[0].number;
  resolver.session_ended(SessionId("s1"), "gone");
  executor.run_ready();
  reply(number, Acquired{route({1, 4}, {1, 9}), false});
  pass(milliseconds{200});
  EXPECT_TRUE(answers_.empty());
  ASSERT_EQ(link.releases.size(), 1U);
  EXPECT_EQ(link.releases[0].request.epoch, (Epoch{1, 4}));
}

TEST_F(StreamedAcquireTest, EndsThatCameLaterDoNotHoldItUp) {
  attach_to_one_that_takes_acquires();
  link.takes_at_once = false;
  for (const char* id : {"s1", "s2", "s3"}) start_publisher(id);
  acquire("s1");  // under way
  acquire("s2");
  resolver.session_ended(SessionId("s3"), "gone");
  executor.run_ready();
  const std::size_t before = link.sent.size();
  link.take();
  executor.run_ready();
  ASSERT_EQ(link.sent.size(), before + 1);
  EXPECT_TRUE(std::holds_alternative<AcquireBatch>(link.sent.back()));
}

TEST_F(StreamedAcquireTest, AnEndBeforeItIsToldBeforeIt) {
  attach_to_one_that_takes_acquires();
  link.takes_at_once = false;
  for (const char* id : {"s1", "s2", "s3"}) start_publisher(id);
  acquire("s1");  // under way
  resolver.session_ended(SessionId("s3"), "gone");
  executor.run_ready();
  acquire("s2");
  link.take();
  executor.run_ready();
  ASSERT_TRUE(std::holds_alternative<SessionChanges>(link.sent.back()));
  EXPECT_EQ(std::get<SessionChanges>(link.sent.back()).ended.at(0).session, SessionId("s3"));
  link.take();
  executor.run_ready();
  EXPECT_TRUE(std::holds_alternative<AcquireBatch>(link.sent.back()));
}

TEST_F(StreamedAcquireTest, WhoEndsBeforeItIsSentIsNotAskedFor) {
  attach_to_one_that_takes_acquires();
  link.takes_at_once = false;
  for (const char* id : {"s1", "s2", "s3"}) start_publisher(id);
  acquire("s1");  // under way
  acquire("s2");
  acquire("s3");
  resolver.session_ended(SessionId("s2"), "gone");
  executor.run_ready();
  link.take();
  executor.run_ready();
  const auto batches = link.all<AcquireBatch>();
  ASSERT_EQ(batches.size(), 2U);
  ASSERT_EQ(batches[1].entries.size(), 1U);
  EXPECT_EQ(batches[1].entries[0].request.session, SessionId("s3"));
}

TEST_F(StreamedAcquireTest, APlacementGrantedAfterTheDeadlineToASessionThatEndedIsReleased) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  const std::uint64_t number = link.all<AcquireBatch>().at(0).entries[0].number;
  pass(kUnaryDeadline + kTick + kAcquireRetryDelayMax);
  resolver.session_ended(SessionId("s1"), "gone");
  executor.run_ready();
  reply(number, Acquired{route({1, 4}, {1, 9}), false});
  pass(milliseconds{200});
  ASSERT_EQ(link.releases.size(), 1U);
  EXPECT_EQ(link.releases[0].request.session, SessionId("s1"));
  EXPECT_EQ(link.releases[0].request.stream, key());
  EXPECT_EQ(link.releases[0].request.epoch, (Epoch{1, 4}));
}

TEST_F(StreamedAcquireTest, APlacementGrantedAfterTheDeadlineStaysWithASessionThatStillAsks) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  const std::uint64_t number = link.all<AcquireBatch>().at(0).entries[0].number;
  pass(kUnaryDeadline + kTick + kAcquireRetryDelayMax);
  reply(number, Acquired{route({1, 4}, {1, 9}), false});
  pass(milliseconds{200});
  EXPECT_TRUE(link.releases.empty());
}

TEST_F(StreamedAcquireTest, ABacklogOfSessionsWaitsOnce) {
  attach_to_one_that_takes_acquires();
  const std::size_t before = link.all<SessionChanges>().size();
  FakeSession session;
  for (std::size_t i = 0; i < 2 * kSessionChangesPerMessageMax + 1; ++i) {
    const std::string id = "p" + std::to_string(i);
    resolver.session_started(info(id.c_str(), Intent::kPlay), session);
  }
  executor.run_ready();
  executor.advance(kBulkWithin);
  EXPECT_EQ(link.all<SessionChanges>().size(), before + 3);
}

TEST_F(StreamedAcquireTest, APlayerThatJoinsAPublisherDoesNotWaitForTheBulk) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  const std::size_t before = link.all<InterestChange>().size();
  const auto watch = resolver.watch(key(), Intent::kPlay, [](const RouteUpdate&) {});
  executor.run_ready();
  EXPECT_EQ(link.all<InterestChange>().size(), before + 1);
}

TEST_F(StreamedAcquireTest, LetsWhatNobodyWaitsForWaitALittle) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  const std::size_t before = link.all<SessionChanges>().size();
  start_publisher("s2");
  EXPECT_EQ(link.all<SessionChanges>().size(), before);
  executor.advance(kBulkWithin);
  EXPECT_EQ(link.all<SessionChanges>().size(), before + 1);
}

TEST_F(StreamedAcquireTest, APublisherThatWatchesItsOwnStreamSendsItsAcquireAlone) {
  attach_to_one_that_takes_acquires();
  start_publisher("s0");
  acquire("s0");
  executor.advance(kBulkWithin);
  const std::size_t changes = link.all<SessionChanges>().size();
  const std::size_t interests = link.all<InterestChange>().size();
  const std::size_t acquires = link.all<AcquireBatch>().size();
  start_publisher("s1");
  const auto watch = resolver.watch(key(), Intent::kPublish, [](const RouteUpdate&) {});
  acquire("s1");
  EXPECT_EQ(link.all<AcquireBatch>().size(), acquires + 1);
  EXPECT_EQ(link.all<SessionChanges>().size(), changes);
  EXPECT_EQ(link.all<InterestChange>().size(), interests);
  executor.advance(kBulkWithin);
  EXPECT_EQ(link.all<SessionChanges>().size(), changes + 1);
}

TEST_F(StreamedAcquireTest, APlayerThatWaitsForItsRouteDoesNotWaitBehindAcquires) {
  attach_to_one_that_takes_acquires();
  start_publisher("s1");
  acquire("s1");
  const std::size_t before = link.all<InterestChange>().size();
  const auto watch = resolver.watch(key("live/other"), Intent::kPlay, [](const RouteUpdate&) {});
  executor.run_ready();
  EXPECT_EQ(link.all<InterestChange>().size(), before + 1);
}

TEST_F(StreamedAcquireTest, SeveralRoutesInOneMessageAreEachLearnt) {
  attach_to_one_that_takes_acquires();
  std::vector<RouteUpdate> seen;
  const auto keep = [&](const RouteUpdate& update) { seen.push_back(update); };
  const auto a = resolver.watch(key("live/a"), Intent::kPlay, keep);
  const auto b = resolver.watch(key("live/b"), Intent::kPlay, keep);
  executor.run_ready();
  RouteUpdates message;
  message.updates.push_back(RouteUpdate{key("live/a"), route({1, 4}, {1, 9}), {1, 9}});
  message.updates.push_back(RouteUpdate{key("live/b"), route({1, 5}, {1, 10}), {1, 10}});
  link.say(std::move(message));
  executor.run_ready();
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace weir::routing
