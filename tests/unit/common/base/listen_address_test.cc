#include "common/base/listen_address.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(HostPort, SplitsEveryForm) {
  const auto check = [](const char* text, const char* host, int port) {
    const auto parsed = parse_host_port(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->host, host) << text;
    EXPECT_EQ(parsed->port, port) << text;
  };
  check("127.0.0.1:1935", "127.0.0.1", 1935);
  check("localhost:0", "localhost", 0);
  check(":1935", "", 1935);
  check("[::1]:1935", "::1", 1935);
  check("[2001:db8::1]:65535", "2001:db8::1", 65535);
}

TEST(HostPort, RefusesWhatIsAmbiguous) {
  for (const char* text : {"", "1935", "host", "host:", "host:65536", "host:-1", "host:19x",
                           "::1:1935", "[]:1935", "[::1]", "[::1:1935"})
    EXPECT_FALSE(parse_host_port(text).has_value()) << text;
}

TEST(HostPort, FormatsWithBracketsWhereNeeded) {
  EXPECT_EQ(format_host_port("::1", 1), "[::1]:1");
  EXPECT_EQ(format_host_port("h", 1), "h:1");
}

TEST(Loopback, IsWhatOnlyThisMachineReaches) {
  for (const char* address :
       {"", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "[::ffff:127.0.0.1]:1"})
    EXPECT_TRUE(is_loopback_listener(address)) << address;
  for (const char* address : {":1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1",
                              "128.0.0.1:1", "127.example.com:1", "nonsense"})
    EXPECT_FALSE(is_loopback_listener(address)) << address;
}

TEST(CheckListenAddress, PicksAPortAndLeavesItFree) {
  const auto first = check_listen_address("127.0.0.1:0", "--x");
  ASSERT_TRUE(first.has_value());
  EXPECT_GT(first->port(), 0);
  EXPECT_TRUE(check_listen_address(first->str(), "--x").has_value());
}

TEST(CheckListenAddress, NamesTheFlagWhenTheHostIsUnknown) {
  const auto refused = check_listen_address("no-such-host.invalid:1", "--listen");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("--listen"), std::string::npos);
  EXPECT_EQ(refused.error().code, boost::system::errc::invalid_argument);
}

}  // namespace
}  // namespace weir
