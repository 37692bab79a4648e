// Several streams on one connection, as OBS with several renditions has them.

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/rtmp_session.h"
#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using routing::Acquired;
using rtmp::MessageType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SeveralStreams : public ::testing::Test, protected RelayHarness {
 protected:
  /// Everything without waiting: releaseStream, FCPublish, createStream for each, then publish.
  void prepare(const std::vector<std::string>& names) {
    connect();
    for (const std::string& name : names) client.call("releaseStream", 2, {name});
    for (const std::string& name : names) client.call("FCPublish", 3, {name});
    for (std::size_t i = 0; i < names.size(); ++i) client.call("createStream", 4);
    std::uint32_t stream_id = 0;
    for (const std::string& name : names) client.call("publish", 5, {name, "live"}, ++stream_id);
    pump();
  }
  /// Answers the oldest acquire.
  void place_at(const std::string& name) {
    resolver.answer(Acquired{.route = make_route(name, 1, session_id())});
    pump();
  }
  void publish_two() {
    start();
    prepare({"hi", "lo"});
    place_at("o1");
    place_at("o2");
    client.news();
    origin.news();
    origin_at(1).news();
  }
  void video(std::uint32_t stream_id, std::uint32_t time, std::size_t bytes,
             std::uint32_t chunk_stream = 4) {
    client.send({.type = MessageType::kVideo,
                 .timestamp = time,
                 .stream_id = stream_id,
                 .chunk_stream = chunk_stream},
                std::vector<std::uint8_t>(bytes, static_cast<std::uint8_t>(stream_id)));
  }
  static std::vector<std::size_t> media_sizes(const ScriptedEnd& end) {
    std::vector<std::size_t> sizes;
    for (const ReceivedMessage& message : end.heard)
      if (rtmp::is_media(message.header.type)) sizes.push_back(message.payload.size());
    return sizes;
  }
  /// The message streams on which the client heard that status.
  std::vector<std::uint32_t> streams_told(const std::string& status) const {
    std::vector<std::uint32_t> streams;
    for (const ReceivedMessage& message : client.heard)
      if (ScriptedEnd::describe(message) == status) streams.push_back(message.header.stream_id);
    return streams;
  }
  const FakeRouteResolver::Session& session_named(const std::string& id) const {
    return resolver.sessions().at(SessionId(id));
  }
};

TEST_F(SeveralStreams, EachIsPublishedAtItsOwnOriginWithItsOwnNames) {
  start();
  prepare({"hi?token=1", "lo?token=2"});
  ASSERT_EQ(resolver.sessions().size(), 2U);
  EXPECT_EQ(session_named("s1").info.stream, key_of("live/hi"));
  EXPECT_EQ(session_named("s1-2").info.stream, key_of("live/lo"));
  EXPECT_EQ(io.times_identified(), 1);
  place_at("o1");
  place_at("o2");
  for (const std::uint8_t index : {0, 1}) {
    ScriptedEnd& end = origin_at(index);
    EXPECT_THAT(end.news(),
                ElementsAre("connect", "releaseStream", "FCPublish", "createStream", "publish"));
    for (const char* command : {"releaseStream", "FCPublish", "publish"}) {
      const auto said = rtmp::parse_command(end.find(command)->view());
      EXPECT_EQ(said->string_argument(1), index == 0 ? "hi?token=1" : "lo?token=2") << command;
    }
  }
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.Start"), ElementsAre(1U, 2U));
}

TEST_F(SeveralStreams, TagsNameTheStreamsOwnSession) {
  publish_two();
  const auto tag = [&](std::uint8_t index) {
    const auto command = rtmp::parse_command(origin_at(index).find("connect")->view());
    return std::string(amf::string_property(*command->argument(0), "swfUrl"));
  };
  EXPECT_EQ(tag(0), "weir:fwd-1/s1/1.1");
  EXPECT_EQ(tag(1), "weir:fwd-1/s1-2/1.1");
}

