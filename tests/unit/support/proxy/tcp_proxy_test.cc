#include "tests/support/proxy/tcp_proxy.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace weir::tests {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

/// A proxy on a thread of its own between a client and a server of this one.
class TcpProxyTest : public ::testing::Test {
 protected:
  TcpProxyTest() : server_(io_, {boost::asio::ip::address_v4::loopback(), 0}) {
    // A port that is free now, for the proxy's own bind.
    tcp::acceptor probe(io_, {boost::asio::ip::address_v4::loopback(), 0});
    port_ = probe.local_endpoint().port();
    probe.close();
    proxy_ =
        std::make_unique<TcpProxy>(context_, port_, "127.0.0.1", server_.local_endpoint().port());
    EXPECT_EQ("", proxy_->start());
    thread_ = std::thread([this] { context_.run(); });
  }
  ~TcpProxyTest() override {
    context_.stop();
    thread_.join();
  }

  /// On the proxy's thread, and done when it returns.
  void tell(const std::function<void(TcpProxy&)>& what) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      what(*proxy_);
      done.set_value();
    });
    done.get_future().wait();
  }
  tcp::socket dial() {
    tcp::socket client(io_);
    client.connect({boost::asio::ip::address_v4::loopback(), port_});
    return client;
  }
  static void send(tcp::socket& to, const std::string& text) {
    boost::asio::write(to, boost::asio::buffer(text));
  }
  /// What comes within the time; empty = nothing, "end" when the connection is over.
  static std::string receive(tcp::socket& from, std::size_t count, int milliseconds) {
    const timeval limit{milliseconds / 1000, milliseconds % 1000 * 1000};
    ::setsockopt(from.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    std::string text(count, '\0');
    const ssize_t got = ::recv(from.native_handle(), text.data(), count, MSG_WAITALL);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return "end";
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

  static constexpr int kSoon = 5'000;
  static constexpr int kNever = 150;

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  boost::asio::io_context io_;
  tcp::acceptor server_;
  std::uint16_t port_ = 0;
  std::unique_ptr<TcpProxy> proxy_;
  std::thread thread_;
};

TEST_F(TcpProxyTest, PassesBytesOnBothWaysAndTheEnd) {
  tcp::socket client = dial();
  tcp::socket server = server_.accept();
  send(client, "hello");
  EXPECT_EQ("hello", receive(server, 5, kSoon));
  send(server, "there");
  EXPECT_EQ("there", receive(client, 5, kSoon));
  client.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ("end", receive(server, 1, kSoon));
  send(server, "more");
  EXPECT_EQ("more", receive(client, 4, kSoon));
}

TEST_F(TcpProxyTest, HoldsAndGoesOn) {
  tcp::socket client = dial();
  tcp::socket server = server_.accept();
  send(client, "a");
  EXPECT_EQ("a", receive(server, 1, kSoon));
  tell([](TcpProxy& proxy) { proxy.set_mode(LinkMode::kHold); });
  send(client, "b");
  send(server, "c");
  EXPECT_EQ("", receive(server, 1, kNever));
  EXPECT_EQ("", receive(client, 1, kNever));
  tell([](TcpProxy& proxy) { proxy.set_mode(LinkMode::kPass); });
  EXPECT_EQ("b", receive(server, 1, kSoon));
  EXPECT_EQ("c", receive(client, 1, kSoon));
}

TEST_F(TcpProxyTest, HoldsReplicationAlone) {
  tcp::socket replica = dial();
  tcp::socket to_replica = server_.accept();
  tcp::socket client = dial();
  tcp::socket to_client = server_.accept();
  send(replica, "REPLCONF listening-port 1\r\n");
  EXPECT_EQ("REPLCONF", receive(to_replica, 8, kSoon));
  tell([](TcpProxy& proxy) { proxy.set_mode(LinkMode::kHoldReplication); });
  send(to_replica, "write");
  send(to_client, "reply");
  EXPECT_EQ("reply", receive(client, 5, kSoon));
  EXPECT_EQ("", receive(replica, 5, kNever));
  tell([](TcpProxy& proxy) { proxy.reset(); });
  EXPECT_EQ("end", receive(replica, 5, kSoon)) << "what was held is lost";
}

TEST_F(TcpProxyTest, RefusesNewConnectionsOnly) {
  tcp::socket client = dial();
  tcp::socket server = server_.accept();
  tell([](TcpProxy& proxy) { proxy.set_mode(LinkMode::kRefuse); });
  tcp::socket second = dial();
  EXPECT_EQ("end", receive(second, 1, kSoon));
  send(client, "x");
  EXPECT_EQ("x", receive(server, 1, kSoon));
}

}  // namespace
}  // namespace weir::tests
