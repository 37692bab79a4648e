#include "dataplane/relay/rtmp_session.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using rtmp::MessageType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint8_t> bytes_of(amf::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

/// The origin's view of connect: the object and what follows it.
std::vector<std::uint8_t> connect_arguments(const RelayHarness& harness) {
  const ReceivedMessage* message = harness.origin.find("connect");
  if (message == nullptr) return {};
  return bytes_of(rtmp::parse_command(message->view())->arguments);
}

class RtmpSession : public ::testing::Test, protected RelayHarness {
 protected:
  void publish_with(const std::vector<std::uint8_t>& connect_arguments) {
    start();
    std::vector<std::uint8_t> payload;
    amf::Writer(payload).string("connect").number(1).raw(connect_arguments);
    client.command(payload);
    client.call("createStream", 2);
    client.call("publish", 3, {"cam", "live"}, 1);
    pump();
    resolver.answer(routing::Acquired{.route = make_route("o1", 42, session_id())});
    pump();
  }
};

constexpr const char* kTcUrl = "rtmp://203.0.113.7/live";
constexpr const char* kTag = "weir:fwd-1/s1/1.42";

TEST_F(RtmpSession, ConnectReachesTheOriginByteForByteButForTheTag) {
  publish_with(obs_connect_object("live", kTcUrl, "http://old/swf"));
  EXPECT_EQ(connect_arguments(*this), obs_connect_object("live", kTcUrl, kTag));
}

TEST_F(RtmpSession, TagIsAddedBehindAllOtherPropertiesWhenThereWasNoSwfUrl) {
  const std::vector<std::uint8_t> sent = obs_connect_object("live", kTcUrl);
  publish_with(sent);
  std::vector<std::uint8_t> expected(sent.begin(), sent.end() - 3);
  amf::Writer(expected).property("swfUrl", kTag).end_object();
  EXPECT_EQ(connect_arguments(*this), expected);
}

TEST_F(RtmpSession, TagCanBeTurnedOff) {
  config.origin_tag = false;
  const std::vector<std::uint8_t> sent = obs_connect_object("live", kTcUrl, "http://old/swf");
  publish_with(sent);
  EXPECT_EQ(connect_arguments(*this), sent);
}

TEST_F(RtmpSession, SecondObjectOfAnEdgeIsKept) {
  std::vector<std::uint8_t> sent = obs_connect_object("live", kTcUrl, kTag);
  amf::Writer(sent).begin_object().property("srs_version", "5.0").end_object().number(3);
  publish_with(sent);
  EXPECT_EQ(connect_arguments(*this), sent);
}

TEST_F(RtmpSession, PlayersAreNotTagged) {
  start();
  resolver.place(stream, make_route("o1", 1));
  play();
  EXPECT_EQ(connect_arguments(*this), obs_connect_object("live", kTcUrl));
}

struct Sequence {
  const char* name;
  bool release;    // releaseStream and FCPublish before createStream
  bool chunks;     // SetChunkSize 4096 before connect, as OBS
  bool pipelined;  // everything in one segment
};

class PublisherSequence : public ::testing::TestWithParam<Sequence> {};

