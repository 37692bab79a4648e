#include "common/base/cidr.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

namespace weir {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;
constexpr unsigned kAllBits = 128;

IpAddress mapped(const void* v4) {
  IpAddress address;
  std::ranges::copy(kMapped, address.bytes.begin());
  std::memcpy(address.bytes.data() + kMapped.size(), v4, 4);
  return address;
}

Error not_a_network(std::string_view text, std::string_view why) {
  return make_error(boost::system::errc::invalid_argument,
                    fmt::format("'{}' is not a network: {}", text, why));
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // C would stop reading there
  const std::string terminated(text);
  in_addr v4{};
  if (::inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return mapped(&v4);
  IpAddress address;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return mapped(&reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  if (address.ss_family != AF_INET6) return std::nullopt;
  IpAddress v6;
  std::memcpy(v6.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr,
              v6.bytes.size());
  return v6;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) &&
         bytes[15] == 1;
}

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes.data() + kMapped.size(), text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

IpAddress masked(const IpAddress& address, unsigned bits) {
  IpAddress result = address;
  for (std::size_t i = 0; i < result.bytes.size(); ++i) {
    const unsigned kept = std::clamp(static_cast<int>(bits) - static_cast<int>(8 * i), 0, 8);
    result.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
  }
  return result;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return not_a_network(text, "no IPv4 or IPv6 address before the '/'");
  const unsigned skipped = address->is_v4() ? kMappedBits : 0;
  unsigned bits = kAllBits - skipped;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const unsigned most = bits;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
    if (error != std::errc{} || end != digits.end() || bits > most)
      return not_a_network(text, fmt::format("the prefix must be a number from 0 to {}", most));
  }
  bits += skipped;
  const IpAddress network = masked(*address, bits);
  if (network != *address)
    return not_a_network(text, fmt::format("bits are set beyond the prefix; the network is {}",
                                           Cidr(network, bits).str()));
  return Cidr(network, bits);
}

bool Cidr::contains(const IpAddress& address) const {
  return address.is_v4() == network_.is_v4() && masked(address, bits_) == network_;
}

std::string Cidr::str() const {
  return fmt::format("{}/{}", network_.str(), network_.is_v4() ? bits_ - kMappedBits : bits_);
}

bool contains(std::span<const Cidr> networks, const IpAddress& address) {
  return std::ranges::any_of(networks, [&](const Cidr& n) { return n.contains(address); });
}

}  // namespace weir
