#include "origin-agent/source/http_client.h"

#include <chrono>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "tests/unit/origin-agent/source/srs/fake_srs_api.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using Method = HttpClient::Method;

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    server_.answer = [](const std::string& request) { return "answer to " + request; };
  }
  Result<std::string> ask(const std::string& target, Method method = Method::kGet,
                          Duration timeout = 5s) {
    std::optional<Result<std::string>> result;
    client_.request(method, target, timeout, [&](Result<std::string> answer) {
      result = std::move(answer);
      io_.stop();
    });
    EXPECT_FALSE(result) << "it completed inside the call";
    io_.restart();
    io_.run_for(10s);
    if (!result) return make_error(boost::system::errc::timed_out, "the completion never ran");
    return std::move(*result);
  }

  boost::asio::io_context io_;
  test::FakeSrsApi server_{io_};
  HttpClient client_{io_, server_.url()};
};

TEST_F(HttpClientTest, RequestsShareOneConnectionThatTheServerSaidItWouldClose) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*ask("/a"), "answer to GET /a");
  EXPECT_EQ(*ask("/b", Method::kDelete), "answer to DELETE /b");
  EXPECT_EQ(server_.connections, 1);
  EXPECT_NE(server_.headers[0].find("Connection: keep-alive\r\n"), std::string::npos);
  EXPECT_EQ(server_.headers[0].find("Authorization"), std::string::npos);
}

TEST_F(HttpClientTest, AGetThatMeetsAClosedConnectionIsSentOnceMore) {
  ASSERT_TRUE(ask("/a"));
  server_.close_all();
  const auto again = ask("/b");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, "answer to GET /b");
  EXPECT_EQ(server_.connections, 2);
}

TEST_F(HttpClientTest, AServerThatClosesAfterEachAnswerIsServedAllTheSame) {
  server_.closes = true;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ask("/a"));
  EXPECT_EQ(server_.asked("GET /a"), 5u);
}

TEST_F(HttpClientTest, ADeleteIsNeverSentTwice) {
  ASSERT_TRUE(ask("/a"));
  server_.close_all();
  EXPECT_FALSE(ask("/b", Method::kDelete));
  EXPECT_TRUE(ask("/b", Method::kDelete));
  EXPECT_EQ(server_.asked("DELETE"), 1u);
}

TEST_F(HttpClientTest, ASilentServerIsGivenUpAndTheNextRequestHasANewConnection) {
  server_.answer = [](const std::string&) { return std::nullopt; };
  const auto answer = ask("/a", Method::kGet, 20ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, boost::system::errc::timed_out);
  server_.answer = [](const std::string&) { return "late"; };
  EXPECT_EQ(*ask("/b"), "late");
  EXPECT_EQ(server_.connections, 2);
}

TEST_F(HttpClientTest, ARequestMayBeGivenUpAtEveryPointAndTheNextIsAnswered) {
  for (int steps = 0; steps < 40; ++steps) {
    HttpClient client(io_, server_.url());
    client.request(Method::kGet, "/given-up", 5s,
                   [&](const Result<std::string>&) { EXPECT_GT(steps, 4); });
    io_.restart();
    for (int i = 0; i < steps && client.is_busy(); ++i) io_.poll_one();
    client.close();
    std::optional<std::string> answer;
    client.request(Method::kGet, "/next", 5s, [&](const Result<std::string>& next) {
      if (next) answer = *next;
      io_.stop();
    });
    io_.restart();
    io_.run_for(10s);
    EXPECT_EQ(answer, "answer to GET /next") << "after " << steps << " steps";
  }
}

TEST_F(HttpClientTest, NothingListeningIsAnErrorOfTheOrigin) {
  server_.stop();
  const auto answer = ask("/a");
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().message.starts_with("cannot connect: ")) << answer.error().message;
  EXPECT_EQ(answer.error().side, Side::kOrigin);
}

TEST_F(HttpClientTest, OtherStatusesGarbageAndGiantsAreErrors) {
  server_.raw = true;
  server_.answer = [](const std::string& request) -> std::string {
    if (request == "GET /404") return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    if (request == "GET /giant") return "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
    if (request == "GET /two")
      return "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\n\r\n";
    return "SSH-2.0-OpenSSH\r\n";
  };
  EXPECT_EQ(ask("/404").error().message, "HTTP status 404");
  EXPECT_EQ(ask("/giant").error().code, boost::system::errc::message_size);
  EXPECT_FALSE(ask("/ssh"));
  // What comes unasked is never taken for the answer to the next request.
  EXPECT_EQ(*ask("/two"), "1");
  EXPECT_EQ(*ask("/two"), "1");
}

TEST_F(HttpClientTest, ABodyWithoutALengthEndsWithTheConnection) {
  server_.raw = server_.closes = true;
  server_.answer = [](const std::string&) { return "HTTP/1.0 200 OK\r\n\r\nhello"; };
  EXPECT_EQ(*ask("/a"), "hello");
  EXPECT_EQ(*ask("/a"), "hello");
}

TEST_F(HttpClientTest, CredentialsAreSentAsBasicAuthentication) {
  HttpClient other(io_, server_.url(), Secret("Aladdin:open sesame"));
  bool done = false;
  other.request(Method::kGet, "/a", 5s, [&](const Result<std::string>& answer) {
    done = answer.has_value();
    io_.stop();
  });
  io_.restart();
  io_.run_for(10s);
  ASSERT_TRUE(done);
  EXPECT_NE(server_.headers[0].find("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            std::string::npos);
}

TEST_F(HttpClientTest, AClosedClientNeverCompletes) {
  bool completed = false;
  client_.request(Method::kGet, "/a", 50ms, [&](const auto&) { completed = true; });
  client_.close();
  io_.restart();
  io_.run_for(100ms);
  EXPECT_FALSE(completed);
  EXPECT_TRUE(ask("/b"));
}

}  // namespace
}  // namespace weir::agent
