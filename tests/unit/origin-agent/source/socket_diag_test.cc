#include "origin-agent/source/socket_diag.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace weir::agent {
namespace {

using boost::asio::ip::tcp;

std::uint64_t inode_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

TEST(SocketDiagTest, ListenersOfAPortAreFoundAndConnectionsAreNot) {
  boost::asio::io_context io;
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = acceptor.local_endpoint().port();
  tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  const tcp::socket server = acceptor.accept();
  const auto found = listening_inodes(port);
  if (!found) GTEST_SKIP() << "this kernel does not tell; /proc/net/tcp is read instead";
  EXPECT_EQ(*found, std::vector<std::uint64_t>{inode_of(acceptor.native_handle())});
  acceptor.close();
  EXPECT_TRUE(listening_inodes(port)->empty());
}

}  // namespace
}  // namespace weir::agent
