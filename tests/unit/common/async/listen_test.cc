#include "common/async/listen.h"

#include <array>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "common/base/listen_address.h"

namespace weir::async {
namespace {

using boost::asio::ip::tcp;

bool can_connect(boost::asio::io_context& io, const char* host, std::uint16_t port) {
  tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect(tcp::endpoint(boost::asio::ip::make_address(host), port), error);
  return !error;
}

bool has_ipv6() {
  boost::asio::io_context io;
  return open_listener(io, "[::1]:0", "--x").has_value();
}

TEST(Listen, PortZeroPicksOneAndNamesIt) {
  boost::asio::io_context io;
  const auto acceptor = open_listener(io, "127.0.0.1:0", "--admin");
  ASSERT_TRUE(acceptor.has_value()) << acceptor.error().message;
  const auto parsed = parse_host_port(local_address(*acceptor));
  EXPECT_EQ(parsed->host, "127.0.0.1");
  EXPECT_GT(parsed->port, 0);
  EXPECT_TRUE(acceptor->non_blocking());
}

TEST(Listen, NoHostMeansBothFamilies) {
  boost::asio::io_context io;
  const auto acceptor = open_listener(io, ":0", "--rtmp");
  ASSERT_TRUE(acceptor.has_value()) << acceptor.error().message;
  const std::uint16_t port = acceptor->local_endpoint().port();
  EXPECT_TRUE(can_connect(io, "127.0.0.1", port));
  if (has_ipv6()) {
    EXPECT_TRUE(can_connect(io, "::1", port));
  }
}

TEST(Listen, Ipv6LiteralListensThereOnly) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  boost::asio::io_context io;
  const auto acceptor = open_listener(io, "[::1]:0", "--rtmp");
  const std::uint16_t port = acceptor->local_endpoint().port();
  EXPECT_TRUE(can_connect(io, "::1", port));
  EXPECT_FALSE(can_connect(io, "127.0.0.1", port));
  EXPECT_TRUE(local_address(*acceptor).starts_with("[::1]:"));
}

TEST(Listen, SharedListenersUseOnePort) {
  boost::asio::io_context one;
  boost::asio::io_context two;
  const std::array<boost::asio::io_context*, 2> ios{&one, &two};
  const auto acceptors = open_shared_listeners(ios, "127.0.0.1:0", "--rtmp");
  ASSERT_TRUE(acceptors.has_value()) << acceptors.error().message;
  ASSERT_EQ(acceptors->size(), 2U);
  EXPECT_EQ((*acceptors)[0].local_endpoint(), (*acceptors)[1].local_endpoint());
}

TEST(Listen, PortHeldByASharingListenerIsRefusedByName) {
  boost::asio::io_context io;
  const std::array<boost::asio::io_context*, 1> ios{&io};
  const auto holder = open_shared_listeners(ios, "127.0.0.1:0", "--rtmp");
  const std::string address = local_address(holder->front());
  for (const bool shared : {true, false}) {
    const auto error = shared ? open_shared_listeners(ios, address, "--rtmp").error()
                              : open_listener(io, address, "--rtmp").error();
    EXPECT_EQ(error.code, boost::system::errc::address_in_use);
    EXPECT_NE(error.message.find(address), std::string::npos);
    EXPECT_NE(error.message.find("--rtmp"), std::string::npos);
  }
}

TEST(Listen, PortHeldOnOneAddressIsRefusedForAllAddresses) {
  boost::asio::io_context io;
  const std::array<boost::asio::io_context*, 1> ios{&io};
  const auto holder = open_shared_listeners(ios, "127.0.0.1:0", "--rtmp");
  const std::string all = ":" + std::to_string(holder->front().local_endpoint().port());
  EXPECT_EQ(open_shared_listeners(ios, all, "--rtmp").error().code,
            boost::system::errc::address_in_use);
}

TEST(Listen, AddressOfAnotherMachineIsRefused) {
  boost::asio::io_context io;
  const auto refused = open_listener(io, "192.0.2.1:0", "--admin");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("192.0.2.1:0"), std::string::npos);
}

TEST(OpenFilesLimit, IsTheHardOneAfterRaising) {
  const std::uint64_t limit = raise_open_files_limit();
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(limit, now.rlim_max);
  EXPECT_EQ(now.rlim_cur, now.rlim_max);
}

}  // namespace
}  // namespace weir::async