TEST_P(PublisherSequence, PublishesAndIsRelayedInPiecesOfEverySize) {
  const Sequence& sequence = GetParam();
  for (const std::size_t piece : {0UL, 1UL, 2UL, 3UL, 7UL, 1'000UL}) {
    RelayHarness harness;
    harness.split_input(piece);
    harness.start(!sequence.pipelined);
    if (sequence.pipelined) {
      // C0, C1, C2 and all commands before the server has said a word.
      harness.client.out.assign(1 + 2 * rtmp::kHandshakePacketBytes, 0);
      harness.client.out[0] = 3;
      harness.client.skip = harness.client.out.size();
    }
    if (sequence.chunks) harness.client.chunk_size(4'096);
    harness.connect();
    if (!sequence.pipelined) harness.pump();
    if (sequence.release) {
      harness.client.call("releaseStream", 2, {"cam"});
      harness.client.call("FCPublish", 3, {"cam"});
    }
    harness.client.call("createStream", 4);
    if (!sequence.pipelined) harness.pump();
    harness.client.call("publish", 5, {"cam", "live"}, 1);
    if (sequence.pipelined) {
      const std::vector<std::uint8_t> all = std::exchange(harness.client.out, {});
      const std::size_t step = piece == 0 ? all.size() : piece;
      for (std::size_t at = 0; at < all.size(); at += step)
        harness.session->on_bytes(relay::Leg::kClient, harness.now,
                                  std::span(all).subspan(at, std::min(step, all.size() - at)));
    }
    harness.pump();
    ASSERT_TRUE(harness.resolver.acquire_open()) << piece;
    harness.resolver.answer(routing::Acquired{.route = make_route("o1", 1, harness.session_id())});
    harness.pump();
    EXPECT_EQ(harness.origin.count("releaseStream"), sequence.release ? 1U : 0U);
    harness.client.media(MessageType::kVideo, 0, 20'000);
    harness.client.media(MessageType::kAudio, 21, 333);
    harness.client.media(MessageType::kVideo, 0x1000000, 9'000);  // extended timestamp
    harness.pump();
    ASSERT_GE(harness.origin.heard.size(), 3U);
    const auto* last = &harness.origin.heard.back();
    EXPECT_EQ(last->payload.size(), 9'000U) << piece;
    EXPECT_EQ(last->header.timestamp, 0x1000000U) << piece;
    EXPECT_EQ(last[-1].header.timestamp, 21U) << piece;
    EXPECT_EQ(last[-2].payload.size(), 20'000U) << piece;
    EXPECT_EQ(harness.client.count("onStatus:NetStream.Publish.Start"), 1U) << piece;
    EXPECT_EQ(harness.client.count("onFCPublish"), sequence.release ? 1U : 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Clients, PublisherSequence,
                         ::testing::Values(Sequence{"Obs", true, true, false},
                                           Sequence{"Ffmpeg", true, false, false},
                                           Sequence{"NginxRelay", false, true, false},
                                           Sequence{"FlashStyle", false, false, false},
                                           Sequence{"Pipelined", true, true, true}),
                         [](const auto& info) { return info.param.name; });

TEST_F(RtmpSession, WholePlayConversationInPiecesOfEverySize) {
  for (const std::size_t piece : {1UL, 2UL, 5UL, 999UL}) {
    RelayHarness harness;
    harness.split_input(piece);
    harness.start();
    harness.play();
    harness.resolver.place(harness.stream, make_route("o1", 1));
    harness.pump();
    harness.origin.media(MessageType::kVideo, 0, 9'000);
    harness.origin.media(MessageType::kAudio, 23, 100);
    harness.pump();
    EXPECT_EQ(harness.client.count("onStatus:NetStream.Play.Start"), 1U) << piece;
    EXPECT_EQ(harness.client.heard.back().payload.size(), 100U) << piece;
    EXPECT_EQ(harness.client.count("type9"), 1U) << piece;
  }
}

TEST_F(RtmpSession, ShutdownTakesLeaveOfTheOriginAndEnds) {
  publish_to("o1");
  origin.news();
  session->on_shutdown(now);
  origin.hear(io.take_origin_bytes());
  EXPECT_THAT(origin.news(), ElementsAre("FCUnpublish", "deleteStream"));
  EXPECT_EQ(*io.finished(), "forwarder stops");
  EXPECT_TRUE(resolver.only_session().ended);
}

TEST_F(RtmpSession, ShutdownAsksClientsThatCanReconnectToDoSoAndServesThemUntilThen) {
  std::vector<std::uint8_t> object;
  amf::Writer(object)
      .begin_object()
      .property("app", "live")
      .property("tcUrl", kTcUrl)
      .property("capsEx", 3.0)
      .end_object();
  publish_with(object);
  client.news();
  session->on_shutdown(now);
  pump();
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetConnection.Connect.ReconnectRequest"));
  EXPECT_EQ(client.heard.back().header.stream_id, 0U);
  client.media(MessageType::kVideo, 40, 300);
  pump();
  EXPECT_EQ(origin.heard.back().payload.size(), 300U);
  EXPECT_FALSE(finished());
  client_closes();
  EXPECT_EQ(*io.finished(), "client closed");
}

TEST_F(RtmpSession, ShutdownBeforeIdentificationJustEnds) {
  start();
  session->on_shutdown(now);
  EXPECT_TRUE(finished());
  EXPECT_TRUE(resolver.sessions().empty());
}

TEST_F(RtmpSession, AnswersThatComeAfterTheEndAreVoid) {
  start();
  publish();
  client_closes();
  EXPECT_TRUE(finished());
  resolver.answer(routing::Acquired{.route = make_route("o1", 1, session_id())});
  resolver.place(stream, make_route("o1", 1, session_id()));
  EXPECT_TRUE(io.origin_legs().empty());
  session.reset();
  EXPECT_EQ(resolver.watchers(), 0U);
}

TEST_F(RtmpSession, AnswerAfterDestructionIsVoidAndTheResolverWasTold) {
  start();
  publish();
  session.reset();
  EXPECT_TRUE(resolver.only_session().ended);
  resolver.answer(routing::Acquired{.route = make_route("o1", 1, session_id())});
  EXPECT_TRUE(io.origin_legs().empty());
}

TEST_F(RtmpSession, EverythingAfterFinishIsIgnored) {
  publish_to("o1");
  client_closes();
  ASSERT_TRUE(finished());
  session->on_bytes(relay::Leg::kClient, now, std::vector<std::uint8_t>(10, 1));
  session->on_bytes(relay::Leg::kOrigin, now, std::vector<std::uint8_t>(10, 1));
  session->on_origin_connected(relay::Leg::kOrigin, now);
  session->on_leg_closed(relay::Leg::kOrigin, relay::LegEnd::kFin, now);
  session->on_timer(now + 1h);
  session->on_shutdown(now);
}

TEST_F(RtmpSession, GarbageOfTheOriginEndsTheSessionNotTheProcess) {
  publish_to("o1");
  origin.out.assign(4'000, 0xFF);
  pump();
  EXPECT_TRUE(finished());
}

TEST_F(RtmpSession, GarbageOfTheClientEndsTheSession) {
  publish_to("o1");
  client.out.assign(4'000, 0xFF);
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("client:"));
}

}  // namespace
}  // namespace weir::test
