#include "dataplane/relay/publish_session.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using routing::Acquired;
using routing::ContactOutcome;
using rtmp::MessageType;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using State = routing::SessionInfo::State;

class PublishSession : public ::testing::Test, protected RelayHarness {
 protected:
  Acquired at(const std::string& name, std::uint64_t epoch = 1) {
    return {.route = make_route(name, epoch, session_id())};
  }
  void answer(routing::AcquireAnswer answer) {
    resolver.answer(std::move(answer));
    pump();
  }
};

TEST_F(PublishSession, TellsTheOriginWhatTheClientSaidAndStartsOnlyAfterTheOrigin) {
  start();
  publish("cam?token=x");
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.only_session().info.stream, stream);
  EXPECT_EQ(resolver.only_session().info.intent, routing::Intent::kPublish);
  script.answers_request = false;
  client.news();

  answer(at("o1"));
  EXPECT_EQ(io.origin_legs().back().endpoint, "o1:1935");
  EXPECT_THAT(origin.news(),
              ElementsAre("connect", "releaseStream", "FCPublish", "createStream", "publish"));
  const auto publish = rtmp::parse_command(origin.find("publish")->view());
  EXPECT_EQ(publish->string_argument(1), "cam?token=x");
  EXPECT_EQ(publish->string_argument(2), "live");
  EXPECT_THAT(client.news(), IsEmpty());

  origin.command(rtmp::on_status("status", rtmp::status::kPublishStart, "go"), 1, 5);
  pump();
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", "onStatus:NetStream.Publish.Start"));
  EXPECT_THAT(resolver.only_session().states,
              ElementsAre(State::kWaiting, State::kConnecting, State::kActive));
  EXPECT_EQ(resolver.only_session().info.incarnation, IncarnationId("o1-1"));
  ASSERT_EQ(resolver.dials().size(), 1U);
  EXPECT_EQ(resolver.dials()[0].outcome, ContactOutcome::kAnswered);
}

TEST_F(PublishSession, ClientsThatSendNoReleaseStreamSeeTheOriginToldNone) {
  start();
  connect();
  client.call("createStream", 2);
  client.call("publish", 3, {"cam", "live"}, 1);
  pump();
  answer(at("o1"));
  EXPECT_THAT(origin.news(), ElementsAre("connect", "createStream", "publish"));
  EXPECT_THAT(client.news(), Not(Contains("onFCPublish")));
}