TEST_F(SeveralStreams, MediaOnOneChunkStreamAreToldApartInPiecesOfEverySize) {
  for (const std::size_t piece : {0UL, 1UL, 3UL, 100UL, 1'000UL}) {
    RelayHarness harness;
    harness.scripts[1].stream_id = 7;
    harness.split_input(piece);
    harness.start();
    harness.connect();
    harness.client.call("createStream", 2);
    harness.client.call("createStream", 3);
    harness.client.call("publish", 4, {"hi", "live"}, 1);
    harness.client.call("publish", 5, {"lo", "live"}, 2);
    harness.pump();
    for (const char* name : {"o1", "o2"}) {
      harness.resolver.answer(Acquired{.route = make_route(name, 1, "s1")});
      harness.pump();
    }
    std::uint32_t size = 300;
    for (std::uint32_t i = 0; i < 40; ++i) {
      if (i == 20) harness.client.chunk_size(4'096);
      for (const std::uint32_t stream_id : {1U, 2U})
        harness.client.send({.type = i % 3 == 0 ? MessageType::kAudio : MessageType::kVideo,
                             .timestamp = 20 * i + stream_id,
                             .stream_id = stream_id,
                             .chunk_stream = 4},
                            std::vector<std::uint8_t>(size += 7, 0x17));
    }
    harness.pump();
    ASSERT_FALSE(harness.finished()) << piece;
    for (const std::uint8_t index : {0, 1}) {
      std::uint32_t i = 0;
      for (const ReceivedMessage& message : harness.origin_at(index).heard) {
        if (!rtmp::is_media(message.header.type)) continue;
        EXPECT_EQ(message.header.timestamp, 20 * i + index + 1U);
        EXPECT_EQ(message.header.stream_id, index == 0 ? 1U : 7U);
        EXPECT_EQ(message.payload.size(), 300U + 7 * (2 * i + index + 1));
        ++i;
      }
      EXPECT_EQ(i, 40U) << piece;
    }
  }
}

TEST_F(SeveralStreams, ChunksOfTwoMessagesMayAlternate) {
  publish_two();
  std::vector<std::uint8_t> first;
  std::vector<std::uint8_t> second;
  std::swap(client.out, first);
  video(1, 10, 300, 4);
  std::swap(client.out, first);
  video(2, 20, 300, 6);
  std::swap(client.out, second);
  // 128 bytes of payload behind 12 bytes of header, then 128 behind one, then the rest.
  const std::vector<std::size_t> cuts{0, 140, 269, first.size()};
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    for (const auto* message : {&first, &second})
      client.out.insert(client.out.end(), message->begin() + static_cast<std::ptrdiff_t>(cuts[i]),
                        message->begin() + static_cast<std::ptrdiff_t>(cuts[i + 1]));
  }
  pump();
  EXPECT_THAT(media_sizes(origin), ElementsAre(300U));
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(300U));
  EXPECT_EQ(origin.heard.back().payload.front(), 1);
  EXPECT_EQ(origin_at(1).heard.back().payload.back(), 2);
}

TEST_F(SeveralStreams, MediaOfOneWaitForItsOriginWhileTheOtherRuns) {
  start();
  scripts[1].stream_id = 9;
  prepare({"hi", "lo"});
  place_at("o1");
  video(1, 0, 500);
  video(2, 1, 600);
  video(1, 40, 700);
  client.chunk_size(1'000);
  video(2, 41, 800);
  pump();
  EXPECT_THAT(media_sizes(origin), ElementsAre(500U, 700U));
  place_at("o2");
  video(2, 81, 900);
  pump();
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(600U, 800U, 900U));
  for (const ReceivedMessage& message : origin_at(1).heard)
    if (rtmp::is_media(message.header.type)) EXPECT_EQ(message.header.stream_id, 9U);
}

