#include "origin-agent/source/srs/heartbeat.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "origin-agent/source/srs/limits.h"
#include "tests/support/vectors.h"

namespace weir::agent::srs {
namespace {

std::string vector_text(const std::string& name) {
  const auto bytes = test::read_vector("srs/" + name);
  return {bytes.begin(), bytes.end()};
}

std::string heartbeat_with(const std::string& fields) {
  return R"({"device_id":"","ip":"192.0.2.7","server":"vid-a","service":"s1",)" + fields + "}";
}

TEST(SrsHeartbeat, OfARealServerIsReadWhole) {
  for (const char* name : {"7.0.18/heartbeat.json", "5.0.216/heartbeat.json"}) {
    const auto heartbeat = parse_heartbeat(vector_text(name));
    ASSERT_TRUE(heartbeat) << name << ": " << heartbeat.error().message;
    EXPECT_TRUE(heartbeat->server.starts_with("vid-"));
    EXPECT_EQ(heartbeat->service.size(), 8u);
    EXPECT_GT(heartbeat->pid, 1);
    EXPECT_EQ(heartbeat->device_id, "lab");
    EXPECT_FALSE(heartbeat->ip.empty());
    ASSERT_EQ(heartbeat->rtmp.size(), 2u);
    EXPECT_EQ(heartbeat->rtmp[0], (ListenAddress{"", 19357, Transport::kTcp}));
    EXPECT_EQ(heartbeat->rtmp[1], (ListenAddress{"127.0.0.1", 19358, Transport::kTcp}));
    ASSERT_EQ(heartbeat->http.size(), 1u);
    ASSERT_EQ(heartbeat->api.size(), 1u);
    EXPECT_EQ(heartbeat->api[0].port, 19857);
  }
}

TEST(SrsHeartbeat, EveryFormOfAPortIsUnderstood) {
  struct Form {
    const char* text;
    const char* host;
    Transport transport;
  };
  for (const Form& form : {Form{"1935", "", Transport::kTcp},
                           {":1935", "", Transport::kTcp},
                           {"0.0.0.0:1935", "", Transport::kTcp},
                           {"[::]:1935", "", Transport::kTcp},
                           {"10.0.0.1:1935", "10.0.0.1", Transport::kTcp},
                           {"[2001:db8::1]:1935", "2001:db8::1", Transport::kTcp},
                           {"tcp://10.0.0.1:1935", "10.0.0.1", Transport::kTcp},
                           {"tcp://:1935", "", Transport::kTcp},
                           {"tcp://1935", "", Transport::kTcp},
                           {"udp://0.0.0.0:1935", "", Transport::kUdp},
                           {"udp://[::1]:1935", "::1", Transport::kUdp},
                           {"origin.example.com:1935", "origin.example.com", Transport::kTcp}}) {
    const auto address = parse_srs_listen(form.text, Transport::kTcp);
    ASSERT_TRUE(address) << form.text << ": " << address.error().message;
    EXPECT_EQ(*address, (ListenAddress{form.host, 1935, form.transport})) << form.text;
  }
  EXPECT_EQ(parse_srs_listen("10080", Transport::kUdp)->transport, Transport::kUdp);
}

TEST(SrsHeartbeat, WhatIsNoPortIsRefused) {
  for (const char* text :
       {"", ":", "0", "65536", "-1", "1935 ", "x", "http://h:1", "::1:1935", "[]:1935", "[::1:1935",
        "[2[1]:1935", "a?b:1935", "\xff:1935", "h/p:1935", "a b:1935", "tcp://", "1.2.3.4:"})
    EXPECT_FALSE(parse_srs_listen(text, Transport::kTcp)) << text;
}

TEST(SrsHeartbeat, NumbersMayStandForTextsAndOneAddressForAList) {
  const auto heartbeat = parse_heartbeat(
      heartbeat_with(R"("pid":4711,"rtmp":[1935,"19350"],"api":1985,"srt":"10080","http":null)"));
  ASSERT_TRUE(heartbeat) << heartbeat.error().message;
  EXPECT_EQ(heartbeat->pid, 4711);
  ASSERT_EQ(heartbeat->rtmp.size(), 2u);
  EXPECT_EQ(heartbeat->rtmp[0].port, 1935);
  EXPECT_EQ(heartbeat->rtmp[1].port, 19350);
  EXPECT_EQ(heartbeat->api.at(0).port, 1985);
  EXPECT_EQ(heartbeat->srt.at(0), (ListenAddress{"", 10080, Transport::kUdp}));
  EXPECT_TRUE(heartbeat->http.empty());
}

TEST(SrsHeartbeat, OneWithoutPortsSaysWhatToConfigure) {
  for (const char* fields :
       {R"("pid":"1")", R"("pid":"1","rtmp":[])", R"("pid":"1","rtmp":null)"}) {
    const auto heartbeat = parse_heartbeat(heartbeat_with(fields));
    ASSERT_FALSE(heartbeat) << fields;
    EXPECT_NE(heartbeat.error().message.find("'vid-a' names no `rtmp` port"), std::string::npos)
        << heartbeat.error().message;
    EXPECT_NE(heartbeat.error().message.find("ports on;"), std::string::npos);
    EXPECT_NE(heartbeat.error().message.find("configure the origin under `origins`"),
              std::string::npos);
  }
}

TEST(SrsHeartbeat, OfAnOldServerWithoutAnIdSaysSo) {
  const auto heartbeat = parse_heartbeat(R"({"device_id":"my-srs-device","ip":"192.168.1.100"})");
  ASSERT_FALSE(heartbeat);
  EXPECT_NE(heartbeat.error().message.find("names no `server`"), std::string::npos);
  EXPECT_NE(heartbeat.error().message.find("5.0.215"), std::string::npos);
}

TEST(SrsHeartbeat, NonsenseIsRefusedByName) {
  for (const char* fields :
       {R"("pid":"x","rtmp":["1935"])", R"("pid":0,"rtmp":["1935"])", R"("pid":-4,"rtmp":["1935"])",
        R"("pid":99999999999,"rtmp":["1935"])", R"("pid":"1","rtmp":["nowhere"])",
        R"("pid":"1","rtmp":[true])", R"("pid":"1","rtmp":[1935.5e9])",
        R"("pid":"1","rtmp":["1935"],"server":7)", R"("pid":"1","rtmp":["1935"],"server":"a b")",
        R"("pid":"1","rtmp":["1935"],"service":"a\nb")",
        R"("pid":"1","rtmp":["1935"],"ip":"a\r\nb")"})
    EXPECT_FALSE(parse_heartbeat(heartbeat_with(fields))) << fields;
  for (const char* text : {"", "[]", "1", "\"x\"", "{", "{}x", "null", "{\"a\":}"})
    EXPECT_FALSE(parse_heartbeat(text)) << text;
}

TEST(SrsHeartbeat, NamesAreAsciiBecauseTheyGoIntoMessages) {
  const auto named = [](std::string_view server, std::string_view service) {
    return static_cast<bool>(parse_heartbeat(fmt::format(
        R"({{"server":"{}","service":"{}","pid":1,"rtmp":["1935"]}})", server, service)));
  };
  EXPECT_TRUE(named("vid-a", "s1"));
  for (const char* odd : {"\xff", "\x7f", "s\x01", "\xc3\xa9", "\\u00e9", "a\xff z"}) {
    EXPECT_FALSE(named("vid-a", odd)) << odd;
    EXPECT_FALSE(named(odd, "s1")) << odd;
  }
  EXPECT_FALSE(parse_heartbeat(heartbeat_with("\"pid\":1,\"rtmp\":[\"1\"],\"ip\":\"\xff\"")));
}

TEST(SrsHeartbeat, WhatAStrangerCouldGrowIsBounded) {
  std::string many = "1";
  for (std::size_t i = 0; i <= kHeartbeatAddressesMax; ++i) many += ",1";
  EXPECT_FALSE(parse_heartbeat(heartbeat_with(R"("pid":"1","rtmp":[)" + many + "]")));
  const std::string name(kHeartbeatTextBytesMax + 1, 'n');
  EXPECT_FALSE(
      parse_heartbeat(heartbeat_with(R"("pid":"1","rtmp":["1"],"device_id":")" + name + '"')));
  std::string deep = R"("pid":"1","rtmp":["1"],"x":)";
  for (std::size_t i = 0; i < kJsonDepthMax; ++i) deep += "[";
  EXPECT_FALSE(parse_heartbeat(heartbeat_with(deep)));
}

TEST(SrsHeartbeat, CutAnywhereIsAnErrorAndNeverMore) {
  const std::string text = vector_text("7.0.18/heartbeat.json");
  ASSERT_FALSE(text.empty());
  for (std::size_t size = 0; size + 1 < text.size(); ++size)
    EXPECT_FALSE(parse_heartbeat(std::string_view(text).substr(0, size))) << size;
}

TEST(SrsHook, OfARealServerIsRead) {
  for (const char* version : {"7.0.18", "5.0.216"}) {
    const auto begun = parse_hook(vector_text(fmt::format("{}/on_publish.json", version)));
    ASSERT_TRUE(begun) << begun.error().message;
    EXPECT_EQ(begun->action, HookEvent::Action::kPublish);
    EXPECT_TRUE(begun->server.starts_with("vid-"));
    EXPECT_EQ(begun->service.size(), 8u);
    EXPECT_FALSE(begun->client_id.empty());
    EXPECT_EQ(begun->vhost, "__defaultVhost__");
    EXPECT_EQ(begun->app, "live");
    EXPECT_EQ(begun->stream, "hooked");
    const auto ended = parse_hook(vector_text(fmt::format("{}/on_unpublish.json", version)));
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->action, HookEvent::Action::kUnpublish);
    EXPECT_EQ(ended->client_id, begun->client_id);
  }
}

TEST(SrsHook, AnotherActionIsNoErrorAndNoneIs) {
  EXPECT_EQ(parse_hook(R"({"action":"on_play"})")->action, HookEvent::Action::kOther);
  EXPECT_FALSE(parse_hook("{}"));
  EXPECT_FALSE(parse_hook("on_publish"));
}

}  // namespace
}  // namespace weir::agent::srs
