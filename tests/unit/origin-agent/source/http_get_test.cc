#include "origin-agent/source/http_get.h"

#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

/// Serves one connection with one answer; an empty answer keeps it waiting.
class OneAnswer {
 public:
  OneAnswer(boost::asio::io_context& io, std::string answer)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}),
        socket_(io),
        answer_(std::move(answer)) {
    acceptor_.async_accept(socket_, [this](const auto& error) {
      if (error) return;
      boost::asio::async_read_until(socket_, boost::asio::dynamic_buffer(request), "\r\n\r\n",
                                    [this](const auto& failed, std::size_t) {
                                      if (failed || answer_.empty()) return;
                                      boost::asio::async_write(
                                          socket_, boost::asio::buffer(answer_),
                                          [this](const auto&, std::size_t) { socket_.close(); });
                                    });
    });
  }
  HttpUrl url() const { return {"127.0.0.1", acceptor_.local_endpoint().port(), "/stat?x=1"}; }

  std::string request;

 private:
  tcp::acceptor acceptor_;
  tcp::socket socket_;
  std::string answer_;
};

class HttpGetTest : public ::testing::Test {
 protected:
  Result<std::string> get(std::string answer, Duration timeout = 5s) {
    OneAnswer server(io_, std::move(answer));
    std::optional<Result<std::string>> result;
    const auto request = HttpGet::start(io_, server.url(), timeout, [&](Result<std::string> r) {
      result = std::move(r);
      io_.stop();
    });
    io_.restart();
    io_.run_for(10s);
    request_ = server.request;
    if (!result) return make_error(boost::system::errc::timed_out, "the completion never ran");
    return std::move(*result);
  }

  boost::asio::io_context io_;
  std::string request_;
};

TEST_F(HttpGetTest, TheBodyOfA200AnswerIsGiven) {
  const auto body = get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, "hello");
  EXPECT_TRUE(request_.starts_with("GET /stat?x=1 HTTP/1.0\r\n")) << request_;
}

TEST_F(HttpGetTest, ABodyUntilTheEndOfTheConnectionIsGiven) {
  const auto body = get("HTTP/1.0 200 OK\r\n\r\nhello");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, "hello");
}

TEST_F(HttpGetTest, AnotherStatusIsAnErrorThatNamesIt) {
  const auto body = get("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().message, "HTTP status 404");
  EXPECT_EQ(body.error().side, Side::kOrigin);
}

TEST_F(HttpGetTest, ACutOrTooLargeOrForeignAnswerIsAnError) {
  EXPECT_FALSE(get("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"));
  EXPECT_FALSE(get("SSH-2.0-OpenSSH\r\n"));
  const auto large = get("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().message, "the answer is too large");
}

TEST_F(HttpGetTest, AServerThatSaysNothingIsGivenUp) {
  const auto body = get("", 20ms);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, boost::asio::error::timed_out);
}

TEST_F(HttpGetTest, ACancelledRequestNeverCompletes) {
  OneAnswer server(io_, "HTTP/1.0 200 OK\r\n\r\nhello");
  bool completed = false;
  auto request = HttpGet::start(io_, server.url(), 50ms, [&](const auto&) { completed = true; });
  request.cancel();
  io_.run_for(100ms);
  EXPECT_FALSE(completed);
}

TEST(HttpUrlTest, HostPortAndTargetAreTakenApart) {
  const auto url = parse_http_url("http://127.0.0.1:8936/stat?a=b");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, 8936);
  EXPECT_EQ(url->target, "/stat?a=b");
  EXPECT_EQ(parse_http_url("http://[::1]:81/")->host, "::1");
  EXPECT_EQ(parse_http_url("http://host")->port, 80);
  EXPECT_EQ(parse_http_url("http://host")->target, "/");
}

TEST(HttpUrlTest, WhatCannotBeFetchedIsRefused) {
  for (const char* text :
       {"", "https://h/", "h/stat", "http://", "http://:80/", "http://u:p@h/", "http://h:0/",
        "http://h:65536/", "http://h:x/", "http://[::1/", "http://h/a b", "http://h/\r\nX: y"})
    EXPECT_FALSE(parse_http_url(text)) << text;
}

}  // namespace
}  // namespace weir::agent
