#include "origin-agent/source/nginx_rtmp/stat_page.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

std::string vector_file(const std::string& name) {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/vectors/nginx_stat/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const StatStream* find(const StatPage& page, std::string_view app, std::string_view name) {
  for (const StatStream& stream : page.streams)
    if (stream.app == app && stream.name == name) return &stream;
  return nullptr;
}

TEST(StatPageTest, AnIdleServerHasAPidAndNoStreams) {
  const auto page = parse_stat_page(vector_file("idle.xml"));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->pid, 9045);
  EXPECT_EQ(page->uptime_seconds, 126U);
  EXPECT_EQ(page->accepted, 7U);
  EXPECT_EQ(page->ingress_bytes, 5616549U);
  EXPECT_EQ(page->egress_bytes, 3433477U);
  EXPECT_TRUE(page->streams.empty());
}

TEST(StatPageTest, PublishersAreFoundWithTheirTagAndNumber) {
  const auto page = parse_stat_page(vector_file("publishing.xml"));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->streams.size(), 3U);
  const StatStream* demo = find(*page, "live", "demo");
  ASSERT_NE(demo, nullptr);
  EXPECT_TRUE(demo->publishing);
  EXPECT_EQ(demo->publisher_swf_url, "weir:f1/s1/1.1");
  EXPECT_GT(demo->publisher_id, 0U);
  EXPECT_EQ(demo->players, 0U);
  const StatStream* plain = find(*page, "ingest", "plain");
  ASSERT_NE(plain, nullptr);
  EXPECT_TRUE(plain->publishing);
  EXPECT_EQ(plain->publisher_swf_url, "");
}

TEST(StatPageTest, EscapedNamesAreReadAsTheClientSentThem) {
  const auto page = parse_stat_page(vector_file("publishing.xml"));
  ASSERT_TRUE(page);
  EXPECT_NE(find(*page, "live", "caf%C3%A9&x<y>"), nullptr);
}

TEST(StatPageTest, PlayersAreCountedAndWaitingOnesArePartOfNoPublisher) {
  const auto page = parse_stat_page(vector_file("players.xml"));
  ASSERT_TRUE(page) << page.error().message;
  const StatStream* demo = find(*page, "live", "demo");
  ASSERT_NE(demo, nullptr);
  EXPECT_EQ(demo->players, 3U);
  EXPECT_EQ(demo->publisher_id, 3U);
  EXPECT_EQ(demo->publisher_swf_url, "weir:f1/s1/1.1");
  EXPECT_EQ(demo->ingress_bits_per_second, 399936U);
  EXPECT_EQ(demo->egress_bits_per_second, 828336U);
  const StatStream* nobody = find(*page, "live", "nobody");
  ASSERT_NE(nobody, nullptr);
  EXPECT_FALSE(nobody->publishing);
  EXPECT_EQ(nobody->players, 1U);
}

TEST(StatPageTest, EveryTruncationIsAnErrorAndNeverAShorterList) {
  const std::string whole = vector_file("players.xml");
  const std::size_t end = whole.rfind("</rtmp>") + 7;
  for (std::size_t size = 0; size < end; ++size)
    ASSERT_FALSE(parse_stat_page(std::string_view(whole).substr(0, size))) << size;
  EXPECT_TRUE(parse_stat_page(std::string_view(whole).substr(0, end)));
}

TEST(StatPageTest, TwoPagesRunTogetherAreAnError) {
  const std::string page = vector_file("idle.xml");
  EXPECT_FALSE(parse_stat_page(page + page));
}

TEST(StatPageTest, AnotherDocumentOrOneWithoutPidIsAnError) {
  EXPECT_FALSE(parse_stat_page("<html><body>404</body></html>"));
  const auto without_pid = parse_stat_page("<rtmp><uptime>3</uptime></rtmp>");
  ASSERT_FALSE(without_pid);
  EXPECT_EQ(without_pid.error().side, Side::kOrigin);
  EXPECT_FALSE(parse_stat_page("<rtmp><pid>-4</pid></rtmp>"));
}

TEST(StatPageTest, ServerBlocksAreNumberedForTheControlPage) {
  const auto page = parse_stat_page(
      "<rtmp><pid>1</pid>"
      "<server><application><name>a</name><live><stream><name>s</name></stream></live>"
      "</application></server>"
      "<server><application><name>b</name><live><stream><name>s</name></stream></live>"
      "</application></server></rtmp>");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->streams.at(0).server, 0U);
  EXPECT_EQ(page->streams.at(1).server, 1U);
  EXPECT_EQ(page->streams.at(1).app, "b");
}

TEST(StatPageTest, MoreStreamsThanTheLimitAreRefused) {
  std::string many = "<rtmp><pid>1</pid><server><application><name>a</name><live>";
  for (std::size_t i = 0; i <= kStatStreamsMax; ++i) many += "<stream><name>s</name></stream>";
  many += "</live></application></server></rtmp>";
  EXPECT_FALSE(parse_stat_page(many));
}

}  // namespace
}  // namespace weir::agent
