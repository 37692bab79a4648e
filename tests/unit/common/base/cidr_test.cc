#include "common/base/cidr.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace weir {
namespace {

IpAddress ip(const char* text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(IpAddress{});
}

TEST(IpAddress, AnIPv4ClientOfAnIPv6ListenerIsTheSameClient) {
  EXPECT_EQ(ip("192.0.2.7"), ip("::ffff:192.0.2.7"));
  EXPECT_EQ(ip("::ffff:192.0.2.7").str(), "192.0.2.7");
  EXPECT_TRUE(ip("192.0.2.7").is_v4());
  EXPECT_FALSE(ip("2001:db8::1").is_v4());
  EXPECT_EQ(ip("2001:0DB8::0001").str(), "2001:db8::1");
}

TEST(IpAddress, TakesLiteralsOnly) {
  for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "[::1]", "::1%lo", "1.2.3.4 "})
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
}

TEST(IpAddress, ComesFromASocketAddress) {
  sockaddr_storage storage{};
  EXPECT_FALSE(IpAddress::from(storage).has_value());
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0xC0000207);
  EXPECT_EQ(IpAddress::from(storage), ip("192.0.2.7"));
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  EXPECT_EQ(IpAddress::from(storage), ip("::1"));
}

TEST(IpAddress, KnowsLoopback) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(ip(text).is_loopback()) << text;
  for (const char* text : {"128.0.0.1", "::2", "1::1", "::", "0.0.0.0"})
    EXPECT_FALSE(ip(text).is_loopback()) << text;
}

TEST(Cidr, ContainsExactlyItsNetwork) {
  const auto check = [](const char* network, const char* inside, const char* outside) {
    const auto cidr = Cidr::parse(network);
    ASSERT_TRUE(cidr.has_value()) << network;
    EXPECT_TRUE(cidr->contains(ip(inside))) << network << " " << inside;
    EXPECT_FALSE(cidr->contains(ip(outside))) << network << " " << outside;
  };
  check("10.0.0.0/8", "10.255.255.255", "11.0.0.0");
  check("192.0.2.128/25", "192.0.2.128", "192.0.2.127");
  check("192.0.2.8/31", "192.0.2.9", "192.0.2.10");
  check("192.0.2.7", "192.0.2.7", "192.0.2.6");
  check("0.0.0.0/0", "255.1.2.3", "2001:db8::1");
  check("::/0", "2001:db8::1", "192.0.2.1");
  check("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1");
  check("2001:db8::1/128", "2001:db8::1", "2001:db8::2");
}

TEST(Cidr, SaysWhatIsWrong) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129",
                           "host/8", "10.0.0.0/8/8", "/8"})
    EXPECT_FALSE(Cidr::parse(text).has_value()) << text;
  const auto loose = Cidr::parse("10.0.0.1/8");
  ASSERT_FALSE(loose.has_value());
  EXPECT_NE(loose.error().message.find("10.0.0.0/8"), std::string::npos) << loose.error().message;
}

TEST(Cidr, IsWrittenAsItIsRead) {
  for (const char* text : {"10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::/0", "0.0.0.0/0"})
    EXPECT_EQ(Cidr::parse(text)->str(), text);
}

}  // namespace
}  // namespace weir