TEST_F(SeveralStreams, AWaitingStreamStopsTheClientOnlyWhileNoOtherRuns) {
  start();
  prepare({"hi", "lo"});
  client.chunk_size(65'536);
  video(2, 0, 100'000);
  pump();
  EXPECT_GT(io.kept(), 100'000U);
  EXPECT_FALSE(io.reads_on());
  place_at("o1");
  EXPECT_TRUE(io.reads_on());
  video(2, 40, 100'000);
  video(1, 40, 500);
  pump();
  EXPECT_GT(io.kept(), 200'000U);
  EXPECT_TRUE(io.reads_on());
  EXPECT_THAT(media_sizes(origin), ElementsAre(500U));
  // Nothing runs any more.
  client.command(rtmp::delete_stream_command(0, 1));
  advance(1s);
  EXPECT_FALSE(io.reads_on());
  place_at("o2");
  EXPECT_EQ(io.kept(), 0U);
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(100'000U, 100'000U));
}

TEST_F(SeveralStreams, AWaitingStreamThatSendsTooMuchBesideAnotherIsRefusedAlone) {
  start();
  prepare({"hi", "lo", "mid"});
  place_at("o1");
  client.chunk_size(65'536);
  video(3, 0, 5'000);
  for (std::size_t bytes = 0; bytes <= relay::kEarlyBytesBesideActiveMax; bytes += 60'000) {
    EXPECT_THAT(streams_told("onStatus:NetStream.Failed"), IsEmpty());
    video(2, 0, 60'000);
    pump();
  }
  EXPECT_THAT(streams_told("onStatus:NetStream.Failed"), ElementsAre(2U));
  EXPECT_THAT(*session_named("s1-2").ended, HasSubstr("before the origin accepted"));
  EXPECT_GT(io.kept(), 5'000U);
  EXPECT_LT(io.kept(), 6'000U);
  video(2, 40, 70'000);
  video(1, 40, 500);
  pump();
  EXPECT_LT(io.kept(), 6'000U);
  EXPECT_THAT(media_sizes(origin), ElementsAre(500U));
  EXPECT_FALSE(finished());
}

TEST_F(SeveralStreams, ActivityIsCountedByStream) {
  publish_two();
  video(1, 0, 100);
  pump();
  advance(3s);
  video(2, 0, 250);
  pump();
  EXPECT_EQ(session_named("s1").control->activity().media_bytes, 100U);
  EXPECT_EQ(session_named("s1-2").control->activity().media_bytes, 250U);
  EXPECT_EQ(session_named("s1").control->activity().last_media, now - 3s);
  EXPECT_EQ(session_named("s1-2").control->activity().last_media, now);
}

TEST_F(SeveralStreams, RefusalOfOneIsToldOnItsStreamAndLeavesTheOther) {
  start();
  prepare({"hi", "lo"});
  place_at("o1");
  resolver.answer(routing::Held{.holder = "s0"});
  pump();
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.BadName"), ElementsAre(2U));
  EXPECT_FALSE(finished());
  EXPECT_THAT(*session_named("s1-2").ended, HasSubstr("held"));
  video(2, 0, 500);
  video(1, 1, 600);
  pump();
  EXPECT_THAT(media_sizes(origin), ElementsAre(600U));
}

TEST_F(SeveralStreams, RefusalByAnOriginIsTranslatedForItsStream) {
  start();
  scripts[1].request_error = "NetStream.Publish.Denied";
  prepare({"hi", "lo"});
  place_at("o1");
  place_at("o2");
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.Denied"), ElementsAre(2U));
  EXPECT_FALSE(finished());
}

TEST_F(SeveralStreams, BadNameOfOneIsRefusedAlone) {
  start();
  prepare({"hi", "a/../b"});
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.BadName"), ElementsAre(2U));
  EXPECT_FALSE(finished());
  EXPECT_EQ(resolver.sessions().size(), 1U);
}

TEST_F(SeveralStreams, TheLastOneRefusedEndsTheConnection) {
  start();
  prepare({"hi", "lo"});
  for (int i = 0; i < 2; ++i) {
    resolver.answer(routing::Held{.holder = "s0"});
    pump();
  }
  EXPECT_THAT(*io.finished(), HasSubstr("held"));
}

TEST_F(SeveralStreams, TheEndOfOneLeavesTheOther) {
  publish_two();
  client.call("FCUnpublish", 0, {"lo"});
  client.command(rtmp::delete_stream_command(0, 2));
  video(2, 1, 100);
  video(1, 1, 200);
  pump();
  EXPECT_THAT(origin_at(1).news(), ElementsAre("FCUnpublish", "deleteStream"));
  EXPECT_THAT(origin.news(), ElementsAre("type9"));
  advance(1s);
  EXPECT_EQ(session_named("s1-2").ended, "client ended its stream");
  EXPECT_FALSE(session_named("s1").ended);
  EXPECT_FALSE(io.origin_leg_live(relay::origin_leg(1)));
  advance(20s);
  EXPECT_FALSE(finished());
}

TEST_F(SeveralStreams, ALostOriginClosesTheConnectionAndTheOtherOriginIsToldTheEnd) {
  publish_two();
  origin_closes(relay::LegEnd::kReset, relay::origin_leg(1));
  EXPECT_EQ(*io.finished(), "origin lost");
  origin.hear(io.take_origin_bytes());
  EXPECT_THAT(origin.news(), ElementsAre("FCUnpublish", "deleteStream"));
  EXPECT_EQ(session_named("s1-2").ended, "origin lost");
  EXPECT_EQ(session_named("s1").ended, "the connection closed: origin lost");
}

TEST_F(SeveralStreams, AnAlteredNameMeansTheOnlyPublisherBesideAPlayer) {
  publish_to("o1");
  client.call("createStream", 8);
  client.call("play", 9, {"program"}, 2);
  pump();
  client.call("FCUnpublish", 0, {"cam-altered"});
  advance(1s);
  EXPECT_EQ(session_named("s1").ended, "client ended its stream");
  EXPECT_FALSE(session_named("s1-2").ended);
}

TEST_F(SeveralStreams, AnAlteredNameMeansTheOnlyPublisherThatHasNotEnded) {
  publish_two();
  client.command(rtmp::delete_stream_command(0, 2));
  client.call("FCUnpublish", 0, {"altered"});
  advance(1s);
  EXPECT_EQ(session_named("s1").ended, "client ended its stream");
}

TEST_F(SeveralStreams, AnAlteredNameMeansNoneOfSeveral) {
  publish_two();
  client.call("FCUnpublish", 0, {"altered"});
  advance(1s);
  EXPECT_FALSE(session_named("s1").ended);
  EXPECT_FALSE(session_named("s1-2").ended);
}

TEST_F(SeveralStreams, AStreamThatWasTakenOverClosesTheConnection) {
  publish_two();
  resolver.place(key_of("live/lo"), make_route("o2", 5, "another"));
  advance(1s);
  EXPECT_THAT(*io.finished(), HasSubstr("fenced"));
}

TEST_F(SeveralStreams, AfterDeleteStreamTheClientMayPublishAgain) {
  publish_to("o1");
  client.command(rtmp::delete_stream_command(0, 1));
  advance(1s);
  EXPECT_FALSE(finished());
  client.call("createStream", 8);
  client.call("publish", 9, {"cam", "live"}, 2);
  pump();
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().session, SessionId("s1-2"));
  place_at("o2");
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.Start"), ElementsAre(1U, 2U));
  video(2, 0, 300);
  pump();
  EXPECT_THAT(media_sizes(origin), ElementsAre(300U));
  advance(20s);
  EXPECT_FALSE(finished());
}

TEST_F(SeveralStreams, ANameThatIsPublishedAgainInTheSameSegmentIsFreeByThen) {
  publish_to("o1");
  client.command(rtmp::delete_stream_command(0, 1));
  client.call("createStream", 8);
  client.call("publish", 9, {"cam", "live"}, 2);
  video(2, 0, 300);
  pump();
  EXPECT_EQ(session_named("s1").ended, "client ended its stream");
  // The origin may not have seen the end yet: busy is not a refusal.
  scripts[1].request_error = "NetStream.Publish.BadName";
  place_at("o1");
  EXPECT_FALSE(finished());
  scripts.clear();
  advance(200ms);
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.Start"), ElementsAre(1U, 2U));
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(300U));
}

TEST_F(SeveralStreams, TheMessageStreamItselfMayBeUsedAgain) {
  publish_to("o1");
  client.call("closeStream", 0, {}, 1);
  client.call("publish", 9, {"other", "live"}, 1);
  video(1, 0, 300);
  pump();
  place_at("o2");
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(300U));
  EXPECT_EQ(session_named("s1-2").info.stream, key_of("live/other"));
}

TEST_F(SeveralStreams, WithoutAStreamTheConnectionWaitsForARequestOnlySoLong) {
  publish_to("o1");
  client.command(rtmp::delete_stream_command(0, 1));
  advance(relay::kOriginCloseTimeout + relay::kIdentifyTimeout - 1ms);
  EXPECT_FALSE(finished());
  advance(1ms);
  EXPECT_EQ(*io.finished(), "client ended its stream");
}

TEST_F(SeveralStreams, RequestsOfAConnectionAreBounded) {
  publish_to("o1");
  for (std::uint32_t i = 1; i < relay::kStreamRequestsMax; ++i)
    client.call("publish", 9, {"cam", "live"}, 1);
  pump();
  EXPECT_FALSE(finished());
  client.call("publish", 9, {"cam", "live"}, 1);
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("too many streams"));
}

TEST_F(SeveralStreams, OneMoreThanTheLimitIsRefusedAlone) {
  start();
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= relay::kStreamsMax; ++i) names.push_back("s" + std::to_string(i));
  prepare(names);
  EXPECT_EQ(resolver.sessions().size(), relay::kStreamsMax);
  EXPECT_THAT(streams_told("onStatus:NetStream.Publish.BadName"), ElementsAre(9U));
  for (std::size_t i = 0; i < relay::kStreamsMax; ++i) place_at("o" + std::to_string(i));
  for (std::uint32_t i = 1; i <= relay::kStreamsMax; ++i) video(i, i, 100 + i);
  pump();
  for (std::uint8_t i = 0; i < relay::kStreamsMax; ++i)
    EXPECT_THAT(media_sizes(origin_at(i)), ElementsAre(101U + i));
}

TEST_F(SeveralStreams, StreamsThatEndedInTheSameSegmentHoldTheirPlacesUntilItIsDone) {
  for (const bool publish : {true, false}) {
    RelayHarness harness;
    harness.start();
    harness.connect();
    harness.client.call("createStream", 4);
    for (std::size_t i = 0; i < relay::kStreamsMax; ++i) {
      harness.client.call("play", 5, {"cam"}, 1);
      harness.client.command(rtmp::delete_stream_command(0, 1));
    }
    harness.client.call(publish ? "publish" : "play", 9, {"cam"}, 1);
    harness.pump();
    EXPECT_EQ(harness.client.count(publish ? "onStatus:NetStream.Publish.BadName"
                                           : "onStatus:NetStream.Play.Failed"),
              1U);
    EXPECT_EQ(harness.resolver.sessions().size(), relay::kStreamsMax);
    ASSERT_FALSE(harness.finished());
    // The next segment finds them free.
    harness.client.call(publish ? "publish" : "play", 10, {"cam"}, 1);
    harness.pump();
    EXPECT_EQ(harness.resolver.sessions().size(), relay::kStreamsMax + 1);
    EXPECT_EQ(publish ? harness.resolver.acquire_open() : harness.resolver.watchers() == 1, true);
  }
}

TEST_F(SeveralStreams, AMessageBegunBeforeItsStreamIsNotForTheOrigin) {
  publish_to("o1");
  origin.news();
  client.call("createStream", 8);
  // A message of stream 1 and one of stream 2 are half sent when stream 2 is published.
  std::vector<std::uint8_t> one;
  std::vector<std::uint8_t> two;
  std::swap(client.out, one);
  std::vector<std::uint8_t> before = std::exchange(one, {});
  video(1, 10, 200, 6);
  std::swap(client.out, one);
  video(2, 10, 200, 7);
  std::swap(client.out, two);
  client.out = before;
  client.out.insert(client.out.end(), one.begin(), one.begin() + 140);
  client.out.insert(client.out.end(), two.begin(), two.begin() + 140);
  client.call("publish", 9, {"lo", "live"}, 2);
  client.out.insert(client.out.end(), one.begin() + 140, one.end());
  client.out.insert(client.out.end(), two.begin() + 140, two.end());
  video(2, 50, 99, 7);
  pump();
  place_at("o2");
  EXPECT_THAT(media_sizes(origin), ElementsAre(200U));
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(99U));
  EXPECT_EQ(origin_at(1).heard.back().header.timestamp, 50U);
}

TEST_F(SeveralStreams, OneStreamMayPlayWhileAnotherIsPublished) {
  publish_to("o1");
  resolver.place(key_of("live/program"), make_route("o2", 3));
  client.news();
  client.call("createStream", 8);
  client.call("play", 9, {"program"}, 2);
  pump();
  EXPECT_THAT(client.news(),
              ElementsAre("_result", "user0", "onStatus:NetStream.Play.Reset",
                          "onStatus:NetStream.Play.Start", "data:|RtmpSampleAccess"));
  video(1, 0, 300);
  origin_at(1).media(MessageType::kVideo, 5, 20'000);
  origin.command(rtmp::on_status("status", "NetStream.Publish.Note", "hello"), 1, 5);
  pump();
  EXPECT_THAT(media_sizes(origin), ElementsAre(300U));
  EXPECT_EQ(client.heard.back().header.stream_id, 2U);
  EXPECT_EQ(client.count("type9"), 1U);
  EXPECT_EQ(client.count("onStatus:NetStream.Publish.Note"), 1U);
  // The end of the program is told on its stream, and the encoder goes on.
  client.news();
  resolver.unplace(key_of("live/program"));
  pump();
  EXPECT_THAT(client.news(), ElementsAre("user1", "onStatus:NetStream.Play.UnpublishNotify"));
  video(1, 40, 400);
  pump();
  EXPECT_THAT(media_sizes(origin), ElementsAre(300U, 400U));
  EXPECT_FALSE(finished());
}

TEST_F(SeveralStreams, APlayerMayPublishToo) {
  start();
  resolver.place(stream, make_route("o1", 1));
  play();
  origin.media(MessageType::kVideo, 0, 500);
  pump();
  client.call("createStream", 8);
  client.call("publish", 9, {"talkback", "live"}, 2);
  video(2, 0, 700);
  pump();
  place_at("o2");
  EXPECT_THAT(media_sizes(origin_at(1)), ElementsAre(700U));
  client.call("pause", 10, {}, 1);
  client.send(
      rtmp::user_control({.event = rtmp::UserEvent::kSetBufferLength, .value = 1, .buffer = 9}));
  origin.news();
  origin_at(1).news();
  pump();
  EXPECT_THAT(origin.news(), ElementsAre("pause", "user3"));
  EXPECT_THAT(origin_at(1).news(), IsEmpty());
}

TEST_F(SeveralStreams, ASecondPlayIsRefusedAlone) {
  start();
  resolver.place(stream, make_route("o1", 1));
  play();
  client.news();
  client.call("createStream", 8);
  client.call("play", 9, {"other"}, 2);
  pump();
  EXPECT_THAT(client.news(), ElementsAre("_result", "onStatus:NetStream.Play.Failed"));
  origin.media(MessageType::kVideo, 0, 500);
  pump();
  EXPECT_EQ(client.heard.back().payload.size(), 500U);
  EXPECT_FALSE(finished());
}

TEST_F(SeveralStreams, NewsOfOneOriginReachTheirStreamOnly) {
  publish_two();
  origin_at(1).command(rtmp::on_status("status", "NetStream.Note", "x"), 1, 5);
  origin_at(1).command(rtmp::reconnect_request("rtmp://10.0.0.1/live", "go"));
  pump();
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Note"));
  EXPECT_EQ(client.heard.back().header.stream_id, 2U);
}

TEST_F(SeveralStreams, ASilentConnectionEndsWithAllItsStreams) {
  publish_two();
  advance(20s);
  video(2, 0, 10);
  advance(relay::kPublisherIdleTimeout - 1ms);
  EXPECT_FALSE(finished());
  advance(1ms);
  EXPECT_THAT(*io.finished(), HasSubstr("nothing for long"));
  EXPECT_TRUE(session_named("s1").ended);
  EXPECT_TRUE(session_named("s1-2").ended);
}

}  // namespace
}  // namespace weir::test
