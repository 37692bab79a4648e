#include "dataplane/relay/server_conversation.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using rtmp::MessageType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ServerConversation : public ::testing::Test, protected RelayHarness {};

TEST_F(ServerConversation, AnswersConnectInTheOrderOfSrs) {
  start();
  connect();
  pump();
  EXPECT_THAT(client.news(), ElementsAre("type5", "type6", "type1", "_result", "onBWDone"));
  EXPECT_EQ(rtmp::parse_control_value(client.heard[0].payload), 2'500'000U);
  EXPECT_EQ(client.heard[1].payload.back(), 2U);
  EXPECT_EQ(rtmp::parse_control_value(client.heard[2].payload), 4096U);
  const auto result = rtmp::parse_command(client.find("_result")->view());
  EXPECT_EQ(result->transaction, 1);
  EXPECT_EQ(amf::number_property(*result->argument(0), "capabilities"), 127);
  EXPECT_EQ(rtmp::status_info(*result)->code, rtmp::status::kConnectSuccess);
  EXPECT_EQ(amf::number_property(*result->argument(1), "objectEncoding"), 0);
}

TEST_F(ServerConversation, ConnectInTheOtherCommandTypeIsUnderstood) {
  start();
  std::vector<std::uint8_t> payload{0};
  amf::Writer(payload).string("connect").number(1).raw(
      obs_connect_object("live", "rtmp://host/live"));
  client.send({.type = MessageType::kCommandAmf3, .chunk_stream = 3}, payload);
  pump();
  EXPECT_TRUE(client.find("_result"));
}

TEST_F(ServerConversation, AnswersTheCallsOfStockClients) {
  start();
  connect();
  pump();
  client.news();
  double transaction = 2;
  for (const char* name : {"releaseStream", "FCPublish", "_checkbw", "FCSubscribe", "createStream",
                           "createStream", "getStreamLength", "noSuchCall"})
    client.call(name, transaction++, {"cam"});
  pump();
  EXPECT_THAT(client.news(),
              ElementsAre("_result", "_result", "_result", "_result", "onFCSubscribe", "_result",
                          "_result", "_result", "_error"));
  const auto first = rtmp::parse_command(client.heard[client.heard.size() - 4].view());
  const auto second = rtmp::parse_command(client.heard[client.heard.size() - 3].view());
  EXPECT_EQ(first->argument(1)->number, 1);
  EXPECT_EQ(second->argument(1)->number, 2);
  EXPECT_EQ(second->transaction, 7);
}

TEST_F(ServerConversation, SilentClientIsClosedAfterThreeSeconds) {
  start(false);
  advance(2900ms);
  EXPECT_FALSE(finished());
  advance(100ms);
  EXPECT_EQ(*io.finished(), "client sent nothing");
  EXPECT_TRUE(io.client_sent().empty());
}

TEST_F(ServerConversation, SlowHandshakeIsClosedAfterFiveSecondsHoweverItTrickles) {
  start(false);
  for (int i = 0; i < 49; ++i) {
    client.out.push_back(i == 0 ? 3 : 0);
    advance(100ms);
  }
  EXPECT_FALSE(finished());
  advance(100ms);
  EXPECT_THAT(*io.finished(), HasSubstr("handshake"));
}

TEST_F(ServerConversation, ConnectIsWaitedForFiveSecondsAndPublishTen) {
  start();
  advance(4900ms);
  EXPECT_FALSE(finished());
  connect();
  pump();
  advance(9900ms);
  EXPECT_FALSE(finished());
  advance(100ms);
  EXPECT_THAT(*io.finished(), HasSubstr("did not publish or play"));
}

TEST_F(ServerConversation, NoConnectIsClosedAfterFiveSeconds) {
  start();
  advance(5s);
  EXPECT_THAT(*io.finished(), HasSubstr("connect"));
}

/// Bytes that the process has on its heap.
std::size_t heap_bytes() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

TEST_F(ServerConversation, ALongConnectIsRefused) {
  for (const bool too_long : {false, true}) {
    RelayHarness other;
    other.start();
    std::vector<std::uint8_t> payload;
    amf::Writer writer(payload);
    writer.string("connect").number(1).begin_object().property("app", "live");
    for (int i = 0; i < 2; ++i)
      writer.property("padding" + std::to_string(i), std::string(too_long ? 8'190 : 8'000, 'x'));
    writer.end_object();
    other.client.command(payload);
    other.pump();
    EXPECT_EQ(other.finished(), too_long);
    EXPECT_NE(other.client.find(too_long ? "_error" : "_result"), nullptr);
    if (too_long) EXPECT_EQ(other.io.finished(), "client sent too much in connect");
  }
}

