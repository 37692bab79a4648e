#include "origin-agent/source/srs/register_server.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/base/listen_address.h"
#include "origin-agent/source/srs/limits.h"
#include "tests/support/manual_clock.h"

namespace weir::agent::srs {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

constexpr const char* kHeartbeat =
    R"({"ip":"192.0.2.7","server":"vid-a","service":"s1","pid":"7","rtmp":["1935"]})";

struct Recorder final : RegisterListener {
  Result<void> registered(const Heartbeat& heartbeat, const std::string& peer) override {
    heartbeats.push_back(heartbeat);
    peers.push_back(peer);
    if (refusal.empty()) return {};
    return make_error(boost::system::errc::invalid_argument, refusal);
  }
  void published(const HookEvent& event) override { begun.push_back(event); }
  void unpublished(const HookEvent& event) override { ended.push_back(event); }

  std::string refusal;
  std::vector<Heartbeat> heartbeats;
  std::vector<std::string> peers;
  std::vector<HookEvent> begun, ended;
};

class SrsRegister : public ::testing::Test {
 protected:
  SrsRegister() : server_(io_, clock_, listener_, log::Logger("test")) {
    const auto started = server_.start("127.0.0.1:0");
    EXPECT_TRUE(started) << started.error().message;
  }
  tcp::endpoint endpoint() const {
    return {boost::asio::ip::address_v4::loopback(), parse_host_port(server_.address())->port};
  }
  /// Everything the server sends until it closes.
  std::string exchange(const std::string& request) {
    tcp::socket socket(io_);
    socket.connect(endpoint());
    boost::asio::write(socket, boost::asio::buffer(request));
    std::string answer;
    bool closed = false;
    boost::asio::async_read(socket, boost::asio::dynamic_buffer(answer),
                            [&](const auto&, std::size_t) {
                              closed = true;
                              io_.stop();
                            });
    io_.restart();
    io_.run_for(10s);
    EXPECT_TRUE(closed) << "the server kept the connection";
    return answer;
  }
  std::string post(const std::string& path, const std::string& body) {
    return exchange(
        fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\nContent-Type: "
                    "application/json\r\nContent-Length: {}\r\n\r\n{}",
                    path, body.size(), body));
  }

  boost::asio::io_context io_;
  testing::ManualClock clock_;
  Recorder listener_;
  RegisterServer server_;
};

TEST_F(SrsRegister, AHeartbeatIsGivenToTheListenerAndAnsweredAsSrsExpects) {
  for (const char* path : {"/api/v1/srs/register", "/api/v1/servers", "/api/v1/servers/?a=b"}) {
    const std::string answer = post(path, kHeartbeat);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n{\"code\":0}")) << answer;
  }
  ASSERT_EQ(listener_.heartbeats.size(), 3u);
  EXPECT_EQ(listener_.heartbeats[0].server, "vid-a");
  EXPECT_EQ(listener_.peers[0], "127.0.0.1");
}

TEST_F(SrsRegister, WhatTheListenerRefusesIsToldWithItsReason) {
  listener_.refusal = "127.0.0.1 cannot be reached by forwarders: give --advertise";
  const std::string answer = post("/api/v1/srs/register", kHeartbeat);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("give --advertise"), std::string::npos);
}

TEST_F(SrsRegister, ABadHeartbeatIsToldWhatIsMissingAndNeverReachesTheListener) {
  const std::string answer =
      post("/api/v1/srs/register", R"({"server":"vid-a","service":"s","pid":"1"})");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("ports on;"), std::string::npos);
  EXPECT_TRUE(listener_.heartbeats.empty());
}

TEST_F(SrsRegister, HooksAreHintsAndAlwaysAnsweredZero) {
  const auto hook = [](const char* action) {
    return fmt::format(R"({{"server_id":"vid-a","service_id":"s1","action":"{}","client_id":"c",)"
                       R"("vhost":"__defaultVhost__","app":"live","stream":"s"}})",
                       action);
  };
  for (const std::string& body :
       {hook("on_publish"), hook("on_unpublish"), hook("on_play"), std::string("garbage")}) {
    const std::string answer = post("/api/v1/srs/hooks", body);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("{\"code\":0}")) << answer;
  }
  ASSERT_EQ(listener_.begun.size(), 1u);
  EXPECT_EQ(listener_.begun[0].service, "s1");
  EXPECT_EQ(listener_.begun[0].stream, "s");
  EXPECT_EQ(listener_.ended.size(), 1u);
}

TEST_F(SrsRegister, OtherRequestsAreRefusedByName) {
  EXPECT_TRUE(post("/api/v1/versions", "").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(exchange("GET /api/v1/srs/register HTTP/1.1\r\nHost: x\r\n\r\n")
                  .starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(exchange("\x03 rtmp is no http\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(exchange(fmt::format("POST /api/v1/servers HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
                                   kRegisterBodyBytesMax + 1))
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(exchange("POST /api/v1/servers HTTP/1.1\r\nX: " +
                       std::string(kRegisterHeaderBytesMax, 'x') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(listener_.heartbeats.empty());
}

TEST_F(SrsRegister, WhatAStrangerVariesFillsNoLog) {
  const auto refused = [&](int number) {
    post("/api/v1/srs/register", fmt::format(R"({{"server":"vid-{}","service":"s"}})", number));
  };
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 2 * static_cast<int>(kRefusalLinesMax); ++i) refused(i);
  std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<long>(kRefusalLinesMax) + 1) << text;
  EXPECT_NE(text.find("not logged for"), std::string::npos);
  // What it has to say later is heard again, what was said is not repeated.
  clock_.advance(kRefusalLinesPer);
  ::testing::internal::CaptureStderr();
  refused(0);
  refused(1000);
  text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
}

TEST_F(SrsRegister, SilentConnectionsNeverKeepAHookOut) {
  std::vector<tcp::socket> silent;
  for (std::size_t i = 0; i < kRegisterConnectionsMax + 2; ++i) {
    silent.emplace_back(io_).connect(endpoint());
    io_.restart();
    io_.poll();
  }
  EXPECT_TRUE(post("/api/v1/srs/register", kHeartbeat).starts_with("HTTP/1.1 200 "));
}

TEST_F(SrsRegister, AStoppedListenerAnswersNobody) {
  const auto where = endpoint();
  server_.stop();
  EXPECT_EQ(server_.address(), "");
  tcp::socket socket(io_);
  boost::system::error_code error;
  socket.connect(where, error);
  EXPECT_TRUE(error);
}

TEST(SrsRegisterAddress, AnEmptyOneOpensNothingAndATakenOneIsAnError) {
  boost::asio::io_context io;
  const testing::ManualClock clock;
  Recorder listener;
  RegisterServer off(io, clock, listener, log::Logger("test"));
  ASSERT_TRUE(off.start(""));
  EXPECT_EQ(off.address(), "");
  RegisterServer first(io, clock, listener, log::Logger("test"));
  ASSERT_TRUE(first.start("127.0.0.1:0"));
  RegisterServer second(io, clock, listener, log::Logger("test"));
  const auto taken = second.start(first.address());
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("--srs-register"), std::string::npos);
}

}  // namespace
}  // namespace weir::agent::srs
