#include "origin-agent/source/nginx_rtmp/nginx_source.h"

#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

StatStream publisher(std::string app, std::string name, std::string swf_url, std::uint64_t id = 7) {
  StatStream stream;
  stream.app = std::move(app);
  stream.name = std::move(name);
  stream.publishing = true;
  stream.publisher_id = id;
  stream.publisher_swf_url = std::move(swf_url);
  return stream;
}

TEST(NginxSourceTest, OnlyPublishedStreamsAreReportedUnderTheirKeys) {
  StatPage page;
  page.streams = {publisher("live", "caf%C3%A9", "weir:f/s/1.1"),
                  publisher("live", "a", "http://x")};
  page.streams[0].players = 2;
  StatStream waiting;
  waiting.app = "live";
  waiting.name = "nobody";
  waiting.players = 3;
  page.streams.push_back(waiting);
  const Observation seen = observe_page(page);
  ASSERT_EQ(seen.streams->size(), 2U);
  EXPECT_EQ(seen.streams->at(0).key, "__defaultVhost__/live/a");
  EXPECT_EQ(seen.streams->at(0).tag, "") << "a player's own swfUrl is no tag";
  EXPECT_EQ(seen.streams->at(1).key, "__defaultVhost__/live/caf\xC3\xA9");
  EXPECT_EQ(seen.streams->at(1).tag, "weir:f/s/1.1");
  EXPECT_EQ(seen.players, 5U);
  EXPECT_EQ(seen.connections, 7U);
}

TEST(NginxSourceTest, OneKeyIsReportedOnce) {
  StatPage page;
  page.streams = {publisher("live", "a", ""), publisher("live", "a", "weir:f/s/1.1")};
  EXPECT_EQ(observe_page(page).streams->size(), 1U);
}

TEST(NginxSourceTest, OnlyOutdatedTagsAreDroppedAndBounded) {
  EpochTable epochs;
  epochs.learn({"__defaultVhost__/live/a", Epoch{5, 2}});
  StatPage page;
  page.streams = {publisher("live", "a", "weir:f/s/5.1", 11),
                  publisher("live", "a", "weir:f/s/5.2"), publisher("live", "a", ""),
                  publisher("live", "b", "weir:f/s/1.1")};
  const auto fenced = fenced_publishers(page, epochs);
  ASSERT_EQ(fenced.size(), 1U);
  EXPECT_EQ(fenced[0].publisher_id, 11U);
  page.streams.assign(kFencedAtOnceMax + 3, publisher("live", "a", "weir:f/s/5.1"));
  EXPECT_EQ(fenced_publishers(page, epochs).size(), kFencedAtOnceMax);
}

TEST(NginxSourceTest, APublisherOfAnotherVhostIsNotTakenForAnOutdatedOne) {
  EpochTable epochs;
  epochs.learn({"__defaultVhost__/live/a", Epoch{5, 9}, "one"});
  epochs.learn({"b.example/live/a", Epoch{5, 2}, "two"});
  StatPage page;
  page.streams = {publisher("live", "a", "weir:f/two/5.2")};
  EXPECT_TRUE(fenced_publishers(page, epochs).empty());
}

TEST(NginxSourceTest, AClientIsDroppedByItsNumberNeverByName) {
  HttpUrl control;
  control.target = "/control/";
  StatStream stream = publisher("live", "a", "", 42);
  stream.server = 1;
  EXPECT_EQ(drop_url(control, stream).target, "/control/drop/client?srv=1&clientid=42");
}

}  // namespace
}  // namespace weir::agent
