#include "dataplane/relay/play_session.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using routing::ContactOutcome;
using routing::PlacementState;
using rtmp::MessageType;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = routing::SessionInfo::State;

class PlaySession : public ::testing::Test, protected RelayHarness {
 protected:
  void place(const std::string& name, std::uint64_t epoch, const std::string& holder = "pub",
             PlacementState state = PlacementState::kPublishing) {
    routing::Route route = make_route(name, epoch, holder);
    route.state = state;
    resolver.place(stream, route);
    pump();
  }
  /// A player that has had media from o1 at epoch 1.
  void playing() {
    start();
    place("o1", 1);
    play();
    origin.media(MessageType::kVideo, 0, 5'000);
    pump();
    client.news();
    origin.news();
  }
};

const std::vector<std::string> kStartOfPlay{"user0", "onStatus:NetStream.Play.Reset",
                                            "onStatus:NetStream.Play.Start",
                                            "data:|RtmpSampleAccess"};

TEST_F(PlaySession, PlaysAPlacedStreamAtOnce) {
  start();
  place("o1", 1);
  play("cam?token=x");
  EXPECT_THAT(origin.news(), ElementsAre("connect", "createStream", "play", "user3"));
  const auto play = rtmp::parse_command(origin.find("play")->view());
  EXPECT_EQ(play->string_argument(1), "cam?token=x");
  EXPECT_EQ(play->argument(2)->number, -2000);
  const auto news = client.news();
  EXPECT_TRUE(std::ranges::search(news, kStartOfPlay).begin() != news.end());
  EXPECT_THAT(resolver.only_session().states, ElementsAre(State::kWaiting, State::kConnecting));

  origin.send({.type = MessageType::kDataAmf0, .stream_id = 1, .chunk_stream = 5},
              std::vector<std::uint8_t>{2, 0, 1, 'm'});
  origin.media(MessageType::kVideo, 40, 9'000);
  origin.media(MessageType::kAudio, 41, 200);
  pump();
  EXPECT_THAT(client.news(), ElementsAre("data:m", "type1", "type9", "type8"));
  EXPECT_EQ(client.heard.back().header.timestamp, 41U);
  EXPECT_EQ(resolver.only_session().states.back(), State::kActive);
  EXPECT_EQ(resolver.only_session().control->activity().media_bytes, 9'200U);
  EXPECT_EQ(resolver.only_session().control->activity().last_media, now);
}

TEST_F(PlaySession, SetBufferLengthThatComesLaterIsPassedOn) {
  start();
  play();
  place("o1", 1);
  ASSERT_THAT(origin.news(), ElementsAre("connect", "createStream", "play", "user3"));
  client.send(
      rtmp::user_control({.event = rtmp::UserEvent::kSetBufferLength, .value = 1, .buffer = 500}));
  pump();
  EXPECT_EQ(rtmp::parse_user_control(origin.heard.back().payload)->buffer, 500U);
}

TEST_F(PlaySession, WaitsForAPublisherAndIsDialledWithinHalfASecond) {
  start();
  play();
  advance(10min);
  EXPECT_FALSE(finished());
  EXPECT_TRUE(io.origin_legs().empty());
  EXPECT_GT(client.count("user6"), 10U);  // pings, so that a dead player is noticed
  const MonotonicTime pushed = now;
  place("o1", 1);
  EXPECT_EQ(io.origin_legs().size(), 1U);
  EXPECT_LE(now - pushed, 500ms);
  EXPECT_EQ(client.count("onStatus:NetStream.Play.Start"), 1U);
}

TEST_F(PlaySession, PatienceOfAWaitingPlayerIsConfigurable) {
  config.play_wait = 3s;
  start();
  play();
  client.news();
  advance(2900ms);
  EXPECT_FALSE(finished());
  advance(200ms);
  EXPECT_TRUE(finished());
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Play.StreamNotFound"));
}

TEST_F(PlaySession, FailingDialIsRepeatedAtTheSameOriginThenRefused) {
  start();
  place("o1", 1);
  script.refuses_connection = true;
  play();
  client.news();
  advance(5s);
  EXPECT_FALSE(finished());
  EXPECT_GT(io.origin_legs().size(), 4U);
  for (const auto& leg : io.origin_legs()) EXPECT_EQ(leg.endpoint, "o1:1935");
  EXPECT_EQ(resolver.dials().size(), io.origin_legs().size());
  EXPECT_EQ(resolver.dials().back().outcome, ContactOutcome::kRefused);
  advance(relay::kPlayRetryTotal - 5s);
  EXPECT_TRUE(finished());
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Play.Failed"));
  EXPECT_TRUE(resolver.requests().empty());  // a player never causes a placement
}

TEST_F(PlaySession, DialWithoutResourcesIsNotTheOriginsFaultAndTriedAgain) {
  start();
  place("o1", 1);
  script.refuses_connection = true;
  script.refusal = relay::LegEnd::kNoResources;
  play();
  advance(1s);
  EXPECT_GT(io.origin_legs().size(), 2U);
  EXPECT_TRUE(resolver.dials().empty());
  script.refuses_connection = false;
  advance(relay::kPlayRetryMax);
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.Start"));
}

TEST_F(PlaySession, FollowsTheOwnerBeforeAnyMediaAndHearsEachStatusOnce) {
  start();
  place("o1", 1);
  play();
  place("o2", 2);
  EXPECT_EQ(io.origin_legs().size(), 2U);
  EXPECT_EQ(io.origin_legs()[1].endpoint, "o2:1935");
  EXPECT_EQ(client.count("user0"), 1U);
  EXPECT_EQ(client.count("onStatus:NetStream.Play.Reset"), 1U);
  EXPECT_EQ(client.count("onStatus:NetStream.Play.Start"), 1U);
  EXPECT_EQ(client.count("data:|RtmpSampleAccess"), 1U);
  origin.media(MessageType::kVideo, 0, 5'000);
  pump();
  EXPECT_EQ(client.heard.back().payload.size(), 5'000U);
  EXPECT_EQ(resolver.only_session().info.origin, OriginId("o2"));
}

TEST_F(PlaySession, EndsWhenTheOwnerChangesAfterMedia) {
  playing();
  place("o2", 2);
  EXPECT_THAT(client.news(), ElementsAre("user1", "onStatus:NetStream.Play.UnpublishNotify"));
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, RestartedOriginIsAnotherOwner) {
  playing();
  resolver.place(stream, make_route("o1", 2, "pub", "o1-2"));
  pump();
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, StaysWhenOnlyTheHolderChanges) {
  playing();
  place("o1", 2, "other");
  EXPECT_FALSE(finished());
  EXPECT_EQ(resolver.only_session().info.epoch.counter, 2U);
  origin.media(MessageType::kVideo, 40, 100);
  pump();
  EXPECT_EQ(client.count("type9"), 2U);
}

TEST_F(PlaySession, StaysWhenTheOriginGotANewIncarnationUnderTheSameEpoch) {
  playing();
  resolver.place(stream, make_route("o1", 1, "pub", "o1-2"));
  pump();
  EXPECT_FALSE(finished());
  EXPECT_EQ(resolver.only_session().info.incarnation, IncarnationId("o1-2"));
}

TEST_F(PlaySession, EndsWhenTheStreamIsReleasedAfterMedia) {
  playing();
  resolver.unplace(stream);
  pump();
  EXPECT_THAT(client.news(), ElementsAre("user1", "onStatus:NetStream.Play.UnpublishNotify"));
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, WaitsAgainWhenTheStreamIsReleasedBeforeMedia) {
  start();
  place("o1", 1);
  play();
  resolver.unplace(stream);
  pump();
  EXPECT_FALSE(finished());
  EXPECT_FALSE(io.origin_leg_live());
  EXPECT_EQ(resolver.only_session().states.back(), State::kWaiting);
  place("o2", 2);
  EXPECT_TRUE(io.origin_leg_live());
  EXPECT_EQ(client.count("onStatus:NetStream.Play.Start"), 1U);
}

TEST_F(PlaySession, OriginThatClosesBeforeMediaIsTriedAgain) {
  start();
  place("o1", 1);
  play();
  origin_closes();
  advance(200ms);
  EXPECT_EQ(io.origin_legs().size(), 2U);
  EXPECT_EQ(client.count("onStatus:NetStream.Play.Start"), 1U);
  EXPECT_FALSE(finished());
}

TEST_F(PlaySession, PlayerWithoutMediaFollowsItsStreamFromAnOriginThatWasKilled) {
  start();
  place("o1", 1);
  play();
  advance(60s);  // accepted, and no media yet
  script.refuses_connection = true;
  origin_closes(relay::LegEnd::kReset);
  advance(2s);
  EXPECT_FALSE(finished());
  script.refuses_connection = false;
  place("o2", 2);
  EXPECT_EQ(io.origin_legs().back().endpoint, "o2:1935");
  EXPECT_TRUE(io.origin_leg_live());
  EXPECT_FALSE(finished());
}

TEST_F(PlaySession, AcceptedLegThatStayedGivesBackThePatience) {
  start();
  place("o1", 1);
  script.refuses_connection = true;
  play();
  advance(10s);
  script.refuses_connection = false;
  advance(5s);
  ASSERT_TRUE(io.origin_leg_live());
  script.refuses_connection = true;
  const std::size_t legs = io.origin_legs().size();
  origin_closes(relay::LegEnd::kReset);
  advance(relay::kPlayRetryFirst);
  EXPECT_EQ(io.origin_legs().size(), legs + 1);  // the backoff begins again, too
  advance(10s);
  EXPECT_FALSE(finished());
  advance(5s);
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, OriginThatTakesPlayersOnlyToDropThemIsGivenUp) {
  start();
  place("o1", 1);
  play();
  for (int i = 0; i < 100 && !finished(); ++i) {
    if (io.origin_leg_live()) origin_closes();
    advance(200ms);
  }
  EXPECT_TRUE(finished());
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.Failed"));
}

TEST_F(PlaySession, OriginThatClosesBehindPlayTwiceHasRefused) {
  start();
  place("o1", 1);
  play();
  origin_closes();
  advance(200ms);
  EXPECT_FALSE(finished());
  origin_closes();
  pump();
  EXPECT_TRUE(finished());
  EXPECT_EQ(io.origin_legs().size(), 2U);
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.Failed"));
}

TEST_F(PlaySession, OriginThatClosesWhileThePublisherIsOnItsWayIsTriedOn) {
  start();
  place("o1", 1, "pub", PlacementState::kBound);
  play();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(io.origin_leg_live()) << i;
    origin_closes();
    advance(1s);
    ASSERT_FALSE(finished()) << i;
  }
}

TEST_F(PlaySession, LegsThatStayedDoNotAddUpToARefusal) {
  start();
  place("o1", 1);
  play();
  for (int i = 0; i < 5; ++i) {
    advance(2s);
    ASSERT_TRUE(io.origin_leg_live()) << i;
    origin_closes();
    advance(200ms);
    ASSERT_FALSE(finished()) << i;
  }
}

TEST_F(PlaySession, OriginThatClosesAfterMediaEndsThePlayer) {
  playing();
  origin_closes();
  pump();
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, OriginsRefusalReachesThePlayer) {
  start();
  place("o1", 1);
  script.request_error = "NetStream.Play.StreamNotFound";
  play();
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.StreamNotFound"));
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, RefusalWhileThePublisherIsOnItsWayIsWaitedOut) {
  start();
  place("o1", 1, "pub", PlacementState::kBound);
  script.request_error = "NetStream.Play.StreamNotFound";
  play();
  EXPECT_FALSE(finished());
  script.request_error.clear();
  place("o1", 1, "pub", PlacementState::kPublishing);
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.Start"));
}

TEST_F(PlaySession, ClientCommandsReachTheOriginWithItsStreamId) {
  script.stream_id = 3;
  start();
  place("o1", 1);
  play();
  origin.news();
  std::vector<std::uint8_t> payload;
  amf::Writer(payload).string("pause").number(0).null().boolean(true).number(1000);
  client.command(payload, 1);
  client.call("receiveAudio", 0, {}, 1);
  pump();
  EXPECT_THAT(origin.news(), ElementsAre("pause", "receiveAudio"));
  EXPECT_EQ(origin.heard.back().header.stream_id, 3U);
  const auto pause = rtmp::parse_command(origin.find("pause")->view());
  EXPECT_TRUE(pause->argument(1)->boolean);
  EXPECT_EQ(pause->argument(2)->number, 1000);
}

TEST_F(PlaySession, TranslatesTheOriginsStreamIdEverywhere) {
  script.stream_id = 3;
  start();
  place("o1", 1);
  play();
  origin.media(MessageType::kVideo, 0, 10, 3);
  origin.send(rtmp::user_control({.event = rtmp::UserEvent::kStreamDry, .value = 3}));
  origin.command(rtmp::on_status("status", "NetStream.Play.PublishNotify", "again"), 3, 5);
  pump();
  for (const ReceivedMessage& message : client.heard) EXPECT_LE(message.header.stream_id, 1U);
  for (const ReceivedMessage& message : client.heard) {
    if (message.header.type != MessageType::kUserControl) continue;
    EXPECT_EQ(rtmp::parse_user_control(message.payload)->value, 1U);
  }
  EXPECT_EQ(client.heard.back().header.stream_id, 1U);
}

TEST_F(PlaySession, UnpublishAndRepublishAtTheOriginAreSeenByPlayersWithMediaOnly) {
  playing();
  origin.command(rtmp::on_status("status", rtmp::status::kPlayUnpublishNotify, "gone"), 1, 5);
  origin.send(rtmp::user_control({.event = rtmp::UserEvent::kStreamEof, .value = 1}));
  pump();
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Play.UnpublishNotify", "user1"));
  EXPECT_FALSE(finished());
}

TEST_F(PlaySession, PlayerWithoutMediaHearsOfNoUnpublish) {
  start();
  place("o1", 1);
  play();
  client.news();
  origin.command(rtmp::on_status("status", rtmp::status::kPlayUnpublishNotify, "gone"), 1, 5);
  origin.send(rtmp::user_control({.event = rtmp::UserEvent::kStreamEof, .value = 1}));
  pump();
  EXPECT_THAT(client.news(), IsEmpty());
}

TEST_F(PlaySession, StartsByItselfWhenTheOriginSendsMediaOnly) {
  start();
  place("o1", 1);
  script.answers_request = false;
  play();
  client.news();
  origin.media(MessageType::kVideo, 0, 100);
  pump();
  EXPECT_THAT(client.news(),
              ElementsAre("user0", "onStatus:NetStream.Play.Start", "type1", "type9"));
  advance(20s);
  EXPECT_FALSE(finished());
}

TEST_F(PlaySession, MuteOriginIsTriedAgain) {
  start();
  place("o1", 1);
  script.answers_request = false;
  play();
  advance(relay::kOriginAnswerTimeout + 1s);
  EXPECT_EQ(io.origin_legs().size(), 2U);
}

TEST_F(PlaySession, PlayerThatLeavesIsToldToTheOrigin) {
  playing();
  client_closes();
  origin.hear(io.take_origin_bytes());
  EXPECT_THAT(origin.news(), ElementsAre("deleteStream"));
  EXPECT_EQ(*resolver.only_session().ended, "client closed");
  EXPECT_EQ(resolver.watchers(), 0U);
}

TEST_F(PlaySession, CloseStreamEndsTheStream) {
  playing();
  client.call("closeStream", 0, {}, 1);
  pump();
  EXPECT_EQ(resolver.only_session().ended, "player closed its stream");
  EXPECT_EQ(io.origin_legs().back().state, FakeSessionIo::LegState::kFlushed);
  EXPECT_FALSE(finished());
}

TEST_F(PlaySession, WhatIsHalfRelayedIsCompletedBeforeTheNextPlay) {
  playing();
  client.news();
  origin.media(MessageType::kVideo, 80, 9'000);
  const std::vector<std::uint8_t> rest(origin.out.begin() + 5'000, origin.out.end());
  origin.out.resize(5'000);
  pump();
  client.call("closeStream", 0, {}, 1);
  pump();
  EXPECT_FALSE(resolver.only_session().ended);
  origin.out = rest;
  origin.media(MessageType::kVideo, 120, 70);  // nobody wants it any more
  pump();
  EXPECT_TRUE(resolver.only_session().ended);
  EXPECT_THAT(client.news(), ElementsAre("type9"));
  EXPECT_EQ(client.heard.back().payload.size(), 9'000U);

  std::vector<std::uint8_t> again;
  amf::Writer(again).string("play").number(9).null().string("cam");
  client.command(again, 1);
  pump();
  origin.media(MessageType::kVideo, 3, 600);
  pump();
  EXPECT_EQ(client.count("onStatus:NetStream.Play.Start"), 2U);
  EXPECT_EQ(client.heard.back().payload.size(), 600U);
  EXPECT_EQ(resolver.sessions().size(), 2U);
}

TEST_F(PlaySession, MessageThatIsNeverCompletedEndsTheConnection) {
  playing();
  origin.media(MessageType::kVideo, 80, 9'000);
  origin.out.resize(5'000);
  pump();
  client.call("closeStream", 0, {}, 1);
  advance(relay::kOriginCloseTimeout);
  EXPECT_EQ(*io.finished(), "player closed its stream");
}

TEST_F(PlaySession, ReconnectRequestOfAnOriginIsNotTheClients) {
  playing();
  client.news();
  origin.command(rtmp::reconnect_request("rtmp://10.0.0.1/live", "go"));
  pump();
  EXPECT_THAT(client.news(), IsEmpty());
}

TEST_F(PlaySession, KickedPlayerIsClosed) {
  playing();
  bool closed = false;
  resolver.only_session().control->close_session(routing::SessionControl::Close::kTakenOver,
                                                 [&] { closed = true; });
  pump();
  EXPECT_TRUE(closed);
  EXPECT_TRUE(finished());
}

TEST_F(PlaySession, BytesFromTheOriginAreNotedAtMostOncePerSecond) {
  playing();
  const std::size_t before = resolver.noted().size();
  for (int i = 0; i < 30; ++i) {
    origin.media(MessageType::kVideo, 0, 10);
    advance(100ms);
  }
  EXPECT_GE(resolver.noted().size() - before, 2U);
  EXPECT_LE(resolver.noted().size() - before, 4U);
}

TEST_F(PlaySession, PingsAreAnsweredBetweenTheMedia) {
  playing();
  client.send(rtmp::user_control({.event = rtmp::UserEvent::kPingRequest, .value = 9}));
  origin.media(MessageType::kVideo, 40, 3'000);
  origin.send(rtmp::user_control({.event = rtmp::UserEvent::kPingRequest, .value = 8}));
  pump();
  EXPECT_THAT(client.news(), ElementsAre("user7", "type9"));
  EXPECT_EQ(origin.count("user7"), 1U);
}

TEST_F(PlaySession, NginxRtmpOriginsAreReadInTheirDialect) {
  start();
  routing::Route route = make_route("o1", 1);
  route.origin_kind = routing::OriginKind::kNginxRtmp;
  resolver.place(stream, route);
  play();
  origin.media(MessageType::kAudio, 1'000, 4);
  // Format 1 with a delta of 20, then format 3 for a new message: nginx-rtmp means "same time".
  const std::vector<std::uint8_t> raw{0x44, 0, 0, 20, 0, 0, 2, 8, 1, 2, 0xC4, 3, 4};
  origin.out.insert(origin.out.end(), raw.begin(), raw.end());
  pump();
  EXPECT_EQ(client.heard.back().header.timestamp, 1'020U);
  EXPECT_THAT(client.heard.back().payload, ElementsAre(3, 4));
}

}  // namespace
}  // namespace weir::test