TEST_F(ServerConversation, MuchBehindTheStreamNameIsRefused) {
  for (const std::string name : {"publish", "play"}) {
    RelayHarness other;
    other.start();
    other.connect();
    other.client.call("createStream", 2);
    other.client.call(name, 3, {"cam", std::string(relay::kRequestArgumentsBytesMax, 'x')}, 1);
    other.pump();
    EXPECT_TRUE(other.resolver.sessions().empty());
    EXPECT_EQ(other.client.count(name == "play" ? "onStatus:NetStream.Play.Failed"
                                                : "onStatus:NetStream.Publish.BadName"),
              1U);
    EXPECT_EQ(other.io.finished(), "client sent too much behind the stream name");
  }
}

TEST_F(ServerConversation, MuchBehindTheNameOfOneStreamLeavesTheOthers) {
  publish_to("o1");
  client.call("createStream", 2);
  client.call("publish", 3, {"lo", std::string(relay::kRequestArgumentsBytesMax, 'x')}, 2);
  pump();
  EXPECT_EQ(client.count("onStatus:NetStream.Publish.BadName"), 1U);
  EXPECT_FALSE(finished());
}

TEST_F(ServerConversation, ALongCommandIsNotKeptWhileAPlayerWaits) {
  start();
  play();
  client.chunk_size(65'536);
  client.call("pause", 4, {}, 1);
  pump();
  client.call("pause", 5, std::vector<std::string>(40, std::string(6'000, 'x')), 1);
  const rtmp::Bytes command(client.out);
  ASSERT_GT(command.size(), 240'000U);
  const std::size_t before = heap_bytes();
  session->on_bytes(relay::Leg::kClient, now, command.first(command.size() / 2));
  session->on_bytes(relay::Leg::kClient, now, command.subspan(command.size() / 2));
  EXPECT_LT(heap_bytes(), before + 64UL * 1024);
  EXPECT_FALSE(finished());
  client.out.clear();
}

TEST_F(ServerConversation, UnfinishedCommandsAreLittleMoreThanTheLongestOne) {
  start();
  play();
  client.chunk_size(65'536);
  std::vector<std::uint8_t> all;
  std::swap(all, client.out);
  for (std::uint32_t i = 0; i < 2; ++i) {
    client.command(std::vector<std::uint8_t>(rtmp::kCommandBytesMax, 0), 0, 10 + i);
    all.insert(all.end(), client.out.begin(), client.out.begin() + 3 * 65'536);
    client.out.clear();
  }
  session->on_bytes(relay::Leg::kClient, now, all);
  ASSERT_TRUE(finished());
  EXPECT_THAT(*io.finished(), HasSubstr("client: "));
}

TEST_F(ServerConversation, HttpIsAnsweredAsHttp) {
  start(false);
  const std::string_view request = "GET / HTTP/1.1\r\n\r\n";
  session->on_bytes(relay::Leg::kClient, now,
                    {reinterpret_cast<const std::uint8_t*>(request.data()), request.size()});
  EXPECT_TRUE(finished());
  const std::string sent(io.client_sent().begin(), io.client_sent().end());
  EXPECT_THAT(sent, HasSubstr("400 Bad Request"));
}

TEST_F(ServerConversation, OtherProtocolsAreClosedWithoutAWord) {
  for (const std::uint8_t first : {0x16, 6, 8, 0xF3, 0x80}) {
    RelayHarness other;
    other.start(false);
    const std::vector<std::uint8_t> bytes(600, first);
    other.session->on_bytes(relay::Leg::kClient, other.now, bytes);
    EXPECT_TRUE(other.finished()) << int{first};
    EXPECT_TRUE(other.io.client_sent().empty()) << int{first};
  }
}

TEST_F(ServerConversation, AtMost64CommandsBeforePublish) {
  start();
  connect();
  for (int i = 0; i < 63; ++i) client.call("_checkbw", 2);
  pump();
  EXPECT_FALSE(finished());
  client.call("_checkbw", 2);
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("too many commands"));
}

TEST_F(ServerConversation, AtMost64KilobytesBeforePublish) {
  start();
  connect();
  client.chunk_size(60'000);
  client.call("_checkbw", 2, {std::string(8'000, 'x')});
  for (int i = 0; i < 7; ++i) client.call("_checkbw", 2, {std::string(8'000, 'x')});
  client.call("_checkbw", 2, {std::string(8'000, 'x')});
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("too much"));
}

TEST_F(ServerConversation, CreatesABoundedNumberOfStreams) {
  start();
  connect();
  client.call("createStream", 2);
  client.call("publish", 3, {"cam", "live"}, 1);
  for (std::size_t i = 1; i < relay::kClientStreamsMax; ++i) client.call("createStream", 2);
  pump();
  EXPECT_FALSE(finished());
  client.call("createStream", 2);
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("created too many"));
}

TEST_F(ServerConversation, NamesPreparedAndNeverRequestedAreBounded) {
  start();
  connect();
  for (int i = 0; i < 20; ++i) client.call("releaseStream", 2, {"n" + std::to_string(i)});
  client.call("releaseStream", 2, {std::string(4'000, 'x')});
  client.call("createStream", 3);
  client.call("publish", 4, {"n3", "live"}, 1);
  pump();
  resolver.answer(routing::Acquired{.route = make_route("o1", 1, session_id())});
  pump();
  EXPECT_EQ(origin.count("releaseStream"), 0U);  // it was the third of twenty
  EXPECT_EQ(origin.count("publish"), 1U);
}

TEST_F(ServerConversation, CommandsBeforeConnectEndTheSession) {
  start();
  client.call("createStream", 1);
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("before connect"));
}

TEST_F(ServerConversation, SecondConnectEndsTheSession) {
  start();
  connect();
  connect();
  pump();
  EXPECT_THAT(*io.finished(), HasSubstr("connect twice"));
}

TEST_F(ServerConversation, ConnectWithoutObjectIsRejected) {
  start();
  client.call("connect", 1);
  pump();
  EXPECT_TRUE(client.find("_error"));
  EXPECT_TRUE(finished());
}

TEST_F(ServerConversation, TinyChunkSizeEndsTheSession) {
  start();
  client.send(rtmp::set_chunk_size(16));
  pump();
  EXPECT_TRUE(finished());
}

TEST_F(ServerConversation, BadNamesAreRefusedWithAStatus) {
  struct Case {
    bool publish;
    std::string name;
    std::string code;
  };
  for (const Case& c :
       {Case{true, "a/../b", "onStatus:NetStream.Publish.BadName"},
        Case{true, "a\x01", "onStatus:NetStream.Publish.BadName"},
        Case{false, "..", "onStatus:NetStream.Play.StreamNotFound"},
        Case{false, std::string(3'000, 'n'), "onStatus:NetStream.Play.StreamNotFound"}}) {
    RelayHarness harness;
    harness.start();
    if (c.publish)
      harness.publish(c.name);
    else
      harness.play(c.name);
    EXPECT_TRUE(harness.finished()) << c.name;
    EXPECT_EQ(harness.client.count(c.code), 1U) << c.name;
    EXPECT_TRUE(harness.resolver.sessions().empty()) << c.name;
  }
}

TEST_F(ServerConversation, AgentThatIsNotUtf8IsToldWithItsBadBytesReplaced) {
  start();
  std::vector<std::uint8_t> payload;
  amf::Writer(payload)
      .string("connect")
      .number(1)
      .begin_object()
      .property("app", "live")
      .property("flashVer", "\xff\xfe" + std::string(300, 'x'))
      .end_object();
  client.command(payload);
  client.call("createStream", 2);
  client.call("publish", 3, {"cam", "live"}, 1);
  pump();
  const std::string agent = resolver.only_session().info.client_agent;
  EXPECT_THAT(agent, ::testing::StartsWith("\uFFFD\uFFFDxxx"));
  EXPECT_EQ(agent.size(), relay::kClientAgentBytesMax);
}

TEST_F(ServerConversation, NameThatIsNotUtf8IsRefused) {
  for (const char* name : {"x%FF", "x\xff"}) {
    RelayHarness harness;
    harness.start();
    harness.publish(name);
    EXPECT_TRUE(harness.finished()) << name;
    EXPECT_EQ(harness.client.count("onStatus:NetStream.Publish.BadName"), 1U) << name;
    EXPECT_TRUE(harness.resolver.sessions().empty()) << name;
  }
}

TEST_F(ServerConversation, IdentityFollowsTheUrlAndTheListedVhosts) {
  resolver.set_vhosts(VhostRules({"one.example"}));
  start();
  connect("app/inst?k=v", "rtmp://one.example:1935/app/inst?k=v");
  client.call("createStream", 2);
  client.call("publish", 3, {"cam?token=secret", "live"}, 1);
  pump();
  EXPECT_EQ(resolver.only_session().info.stream.str(), "one.example/app/inst/cam");
  EXPECT_EQ(resolver.only_session().info.client_agent, "FMLE/3.0 (compatible; FMSc/1.0)");
  EXPECT_EQ(resolver.only_session().info.client_address, "198.51.100.9:5000");
}

}  // namespace
}  // namespace weir::test
