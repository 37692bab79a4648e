// The admin server over loopback; the client is a plain socket that sends bytes and reads to the
// end.
#include "common/admin/admin_server.h"

#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/base/listen_address.h"

namespace weir::admin {
namespace {

using boost::asio::ip::tcp;

class AdminServerTest : public ::testing::Test {
 protected:
  void start(const std::string& token = "") {
    server_.emplace(io_, registry_,
                    Probes{.live = [] { return true; },
                           .ready = [this] { return ready_; },
                           .reasons = [] { return std::vector<std::string>{"no origin table"}; }},
                    Options{.address = "127.0.0.1:0", .token = Secret(token)});
    server_->add_handler("/v1/echo", [](std::string_view query) {
      return Response{.body = fmt::format("{{\"query\":\"{}\"}}", query)};
    });
    const auto started = server_->start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
    port_ = parse_host_port(server_->address())->port;
    thread_ = std::thread([this] { io_.run(); });
  }
  ~AdminServerTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  /// Sends `request` as it is and yields everything up to the close.
  std::string exchange(const std::string& request) const {
    boost::asio::io_context io;
    tcp::socket socket(io);
    socket.connect({boost::asio::ip::address_v4::loopback(), port_});
    boost::system::error_code error;
    boost::asio::write(socket, boost::asio::buffer(request), error);
    std::string answer;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
    return answer;
  }
  std::string get(const std::string& target, const std::string& headers = "",
                  const std::string& method = "GET") const {
    return exchange(fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", method,
                                target, headers));
  }

  boost::asio::io_context io_;
  metrics::Registry registry_;
  bool ready_ = true;
  std::optional<AdminServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(AdminServerTest, ServesMetrics) {
  registry_.counter("weir_test_total", "T.").add(3);
  start();
  const std::string answer = get("/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_TRUE(has(answer, "text/plain; version=0.0.4")) << answer;
  EXPECT_TRUE(has(answer, "weir_test_total 3")) << answer;
}

TEST_F(AdminServerTest, ReadinessSaysWhyNot) {
  ready_ = false;
  start();
  EXPECT_TRUE(get("/livez").starts_with("HTTP/1.1 200"));
  const std::string answer = get("/readyz");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
  EXPECT_TRUE(has(answer, "no origin table")) << answer;
}

TEST_F(AdminServerTest, HandlersGetTheQuery) {
  start();
  const std::string answer = get("/v1/echo?a=1&b=2");
  EXPECT_TRUE(has(answer, "Content-Type: application/json")) << answer;
  EXPECT_TRUE(has(answer, "{\"query\":\"a=1&b=2\"}")) << answer;
}

TEST_F(AdminServerTest, HeadSendsTheLengthAndNoBody) {
  start();
  const std::string answer = get("/livez", "", "HEAD");
  EXPECT_TRUE(has(answer, "Content-Length: 3")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(AdminServerTest, UnknownPathsAndMethodsAreNamed) {
  start();
  const std::string missing = get("/nothing");
  EXPECT_TRUE(missing.starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(has(missing, "/metrics"));
  const std::string method = get("/metrics", "", "DELETE");
  EXPECT_TRUE(method.starts_with("HTTP/1.1 405"));
  EXPECT_TRUE(has(method, "Allow: GET, HEAD"));
}

TEST_F(AdminServerTest, TokenIsWantedExceptForProbes) {
  start("s3cret");
  EXPECT_TRUE(get("/livez").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(get("/readyz").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(get("/metrics").starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(get("/metrics", "Authorization: Bearer wrong\r\n").starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(get("/metrics", "Authorization: Bearer s3cret\r\n").starts_with("HTTP/1.1 200"));
}

TEST_F(AdminServerTest, OversizedAndMalformedRequestsAreRefused) {
  start();
  EXPECT_TRUE(get("/livez", "X: " + std::string(20'000, 'x') + "\r\n").starts_with("HTTP/1.1 431"));
  EXPECT_TRUE(get("/livez", "Content-Length: 5\r\n").starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(exchange("\x03\x01\x02 nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}

TEST_F(AdminServerTest, ConnectionsAreReused) {
  start();
  const std::string one = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string last = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string answer = exchange(one + last);
  EXPECT_NE(answer.find("HTTP/1.1 200"), answer.rfind("HTTP/1.1 200")) << answer;
}

TEST(AdminServer, AddressBeyondLoopbackWantsCredentials) {
  boost::asio::io_context io;
  metrics::Registry registry;
  AdminServer refused(io, registry, {}, {.address = ":0"});
  const auto result = refused.start();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, boost::system::errc::operation_not_permitted);
  AdminServer open(io, registry, {}, {.address = ":0", .insecure = true});
  EXPECT_TRUE(open.start().has_value());
}

TEST(AdminServer, EmptyAddressDisablesIt) {
  boost::asio::io_context io;
  metrics::Registry registry;
  AdminServer server(io, registry, {}, {});
  EXPECT_TRUE(server.start().has_value());
  EXPECT_EQ(server.address(), "");
}

TEST(AdminServer, StoppingLeavesNothingToWaitFor) {
  boost::asio::io_context io;
  metrics::Registry registry;
  AdminServer server(io, registry, {}, {.address = "127.0.0.1:0"});
  ASSERT_TRUE(server.start().has_value());
  tcp::socket client(io);
  client.connect(
      {boost::asio::ip::address_v4::loopback(), parse_host_port(server.address())->port});
  io.run_one();  // accepted
  server.stop();
  io.run();
  SUCCEED();
}

}  // namespace
}  // namespace weir::admin
