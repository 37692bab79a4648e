#pragma once
// IP addresses and networks of addresses (CIDR), as configuration names them and sockets tell them.
// Threading: pure. Lifetime: values.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "common/base/result.h"

namespace weir {

/// An address without port. IPv4 is held in its IPv4-mapped form, so that a client of an IPv6
/// listener and the same client of an IPv4 one are equal.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  /// A literal, without brackets or zone; nullopt for anything else.
  static std::optional<IpAddress> parse(std::string_view text);
  /// nullopt for other families.
  static std::optional<IpAddress> from(const sockaddr_storage& address);

  bool is_v4() const;
  bool is_loopback() const;  ///< 127.0.0.0/8, ::1
  std::string str() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

/// A network: `192.0.2.0/24`, `2001:db8::/32`, or one address.
class Cidr {
 public:
  /// Errors (invalid_argument): not a literal, a prefix too long, bits beyond the prefix.
  static Result<Cidr> parse(std::string_view text);

  /// False for addresses of the other family.
  bool contains(const IpAddress& address) const;
  std::string str() const;

  friend bool operator==(const Cidr&, const Cidr&) = default;

 private:
  Cidr(IpAddress network, unsigned bits) : network_(network), bits_(bits) {}

  IpAddress network_;
  unsigned bits_;  ///< of the 128
};

bool contains(std::span<const Cidr> networks, const IpAddress& address);
/// The address with all but its first `bits` (of 128) cleared.
IpAddress masked(const IpAddress& address, unsigned bits);

}  // namespace weir
