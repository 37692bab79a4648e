#include "origin-agent/source/srs/server_process.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "origin-agent/source/procfs.h"

namespace weir::agent::srs {
namespace {

using boost::asio::ip::tcp;

TEST(SrsServerProcess, MaxConnectionsAreReadFromTheConfiguration) {
  EXPECT_EQ(parse_max_connections("listen 1935;\nmax_connections     500;\n"), 500u);
  EXPECT_EQ(parse_max_connections("max_connections 7; max_connections 8;"), 7u);
  EXPECT_EQ(
      parse_max_connections("# max_connections 1;\nhttp_api { enabled on; }\nmax_connections 9;"),
      9u);
  EXPECT_EQ(parse_max_connections("max_connections \"12\";"), 12u);
  EXPECT_EQ(parse_max_connections("vhost a { max_connections 3; }"), std::nullopt);
  EXPECT_EQ(parse_max_connections("listen 1935;"), std::nullopt);
  EXPECT_EQ(parse_max_connections("max_connections many;"), std::nullopt);
  EXPECT_EQ(parse_max_connections("max_connections 0;"), std::nullopt);
  EXPECT_EQ(parse_max_connections("max_connections"), std::nullopt);
  EXPECT_EQ(parse_max_connections("}}} max_connections 4;"), std::nullopt);
  EXPECT_EQ(parse_max_connections(""), std::nullopt);
}

TEST(SrsServerProcess, TheEnvironmentSaysItToo) {
  using namespace std::string_literals;
  EXPECT_EQ(max_connections_of_environment("A=1\0SRS_MAX_CONNECTIONS=300\0B=2\0"s), 300u);
  EXPECT_EQ(max_connections_of_environment("XSRS_MAX_CONNECTIONS=300\0"s), std::nullopt);
  EXPECT_EQ(max_connections_of_environment(""), std::nullopt);
}

TEST(SrsServerProcess, TheConfigurationFileStandsInTheCommandLine) {
  using namespace std::string_literals;
  EXPECT_EQ(config_path_of("./objs/srs\0-c\0conf/srs.conf\0"s, "/usr/local/srs"),
            "/usr/local/srs/conf/srs.conf");
  EXPECT_EQ(config_path_of("srs\0-c\0/etc/srs.conf\0"s, "/"), "/etc/srs.conf");
  EXPECT_EQ(config_path_of("srs\0-e\0"s, "/"), "");
  EXPECT_EQ(config_path_of("srs\0-c"s, "/"), "");
}

TEST(SrsServerProcess, OnlyTheOneThatListensOnThePortIsLocal) {
  boost::asio::io_context io;
  const tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = acceptor.local_endpoint().port();
  const auto self = local_process(::getpid(), port, std::nullopt);
  ASSERT_TRUE(self);
  EXPECT_EQ(self, process_identity(::getpid()));
  // Of a container: its pid 1 is somebody else here.
  EXPECT_FALSE(local_process(1, port, 5));
  EXPECT_FALSE(local_process(::getpid(), 1, std::nullopt));
  EXPECT_FALSE(local_process(-1, port, std::nullopt));
}

TEST(SrsServerProcess, AConfigurationThatSaysNothingIsNothing) {
  const auto self = process_identity(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(max_connections_of(*self), std::nullopt);
  EXPECT_EQ(max_connections_of(ProcessIdentity{0x7fffffff, 1, {}}), std::nullopt);
}

}  // namespace
}  // namespace weir::agent::srs
