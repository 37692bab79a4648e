#include "common/base/client_address.h"

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

std::string prefix(ClientAddressMode mode, const char* client, const char* target) {
  const auto bytes = client_address_prefix(mode, client, target);
  return {bytes.begin(), bytes.end()};
}

TEST(ClientAddress, NamesAreReadAsTheyAreWritten) {
  for (const auto mode :
       {ClientAddressMode::kNone, ClientAddressMode::kProxyV1, ClientAddressMode::kSrsPrefix})
    EXPECT_EQ(parse_client_address_mode(to_string(mode)), mode);
  for (const char* text : {"", "proxy", "proxy-v2", "PROXY-V1"})
    EXPECT_FALSE(parse_client_address_mode(text).has_value()) << text;
}

TEST(ClientAddress, NothingIsSaidToAListenerThatExpectsNothing) {
  EXPECT_EQ(prefix(ClientAddressMode::kNone, "192.0.2.9:50000", "127.0.0.1:1935"), "");
}

TEST(ClientAddress, ProxyLineHoldsBothEndsInTheClientsFamily) {
  const auto line = [](const char* client, const char* target) {
    return prefix(ClientAddressMode::kProxyV1, client, target);
  };
  EXPECT_EQ(line("192.0.2.9:50000", "127.0.0.1:1935"),
            "PROXY TCP4 192.0.2.9 127.0.0.1 50000 1935\r\n");
  EXPECT_EQ(line("[2001:db8::1]:50000", "[::1]:1935"), "PROXY TCP6 2001:db8::1 ::1 50000 1935\r\n");
  EXPECT_EQ(line("[::ffff:192.0.2.9]:50000", "127.0.0.1:1935"),
            "PROXY TCP4 192.0.2.9 127.0.0.1 50000 1935\r\n");
  EXPECT_EQ(line("192.0.2.9:50000", "[::1]:1935"), "PROXY TCP4 192.0.2.9 0.0.0.0 50000 1935\r\n");
  EXPECT_EQ(line("[2001:db8::1]:50000", "10.0.0.1:1935"),
            "PROXY TCP6 2001:db8::1 :: 50000 1935\r\n");
  EXPECT_EQ(line("192.0.2.9:50000", "origin.example:1935"),
            "PROXY TCP4 192.0.2.9 0.0.0.0 50000 1935\r\n");
  EXPECT_EQ(line("somewhere", "127.0.0.1:1935"), "PROXY UNKNOWN\r\n");
}

TEST(ClientAddress, SrsPrefixHoldsAnIPv4AddressOrIsLeftOut) {
  EXPECT_EQ(prefix(ClientAddressMode::kSrsPrefix, "192.0.2.9:50000", "127.0.0.1:1935"),
            std::string("\xF3\0\x04\xC0\0\x02\x09", 7));
  EXPECT_EQ(prefix(ClientAddressMode::kSrsPrefix, "[2001:db8::1]:50000", "127.0.0.1:1935"), "");
}

}  // namespace
}  // namespace weir
