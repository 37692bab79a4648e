#include "origin-agent/source/srs/api_answer.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "origin-agent/source/srs/limits.h"
#include "tests/support/vectors.h"

namespace weir::agent::srs {
namespace {

std::string vector_text(const std::string& name) {
  const auto bytes = test::read_vector("srs/" + name);
  EXPECT_FALSE(bytes.empty()) << name;
  return {bytes.begin(), bytes.end()};
}

class SrsAnswer : public ::testing::TestWithParam<const char*> {
 protected:
  std::string text(const std::string& name) const {
    return vector_text(fmt::format("{}/{}.json", GetParam(), name));
  }
};

TEST_P(SrsAnswer, SummariesTellLifeVersionAndLoad) {
  const auto summaries = parse_summaries(text("summaries_publishing"));
  ASSERT_TRUE(summaries) << summaries.error().message;
  EXPECT_TRUE(summaries->life.server.starts_with("vid-"));
  EXPECT_EQ(summaries->life.service.size(), 8u);
  EXPECT_GT(summaries->life.pid, 1);
  EXPECT_EQ(summaries->version, GetParam());
  EXPECT_GE(summaries->used_cores, 0);
  EXPECT_LT(summaries->used_cores, 1);
  EXPECT_GT(summaries->resident_bytes, 10'000'000u);
  EXPECT_GE(summaries->uptime_seconds.value_or(0), 20u);
  EXPECT_EQ(summaries->connections, 8u);
  EXPECT_EQ(parse_summaries(text("summaries_idle"))->connections, 0u);
}

TEST_P(SrsAnswer, StreamsTellWhoPublishesAndHowManyWatch) {
  const auto page = parse_stream_page(text("streams_publishing"));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->streams.size(), 6u);
  const auto named = [&](std::string_view name) {
    const auto found = std::ranges::find(page->streams, name, &ApiStream::name);
    EXPECT_NE(found, page->streams.end()) << name;
    return *found;
  };
  const ApiStream demo = named("demo");
  EXPECT_TRUE(demo.active);
  EXPECT_EQ(demo.publisher.size(), 8u);
  EXPECT_EQ(demo.app, "live");
  EXPECT_EQ(demo.url, "/live/demo");
  EXPECT_EQ(demo.clients, 3u);
  EXPECT_GT(demo.recv_bytes, 100'000u);
  EXPECT_GT(demo.send_bytes, 100'000u);
  const ApiStream nobody = named("nobody");
  EXPECT_FALSE(nobody.active);
  EXPECT_EQ(nobody.clients, 1u);
  EXPECT_EQ(named("studio").url, "studio.example.com/live/studio");
  EXPECT_EQ(named("cam.a").url, "/live/cam");
  EXPECT_EQ(named("q%22x%5Cy%20%26").app, "a/b");
}

TEST_P(SrsAnswer, ClientsTellTheirTag) {
  const auto tagged = parse_client(text("client_tagged"));
  ASSERT_TRUE(tagged) << tagged.error().message;
  ASSERT_TRUE(tagged->client);
  EXPECT_EQ(tagged->client->swf_url, "weir:f1/s1/1.1");
  EXPECT_EQ(tagged->client->name, "demo");
  EXPECT_TRUE(tagged->client->publishes);
  EXPECT_EQ(parse_client(text("client_untagged"))->client->swf_url, "");
  EXPECT_EQ(parse_client(text("client_dotted_name"))->client->name, "cam.a");
  EXPECT_FALSE(parse_client(text("client_player"))->client->publishes);
  const auto unknown = parse_client(text("client_unknown"));
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_FALSE(unknown->client);
}

TEST_P(SrsAnswer, AKickSaysWhetherThereWasSuchAClient) {
  EXPECT_TRUE(*parse_kick(text("client_kicked")));
  EXPECT_FALSE(*parse_kick(text("client_unknown")));
}

TEST_P(SrsAnswer, VhostsHaveNames) {
  const auto list = parse_vhosts(text("vhosts"));
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->vhosts.size(), 2u);
  std::vector<std::string> names{list->vhosts[0].name, list->vhosts[1].name};
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"__defaultVhost__", "studio.example.com"}));
  EXPECT_TRUE(list->vhosts[0].id.starts_with("vid-"));
}

TEST_P(SrsAnswer, CutAnywhereIsAnErrorAndNeverMore) {
  const std::string whole = text("streams_publishing");
  for (std::size_t size = 0; size + 1 < whole.size(); ++size)
    EXPECT_FALSE(parse_stream_page(std::string_view(whole).substr(0, size))) << size;
}

INSTANTIATE_TEST_SUITE_P(Versions, SrsAnswer, ::testing::Values("7.0.18", "5.0.216"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '.', '_');
                           return "V" + name;
                         });

TEST(SrsAnswerText, FieldsThatAVersionLacksAreTolerated) {
  const auto page = parse_stream_page(
      R"({"code":0,"server":"x","streams":[{"id":12,"name":"s","vhost":7,"app":"live",)"
      R"("clients":2,"publish":{"active":true,"cid":113}}]})");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->life.service, "");
  EXPECT_EQ(page->life.pid, 0);
  ASSERT_EQ(page->streams.size(), 1u);
  EXPECT_EQ(page->streams[0].id, "12");
  EXPECT_EQ(page->streams[0].vhost, "7");
  EXPECT_EQ(page->streams[0].publisher, "113");
  EXPECT_EQ(page->streams[0].url, "");
  EXPECT_TRUE(page->streams[0].active);
}

