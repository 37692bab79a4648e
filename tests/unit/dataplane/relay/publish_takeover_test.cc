#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/publish_session.h"
#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using routing::Acquired;
using routing::ContactOutcome;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PublishTakeover : public ::testing::Test, protected RelayHarness {
 protected:
  Acquired at(const std::string& name, std::uint64_t epoch = 1) {
    return {.route = make_route(name, epoch, session_id())};
  }
  void answer(routing::AcquireAnswer answer) {
    resolver.answer(std::move(answer));
    pump();
  }
};

TEST_F(PublishTakeover, BusyOriginAfterATakeoverIsTriedAgainForTwoSeconds) {
  start();
  publish();
  client.news();
  script.request_error = "NetStream.Publish.BadName";
  Acquired acquired = at("o1");
  acquired.after_takeover = true;
  answer(acquired);
  advance(1s);
  EXPECT_GT(io.origin_legs().size(), 3U);
  EXPECT_FALSE(resolver.acquire_open());
  script.request_error.clear();
  advance(500ms);
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", "onStatus:NetStream.Publish.Start"));
}

TEST_F(PublishTakeover, OriginThatStaysBusyIsLeftWithoutCountingAsAFailedDial) {
  start();
  publish();
  script.closes_on_request = true;
  Acquired acquired = at("o1");
  acquired.after_takeover = true;
  answer(acquired);
  advance(2s);
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kAnswered);
  EXPECT_FALSE(finished());
}

TEST_F(PublishTakeover, OriginMuteBehindPublishIsLeftWithoutAFailedDialAndThenCountsAsBusy) {
  start();
  publish();
  script.answers_request = false;
  answer(at("o1"));
  advance(relay::kOriginAnswerTimeout);
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kAnswered);
  // The same origin again: it may still hold our own first leg.
  script.answers_request = true;
  script.request_error = "NetStream.Publish.BadName";
  client.news();
  answer(at("o1", 2));
  EXPECT_THAT(client.news(), IsEmpty());
  script.request_error.clear();
  advance(100ms);
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Publish.Start"));
}

TEST_F(PublishTakeover, TakenOverSessionClosesItsOriginLegFirst) {
  publish_to("o1");
  origin.news();
  bool closed = false;
  resolver.only_session().control->close_session(routing::SessionControl::Close::kTakenOver,
                                                 [&] { closed = true; });
  EXPECT_FALSE(closed);
  pump();
  EXPECT_THAT(origin.news(), ElementsAre("FCUnpublish", "deleteStream"));
  EXPECT_FALSE(closed);
  origin.command(rtmp::on_status("status", rtmp::status::kUnpublishSuccess, "bye"), 1, 5);
  pump();
  EXPECT_TRUE(closed);
  EXPECT_TRUE(finished());
}

TEST_F(PublishTakeover, TakenOverSessionOfAMuteOriginIsClosedAfter300Milliseconds) {
  publish_to("o1");
  bool closed = false;
  resolver.only_session().control->close_session(routing::SessionControl::Close::kFenced,
                                                 [&] { closed = true; });
  advance(290ms);
  EXPECT_FALSE(closed);
  advance(10ms);
  EXPECT_TRUE(closed);
  EXPECT_TRUE(finished());
}

TEST_F(PublishTakeover, WaitingSessionIsClosedAtOnce) {
  start();
  publish();
  bool closed = false;
  resolver.only_session().control->close_session(routing::SessionControl::Close::kTakenOver,
                                                 [&] { closed = true; });
  pump();
  EXPECT_TRUE(closed);
  EXPECT_TRUE(finished());
}

TEST_F(PublishTakeover, NewerEpochOfAnotherHolderFences) {
  publish_to("o1", 3);
  resolver.place(stream, make_route("o1", 4, "s9"));
  advance(300ms);
  EXPECT_TRUE(finished());
  EXPECT_THAT(*io.finished(), ::testing::HasSubstr("fenced"));
}

TEST_F(PublishTakeover, NewerEpochOfItsOwnIsAdopted) {
  publish_to("o1", 3);
  resolver.place(stream, make_route("o1", 9, session_id()));
  pump();
  EXPECT_FALSE(finished());
  EXPECT_EQ(resolver.only_session().info.epoch.counter, 9U);
  // And what is older than that no longer fences.
  resolver.place(stream, make_route("o1", 8, "s9"));
  advance(1s);
  EXPECT_FALSE(finished());
}

TEST_F(PublishTakeover, ProvisionalPlacementIsNotFencedByWatching) {
  start();
  publish();
  Acquired acquired = at("o1");
  acquired.route.epoch = {};
  answer(acquired);
  resolver.place(stream, make_route("o2", 4, "s9"));
  advance(1s);
  EXPECT_FALSE(finished());
}

}  // namespace
}  // namespace weir::test