TEST_F(PublishSession, RelaysMediaAsItWasSentAndCountsIt) {
  publish_to("o1");
  origin.news();
  client.chunk_size(4096);
  client.media(MessageType::kVideo, 0, 10'000);
  client.media(MessageType::kAudio, 3, 300);
  const std::uint64_t copied = io.copied_bytes();
  pump();
  EXPECT_THAT(origin.news(), ElementsAre("type1", "type9", "type8"));
  EXPECT_EQ(origin.heard.back().header.timestamp, 3U);
  EXPECT_EQ(origin.heard[origin.heard.size() - 2].payload.size(), 10'000U);
  // Media leaves as views of the input; only the chunk size announcement is our own.
  EXPECT_LT(io.copied_bytes() - copied, 64U);
  const auto activity = resolver.only_session().control->activity();
  EXPECT_EQ(activity.media_bytes, 10'300U);
  EXPECT_EQ(activity.last_media, now);
}

TEST_F(PublishSession, MediaSentBeforeTheAnswerArrivesComplete) {
  start();
  publish();
  client.chunk_size(4096);
  client.media(MessageType::kVideo, 0, 9'000);
  client.media(MessageType::kAudio, 0, 200);
  pump();
  EXPECT_FALSE(resolver.only_session().control->activity().last_media);
  answer(at("o1"));
  client.media(MessageType::kAudio, 23, 100);
  pump();
  std::vector<std::size_t> sizes;
  for (const ReceivedMessage& message : origin.heard)
    if (rtmp::is_media(message.header.type)) sizes.push_back(message.payload.size());
  EXPECT_THAT(sizes, ElementsAre(9'000U, 200U, 100U));
}

TEST_F(PublishSession, EarlyMediaFitAnyStreamIdAndNeverLowerTheChunkSize) {
  for (const double stream_id : {1.0, 5.0}) {
    RelayHarness harness;
    harness.script.stream_id = stream_id;
    harness.start();
    harness.client.chunk_size(4'096);
    harness.publish();
    harness.client.media(MessageType::kVideo, 0, 9'000);
    harness.client.media(MessageType::kAudio, 0x1000000, 200);
    harness.client.chunk_size(60'000);
    harness.client.media(MessageType::kVideo, 40, 30'000);
    harness.pump();
    harness.resolver.answer(at("o1"));
    harness.pump();
    harness.client.media(MessageType::kVideo, 80, 100);
    harness.pump();
    std::vector<std::size_t> sizes;
    std::uint32_t announced = rtmp::kChunkSizeDefault;
    for (const ReceivedMessage& message : harness.origin.heard) {
      if (message.header.type == MessageType::kSetChunkSize) {
        // nginx-rtmp loses what stands behind a size that shrinks.
        EXPECT_GT(*rtmp::parse_control_value(message.payload), announced);
        announced = *rtmp::parse_control_value(message.payload);
      }
      if (!rtmp::is_media(message.header.type)) continue;
      sizes.push_back(message.payload.size());
      EXPECT_EQ(message.header.stream_id, stream_id);
    }
    EXPECT_EQ(announced, 60'000U);
    EXPECT_THAT(sizes, ElementsAre(9'000U, 200U, 30'000U, 100U));
  }
}

TEST_F(PublishSession, TellsWhatItKeepsUntilAnOriginHasAccepted) {
  start();
  publish();
  client.chunk_size(4096);
  client.media(MessageType::kVideo, 0, 9'000);
  pump();
  EXPECT_GT(io.kept(), 9'000U);
  EXPECT_LT(io.kept(), 9'100U);
  const std::size_t before = io.kept();
  client.media(MessageType::kVideo, 40, 5'000);
  pump();
  EXPECT_GT(io.kept(), before + 5'000);
  answer(at("o1"));
  EXPECT_EQ(io.kept(), 0U);
  client.media(MessageType::kVideo, 80, 5'000);
  pump();
  EXPECT_EQ(io.kept(), 0U);
}

TEST_F(PublishSession, KeepsNothingOfAStreamThatEndsBeforeTheAnswer) {
  start();
  publish();
  client.media(MessageType::kVideo, 0, 9'000);
  pump();
  EXPECT_GT(io.kept(), 9'000U);
  client.command(rtmp::delete_stream_command(7, 1));
  pump();
  EXPECT_FALSE(finished());
  EXPECT_EQ(io.kept(), 0U);
}

TEST_F(PublishSession, TooMuchMediaBeforeTheAnswerEndsTheSession) {
  start();
  publish();
  client.chunk_size(65'536);
  for (int i = 0; i < 10 && !finished(); ++i) {
    client.media(MessageType::kVideo, 0, 512UL * 1024);
    pump();
  }
  EXPECT_TRUE(finished());
  EXPECT_THAT(*io.finished(), ::testing::HasSubstr("before the origin accepted"));
}

TEST_F(PublishSession, HeldElsewhereIsBadName) {
  start();
  publish();
  client.news();
  answer(routing::Held{.holder = "s0"});
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Publish.BadName"));
  EXPECT_TRUE(finished());
  EXPECT_TRUE(resolver.only_session().ended);
}

TEST_F(PublishSession, RejectedNameIsBadName) {
  start();
  publish();
  client.news();
  answer(routing::Rejected{.reason = "INVALID_FIELD"});
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Publish.BadName"));
  EXPECT_TRUE(finished());
}

TEST_F(PublishSession, HoldsTheEncoderAndAsksAgainWhenToldLater) {
  start();
  publish();
  client.news();
  answer(routing::RetryLater{.retry_after = 200ms, .reason = "SETTLING"});
  advance(150ms);
  EXPECT_FALSE(resolver.acquire_open());
  advance(60ms);
  EXPECT_TRUE(resolver.acquire_open());
  answer(at("o1"));
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Publish.Start"));
}

TEST_F(PublishSession, GivesUpAfterTheHoldWithAStatus) {
  start();
  publish();
  client.news();
  while (!finished()) {
    if (resolver.acquire_open())
      resolver.answer(routing::RetryLater{.retry_after = 1s, .reason = "NO_ELIGIBLE_ORIGIN"});
    advance(500ms);
    ASSERT_LT(now - MonotonicTime(1h), 20s);
  }
  EXPECT_GE(now - MonotonicTime(1h), 15s);
  EXPECT_THAT(client.news(), ElementsAre("user6", "user6", "onStatus:NetStream.Failed"));
}

TEST_F(PublishSession, FailedDialGoesToTheNextOriginWhileTheEncoderIsHeld) {
  start();
  publish();
  client.news();
  script.refuses_connection = true;
  answer(at("o1", 4));
  ASSERT_TRUE(resolver.acquire_open());
  ASSERT_TRUE(resolver.requests().back().failed);
  EXPECT_EQ(resolver.requests().back().failed->incarnation, IncarnationId("o1-1"));
  EXPECT_EQ(resolver.requests().back().failed->epoch.counter, 4U);
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kRefused);
  EXPECT_EQ(resolver.dials().back().outcome, ContactOutcome::kRefused);
  script.refuses_connection = false;
  answer(at("o2", 5));
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", "onStatus:NetStream.Publish.Start"));
  EXPECT_EQ(resolver.only_session().info.origin, OriginId("o2"));
}

TEST_F(PublishSession, TellsOfTheFailureAgainWhenTheAnswerWasLater) {
  start();
  publish();
  script.refuses_connection = true;
  answer(at("o1"));
  answer(routing::RetryLater{.retry_after = 100ms, .reason = "BUSY_RETRY"});
  advance(100ms);
  ASSERT_EQ(resolver.requests().size(), 3U);
  EXPECT_TRUE(resolver.requests().back().failed);
}

TEST_F(PublishSession, FrozenOriginIsLeftAfterTheDialDeadline) {
  start();
  publish();
  script.answers = false;  // accepts, says nothing
  answer(at("o1"));
  advance(990ms);
  EXPECT_FALSE(resolver.acquire_open());
  advance(20ms);
  EXPECT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.dials().back().outcome, ContactOutcome::kTimedOut);
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kTimedOut);
  EXPECT_EQ(io.origin_legs().back().state, FakeSessionIo::LegState::kAborted);
}

TEST_F(PublishSession, FullOriginThatAcceptsAndClosesIsTurningAwayAndTheNextIsTried) {
  for (const auto end : {relay::LegEnd::kFin, relay::LegEnd::kReset}) {
    RelayHarness harness;
    harness.start();
    harness.publish();
    harness.script.answers = false;
    harness.resolver.answer(at("o1"));
    harness.pump();
    harness.origin_closes(end);
    harness.pump();
    ASSERT_TRUE(harness.resolver.acquire_open());
    EXPECT_EQ(harness.resolver.requests().back().failed->outcome, ContactOutcome::kTurnedAway);
    EXPECT_EQ(harness.resolver.dials().back().outcome, ContactOutcome::kTurnedAway);
    harness.script.answers = true;
    harness.resolver.answer(at("o2", 2));
    harness.pump();
    EXPECT_EQ(harness.client.count("onStatus:NetStream.Publish.Start"), 1U);
  }
}

TEST_F(PublishSession, OriginThatDiesInTheMiddleOfItsHandshakeIsAReset) {
  start();
  publish();
  script.answers = false;
  answer(at("o1"));
  const std::vector<std::uint8_t> half(100, 3);
  session->on_bytes(relay::Leg::kOrigin, now, half);
  origin_closes(relay::LegEnd::kReset);
  pump();
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kReset);
}

TEST_F(PublishSession, TriesTheOtherEndpointsOfAnOriginFirst) {
  start();
  publish();
  script.refuses_connection = true;
  Acquired acquired = at("o1");
  acquired.route.rtmp_endpoints = {"a:1", "b:2"};
  answer(acquired);
  EXPECT_EQ(io.origin_legs().size(), 2U);
  EXPECT_EQ(io.origin_legs()[1].endpoint, "b:2");
  EXPECT_TRUE(resolver.acquire_open());
}

TEST_F(PublishSession, OriginsRefusalReachesTheClientWithTheSameCodeAndIsNotRetried) {
  start();
  publish();
  client.news();
  script.request_error = "NetStream.Publish.Denied";
  answer(at("o1"));
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Publish.Denied"));
  EXPECT_TRUE(finished());
  EXPECT_EQ(resolver.requests().size(), 1U);
  EXPECT_EQ(resolver.dials().size(), 1U);
  EXPECT_EQ(resolver.dials()[0].outcome, ContactOutcome::kAnswered);
}

TEST_F(PublishSession, CloseAfterPublishIsARefusalNotADialFailure) {
  start();
  publish();
  client.news();
  script.closes_on_request = true;
  answer(at("o1"));
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Publish.Rejected"));
  EXPECT_TRUE(finished());
  EXPECT_EQ(resolver.requests().size(), 1U);
  EXPECT_EQ(resolver.dials().size(), 1U);
}

TEST_F(PublishSession, ConnectErrorOfTheOriginIsARefusal) {
  start();
  publish();
  client.news();
  script.connect_error = "NetConnection.Connect.InvalidApp";
  answer(at("o1"));
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetConnection.Connect.InvalidApp"));
  EXPECT_TRUE(finished());
}

TEST_F(PublishSession, CloseOnConnectIsARefusal) {
  start();
  publish();
  client.news();
  script.closes_on_connect = true;
  answer(at("o1"));
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetConnection.Connect.Rejected"));
}

TEST_F(PublishSession, DialWithoutResourcesIsNotTheOriginsFaultAndTriedAgainSoon) {
  start();
  publish();
  client.news();
  script.refuses_connection = true;
  script.refusal = relay::LegEnd::kNoResources;
  answer(at("o1"));
  const std::size_t requests = resolver.requests().size();
  advance(relay::kResourcesRetry * 4);
  EXPECT_FALSE(finished());
  EXPECT_EQ(io.origin_legs().size(), 5U);
  EXPECT_TRUE(resolver.dials().empty());
  EXPECT_EQ(resolver.requests().size(), requests) << "no other origin is asked for";
  script.refuses_connection = false;
  advance(relay::kResourcesRetry);
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Publish.Start"));
  EXPECT_EQ(io.origin_legs().back().endpoint, "o1:1935");
}

TEST_F(PublishSession, DialWithoutResourcesIsGivenUpWithTheHold) {
  start();
  publish();
  script.refuses_connection = true;
  script.refusal = relay::LegEnd::kNoResources;
  answer(at("o1"));
  advance(config.publish_hold);
  EXPECT_TRUE(finished());
}

TEST_F(PublishSession, OriginHearsTheNamesOfThePublishedStreamOnly) {
  for (const std::string name : {"one", "two", "two?token=x", "else"}) {
    RelayHarness harness;
    harness.start();
    harness.connect();
    for (const std::string prepared : {"one", "two"}) {
      harness.client.call("releaseStream", 2, {prepared});
      harness.client.call("FCPublish", 3, {prepared});
    }
    harness.client.call("createStream", 4);
    harness.client.call("publish", 5, {name, "live"}, 1);
    harness.pump();
    harness.resolver.answer(at("o1"));
    harness.pump();
    const std::string expected = name.substr(0, 3);
    for (const char* command : {"releaseStream", "FCPublish"}) {
      if (name == "else") {
        EXPECT_EQ(harness.origin.count(command), 0U);
        continue;
      }
      const ReceivedMessage* heard = harness.origin.find(command);
      ASSERT_NE(heard, nullptr) << command;
      EXPECT_EQ(rtmp::parse_command(heard->view())->string_argument(1), expected) << name;
      EXPECT_EQ(harness.origin.count(command), 1U);
    }
  }
}

TEST_F(PublishSession, LostOriginClosesTheClientWithoutAStatus) {
  publish_to("o1");
  client.news();
  origin_closes(relay::LegEnd::kReset);
  pump();
  EXPECT_THAT(client.news(), IsEmpty());
  EXPECT_EQ(*io.finished(), "origin lost");
}

TEST_F(PublishSession, ClientThatIsGoneIsTakenLeaveOfAtTheOrigin) {
  publish_to("o1");
  origin.news();
  client_closes();
  origin.hear(io.take_origin_bytes());
  EXPECT_THAT(origin.news(), ElementsAre("FCUnpublish", "deleteStream"));
  EXPECT_TRUE(finished());
  EXPECT_EQ(*resolver.only_session().ended, "client closed");
}

TEST_F(PublishSession, DeleteStreamIsPassedOnOnceAndEndsTheStream) {
  publish_to("o1");
  origin.news();
  client.call("FCUnpublish", 6, {"cam"});
  std::vector<std::uint8_t> payload = rtmp::delete_stream_command(7, 1);
  client.command(payload);
  pump();
  EXPECT_THAT(origin.news(), ElementsAre("FCUnpublish", "deleteStream"));
  EXPECT_FALSE(resolver.only_session().ended);
  origin.command(rtmp::on_status("status", rtmp::status::kUnpublishSuccess, "bye"), 1, 5);
  pump();
  EXPECT_EQ(resolver.only_session().ended, "client ended its stream");
  EXPECT_EQ(client.count("onStatus:NetStream.Unpublish.Success"), 1U);
}

TEST_F(PublishSession, SilentOriginIsNotWaitedForAtTheEnd) {
  publish_to("o1");
  client.command(rtmp::delete_stream_command(7, 1));
  advance(relay::kOriginCloseTimeout);
  EXPECT_TRUE(resolver.only_session().ended);
}

TEST_F(PublishSession, AcknowledgesAndAnswersPingsOnEachLegByItself) {
  publish_to("o1");
  client.news();
  origin.news();
  client.send(rtmp::window_ack_size(1'000));
  client.send(rtmp::user_control({.event = rtmp::UserEvent::kPingRequest, .value = 77}));
  client.media(MessageType::kVideo, 0, 2'000);
  pump();
  client.media(MessageType::kVideo, 0, 2'000);
  pump();
  EXPECT_EQ(client.count("type3"), 1U);
  EXPECT_EQ(client.count("user7"), 1U);
  EXPECT_EQ(origin.count("type3") + origin.count("type5") + origin.count("user6"), 0U);
  origin.send(rtmp::window_ack_size(200));
  origin.send(rtmp::user_control({.event = rtmp::UserEvent::kPingRequest, .value = 5}));
  pump();
  origin.command(rtmp::on_bw_done());
  pump();
  EXPECT_EQ(origin.count("user7"), 1U);
  EXPECT_EQ(origin.count("type3"), 1U);
  EXPECT_EQ(client.count("user6"), 0U);
}

TEST_F(PublishSession, SilentPublisherIsClosedAfterThirtySeconds) {
  publish_to("o1");
  advance(20s);
  client.media(MessageType::kAudio, 0, 10);
  advance(29s);
  EXPECT_FALSE(finished());
  advance(1s);
  EXPECT_TRUE(finished());
}

TEST_F(PublishSession, OriginWithAnotherStreamIdGetsItsOwn) {
  script.stream_id = 5;
  publish_to("o1");
  client.media(MessageType::kVideo, 0, 50);
  pump();
  EXPECT_EQ(origin.heard.back().header.stream_id, 5U);
  EXPECT_EQ(client.heard.back().header.stream_id, 1U);
}

TEST_F(PublishSession, LaterCallsAreAnsweredHereAndNotRelayed) {
  publish_to("o1");
  origin.news();
  client.news();
  client.call("_checkbw", 9);
  client.call("createStream", 10);
  client.call("publish", 11, {"second", "live"}, 1);
  pump();
  EXPECT_THAT(client.news(),
              ElementsAre("_result", "_result", "onStatus:NetStream.Publish.BadName"));
  EXPECT_THAT(origin.news(), IsEmpty());
  EXPECT_FALSE(finished());
}

}  // namespace
}  // namespace weir::test
