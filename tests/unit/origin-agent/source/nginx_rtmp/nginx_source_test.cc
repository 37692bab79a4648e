#include "origin-agent/source/nginx_rtmp/nginx_source.h"

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

using boost::asio::ip::tcp;

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

/// Answers every request with the statistics page and keeps their targets.
class StatServer {
 public:
  StatServer(boost::asio::io_context& io, std::string page)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}), page_(std::move(page)) {
    accept();
  }
  HttpUrl url(std::string target) const {
    return {"127.0.0.1", acceptor_.local_endpoint().port(), std::move(target)};
  }

  std::vector<std::string> targets;

 private:
  struct Connection {
    explicit Connection(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    std::string request;
    std::string answer;
  };

  void accept() {
    acceptor_.async_accept([this](const auto& error, tcp::socket socket) {
      if (error) return;
      auto connection = std::make_shared<Connection>(std::move(socket));
      boost::asio::async_read_until(
          connection->socket, boost::asio::dynamic_buffer(connection->request), "\r\n\r\n",
          [this, connection](const auto& failed, std::size_t) {
            if (failed) return;
            const std::size_t target = connection->request.find(' ') + 1;
            targets.push_back(
                connection->request.substr(target, connection->request.find(' ', target) - target));
            connection->answer = "HTTP/1.0 200 OK\r\n\r\n" + page_;
            boost::asio::async_write(connection->socket, boost::asio::buffer(connection->answer),
                                     [connection](const auto&, std::size_t) {});
          });
      accept();
    });
  }

  tcp::acceptor acceptor_;
  const std::string page_;
};

TEST(NginxSourceTest, AHigherEpochFencesAtOnceByAFreshLook) {
  boost::asio::io_context io;
  StatServer server(io,
                    "<rtmp><pid>1</pid><server><application><name>live</name><live><stream>"
                    "<name>a</name><client><id>11</id><swfurl>weir:f/s/5.1</swfurl><publishing/>"
                    "</client><publishing/></stream></live></application></server></rtmp>");
  SystemClock clock;
  SeededRandom random(1);
  EpochTable epochs;
  NginxRtmpOptions options{"127.0.0.1:1", server.url("/stat"), server.url("/control"), {}, {}};
  NginxRtmpSource source(io, clock, random, epochs, std::move(options), log::Logger("test"));
  bool looked = false;
  source.observe({}, [&](const Observation&) { looked = true; });
  const auto deadline = clock.now() + std::chrono::seconds(10);
  while (!looked && clock.now() < deadline) io.run_one_for(std::chrono::seconds(1));
  ASSERT_TRUE(looked);
  EXPECT_EQ(server.targets, std::vector<std::string>{"/stat"});
  epochs.learn({"__defaultVhost__/live/other", Epoch{5, 3}});
  epochs.learn({"__defaultVhost__/live/a", Epoch{5, 2}});
  while (server.targets.size() < 3 && clock.now() < deadline)
    io.run_one_for(std::chrono::seconds(1));
  EXPECT_EQ(server.targets,
            (std::vector<std::string>{"/stat", "/stat", "/control/drop/client?srv=0&clientid=11"}));
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