TEST(SrsAnswerText, FieldsOfAnotherTypeCountAsAbsent) {
  const auto page = parse_stream_page(
      R"({"code":0,"server":"x","pid":[],"streams":[{"id":"a","name":null,"clients":"many",)"
      R"("recv_bytes":-5,"send_bytes":1e300,"kbps":7,"publish":"yes"}]})");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->streams.at(0).clients, 0u);
  EXPECT_EQ(page->streams.at(0).recv_bytes, 0u);
  EXPECT_EQ(page->streams.at(0).send_bytes, 0u);
  EXPECT_FALSE(page->streams.at(0).active);
}

TEST(SrsAnswerText, NamesNeedNotBeUtf8) {
  const auto page =
      parse_stream_page("{\"code\":0,\"server\":\"x\",\"streams\":[{\"name\":\"\xff\xfe\"}]}");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->streams.at(0).name, "\xff\xfe");
}

TEST(SrsAnswerText, WhatIsNoAnswerOfSrsIsSaidSo) {
  EXPECT_NE(parse_summaries("{}").error().message.find("what answers there is no SRS"),
            std::string::npos);
  EXPECT_NE(parse_stream_page(R"({"code":0,"streams":[]})").error().message.find("no `server`"),
            std::string::npos);
  EXPECT_NE(parse_stream_page(R"({"code":1061})").error().message.find("code 1061"),
            std::string::npos);
  EXPECT_FALSE(parse_stream_page(R"({"code":0,"server":"x"})"));
  EXPECT_FALSE(parse_summaries(R"({"code":0,"server":"x","data":{}})"));
  EXPECT_FALSE(parse_client(R"({"code":0,"server":"x"})"));
  for (const char* text : {"", "<html>", "[]", "7", "{\"code\":0,"}) {
    EXPECT_FALSE(parse_summaries(text)) << text;
    EXPECT_FALSE(parse_vhosts(text)) << text;
    EXPECT_FALSE(parse_kick(text)) << text;
  }
}

TEST(SrsAnswerText, DepthKeysTextsAndValuesAreBounded) {
  std::string deep = R"({"code":0,"server":"x","streams":[],"y":)";
  deep += std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']') + "}";
  EXPECT_FALSE(parse_stream_page(deep));
  const std::string key(kJsonKeyBytesMax + 1, 'k');
  EXPECT_FALSE(parse_stream_page(R"({"code":0,"server":"x","streams":[],")" + key + R"(":1})"));
  const std::string text(kJsonTextBytesMax + 1, 't');
  EXPECT_FALSE(
      parse_stream_page(R"({"code":0,"server":"x","streams":[{"name":")" + text + "\"}]}"));
  const std::string name(kJsonTextBytesMax / 2, 't');
  EXPECT_TRUE(parse_stream_page(R"({"code":0,"server":"x","streams":[{"name":")" + name + "\"}]}"));
}

TEST(SrsAnswerLimits, AControlCharacterInAClientsNameHidesNothingElse) {
  // SRS writes them as they came.
  const std::string life = R"("code":0,"server":"v","service":"s","pid":"1")";
  for (int c = 1; c < ' '; ++c) {
    const std::string odd = std::string("b") + static_cast<char>(c) + "d";
    const auto page = parse_stream_page(fmt::format(
        R"({{{},"streams":[{{"id":"1","name":"{}"}},{{"id":"2","name":"live"}}]}})", life, odd));
    ASSERT_TRUE(page) << c << ": " << page.error().message;
    ASSERT_EQ(page->streams.size(), 2u) << c;
    EXPECT_EQ(page->streams[0].name, "b d") << c;
    EXPECT_EQ(page->streams[1].name, "live") << c;
    const auto client = parse_client(fmt::format(
        R"({{{},"client":{{"id":"c","pageUrl":"{}","swfUrl":"weir:f/s/1.1"}}}})", life, odd));
    ASSERT_TRUE(client) << c << ": " << client.error().message;
    EXPECT_EQ(client->client->swf_url, "weir:f/s/1.1") << c;
  }
  EXPECT_TRUE(parse_stream_page("\r\n{" + life + ",\n\t\"streams\" : [ ]\r\n}\n"));
  EXPECT_FALSE(parse_stream_page("{" + life + ",\"streams\":[]}\n{}"));
}

TEST(SrsAnswerLimits, WhatSrsCallsItselfIsShortAsciiOrNone) {
  const auto summaries = [](const std::string& server, const std::string& service,
                            const std::string& version) {
    return parse_summaries(fmt::format(R"({{"code":0,"server":"{}","service":"{}","pid":"1",)"
                                       R"("data":{{"self":{{"version":"{}"}}}}}})",
                                       server, service, version));
  };
  EXPECT_EQ(summaries("v", "s", "7.0.18")->version, "7.0.18");
  EXPECT_TRUE(summaries("v", "", "4.0.1"));
  const std::string longer(kHeartbeatTextBytesMax + 1, 'x');
  for (const std::string& odd : {std::string("\xff"), std::string("a\x01z"), longer}) {
    EXPECT_FALSE(summaries(odd, "s", "7"));
    EXPECT_FALSE(summaries("v", odd, "7"));
    ASSERT_TRUE(summaries("v", "s", odd));
    EXPECT_EQ(summaries("v", "s", odd)->version, "");
  }
}

}  // namespace
}  // namespace weir::agent::srs
