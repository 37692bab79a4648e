#include "origin-agent/source/srs/publishers.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "origin-agent/source/srs/limits.h"
#include "tests/support/manual_clock.h"
#include "tests/support/vectors.h"

namespace weir::agent::srs {
namespace {

using namespace std::chrono_literals;

ApiStream stream(std::string name, std::string client, std::string url = {}) {
  ApiStream made;
  made.id = "vid-" + name;
  made.name = name;
  made.app = "live";
  made.url = url.empty() ? "/live/" + name : url;
  made.active = !client.empty();
  made.publisher = std::move(client);
  made.clients = made.active ? 1 : 0;
  return made;
}

ApiClient client(std::string name, std::string swf_url) {
  return {"c", std::move(name), std::move(swf_url), true};
}

class SrsPublishers : public ::testing::Test {
 protected:
  void list(std::vector<ApiStream> streams) {
    publishers_.listed(now_, std::move(streams), vhosts_);
  }
  MonotonicTime now_{1h};
  std::map<std::string, std::string> vhosts_;
  Publishers publishers_;
};

TEST_F(SrsPublishers, ARealListingIsReportedByKey) {
  const auto bytes = test::read_vector("srs/7.0.18/streams_publishing.json");
  auto page = parse_stream_page(std::string(bytes.begin(), bytes.end()));
  ASSERT_TRUE(page);
  list(std::move(page->streams));
  std::vector<std::string> keys;
  for (const ReportedStream& reported : publishers_.report()) {
    EXPECT_TRUE(reported.tag_unread) << reported.key;
    EXPECT_EQ(reported.players, reported.key.ends_with("demo") ? 2u : 0u) << reported.key;
    keys.push_back(reported.key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{
                      "__defaultVhost__/a/b/q\"x\\y &", "__defaultVhost__/live/cam.a",
                      "__defaultVhost__/live/demo", "__defaultVhost__/live/plain",
                      "studio.example.com/live/studio"}));
  EXPECT_EQ(publishers_.players(), 3u);  // one waits for a stream that nobody publishes
  EXPECT_EQ(publishers_.clients(), 8u);
}

TEST_F(SrsPublishers, EachIsReadOnceAndAgainWhenAnotherCame) {
  list({stream("a", "c1"), stream("b", "c2")});
  EXPECT_EQ(publishers_.unread(10), (std::vector<std::string>{"c1", "c2"}));
  EXPECT_EQ(publishers_.unread(1).size(), 1u);
  publishers_.read("c1", client("a", "weir:f/s/1.1"));
  publishers_.read("c2", client("b", ""));
  EXPECT_TRUE(publishers_.unread(10).empty());
  list({stream("a", "c1"), stream("b", "c3")});
  EXPECT_EQ(publishers_.unread(10), (std::vector<std::string>{"c3"}));
  const auto report = publishers_.report();
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[0].tag, "weir:f/s/1.1");
  EXPECT_FALSE(report[0].tag_unread);
  EXPECT_TRUE(report[1].tag_unread);
}

TEST_F(SrsPublishers, TheNameIsThePublishersOwn) {
  // A player of an HTTP-FLV URL came first and named the stream.
  list({stream("cam.flv", "c1", "/live/cam")});
  publishers_.read("c1", client("cam", ""));
  EXPECT_EQ(publishers_.report().at(0).key, "__defaultVhost__/live/cam");
}

TEST_F(SrsPublishers, OnlyTagsOfForwardersAreTags) {
  list({stream("a", "c1"), stream("b", "c2")});
  publishers_.read("c1", client("a", "http://example.com/player.swf"));
  publishers_.read("c2", client("b", "weir:f/s/2.5"));
  EXPECT_EQ(publishers_.report().at(0).tag, "");
  ASSERT_EQ(publishers_.tagged().size(), 1u);
  EXPECT_EQ(publishers_.tagged()[0].client, "c2");
  EXPECT_EQ(publishers_.tagged()[0].key, "__defaultVhost__/live/b");
}

TEST_F(SrsPublishers, AClientIdThatIsNoneIsNeverAskedFor) {
  list({stream("a", "../../etc"), stream("b", "x y"), stream("c", std::string(65, 'c'))});
  EXPECT_TRUE(publishers_.unread(10).empty());
  EXPECT_EQ(publishers_.report().size(), 3u);
  EXPECT_TRUE(publishers_.report()[0].tag_unread);
}

TEST_F(SrsPublishers, AnOlderServersVhostsAreNamedById) {
  ApiStream old = stream("a", "c1");
  old.url.clear();
  old.vhost = "vid-v";
  EXPECT_FALSE(vhost_of(old, vhosts_));
  vhosts_["vid-v"] = "studio.example.com";
  list({old});
  EXPECT_EQ(publishers_.report().at(0).key, "studio.example.com/live/a");
}

TEST_F(SrsPublishers, TwoSpellingsOfOneKeyAreOneStream) {
  ApiStream slashes = stream("s", "c2");
  slashes.id = "other";
  slashes.app = "live//";
  list({stream("s", "c1"), slashes});
  publishers_.read("c1", client("s", ""));
  publishers_.read("c2", client("s", "weir:f/s/1.1"));
  ASSERT_EQ(publishers_.report().size(), 1u);
  EXPECT_EQ(publishers_.report()[0].tag, "weir:f/s/1.1");
}

TEST_F(SrsPublishers, NamesThatAreNoStreamAreLeftOut) {
  list({stream("\xff", "c1", "/live/x"), stream("ok", "c2")});
  ASSERT_EQ(publishers_.report().size(), 1u);
}

TEST_F(SrsPublishers, BytesGrowOverStreamsThatEnd) {
  ApiStream a = stream("a", "c1");
  a.recv_bytes = 1000;
  a.send_bytes = 10;
  list({a});
  EXPECT_EQ(publishers_.recv_bytes(), 1000u);
  now_ += 1s;
  list({});
  EXPECT_EQ(publishers_.recv_bytes(), 1000u);
  now_ += 1s;
  a.id = "new";
  a.recv_bytes = 500;
  list({a});
  EXPECT_EQ(publishers_.recv_bytes(), 1500u);
  EXPECT_EQ(publishers_.send_bytes(), 20u);
}

TEST_F(SrsPublishers, RatesAreOfWholeSampleIntervalsOfSrs) {
  ApiStream a = stream("a", "c1");
  for (int second = 0; second <= 30; ++second, now_ += 1s) {
    a.recv_bytes = static_cast<std::uint64_t>(second / 3 * 3) * 125'000;  // moves every 3 s
    list({a});
    EXPECT_EQ(publishers_.counters_fresh(), second == 0 || second % 3 == 0) << second;
    if (second >= 6)
      EXPECT_NEAR(publishers_.report()[0].ingress_bits_per_second, 1e6, 1e4) << second;
  }
  for (int second = 0; second < 40; ++second, now_ += 1s) list({a});
  EXPECT_LT(publishers_.report()[0].ingress_bits_per_second, 2e5);
}

TEST_F(SrsPublishers, SomeThatCannotBeReadKeepNobodyElseFromBeingRead) {
  std::vector<ApiStream> all;
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(100 + i);
    all.push_back(stream("s" + number, "c" + number));
  }
  list(all);
  const auto first = publishers_.unread(32);
  ASSERT_EQ(first.size(), 32u);
  for (const std::string& client : first) publishers_.failed_to_read(client);
  EXPECT_EQ(publishers_.unread(32).size(), 8u) << "not again after the same listing";
  list(all);
  const auto second = publishers_.unread(32);
  ASSERT_EQ(second.size(), 32u);
  EXPECT_EQ(second[0], "c132") << "who never failed goes first";
  EXPECT_EQ(second[7], "c139");
  EXPECT_FALSE(publishers_.all_read());
}

TEST_F(SrsPublishers, WhoCannotBeReadIsTriedLessAndLessOftenAndNeverGivenUp) {
  int tries = 0;
  int last = 0;
  for (int listing = 1; listing <= 200; ++listing) {
    list({stream("a", "c1")});
    if (publishers_.unread(10).empty()) continue;
    ++tries;
    EXPECT_LE(listing - last, static_cast<int>(kTagRetryListingsMax));
    last = listing;
    publishers_.failed_to_read("c1");
  }
  EXPECT_GE(tries, 9);
  EXPECT_LE(tries, 12);
  // Another publisher of the stream has a try of its own.
  list({stream("a", "c2")});
  EXPECT_EQ(publishers_.unread(10), (std::vector<std::string>{"c2"}));
  publishers_.read("c2", client("a", "weir:f/s/1.1"));
  EXPECT_TRUE(publishers_.all_read());
}

}  // namespace
}  // namespace weir::agent::srs
