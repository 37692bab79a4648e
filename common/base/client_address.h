#pragma once
// How an origin's listener is told the address of the client behind a forwarder.
//
// Purpose: one name for the mode in every plane, and the bytes that a connection to such a listener
// begins with, for the forwarder's legs and for health probes alike. Threading: pure. Lifetime:
// values.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weir {

enum class ClientAddressMode : std::uint8_t {
  kNone,       ///< not at all
  kProxyV1,    ///< PROXY protocol, version 1: nginx-rtmp's `listen … proxy_protocol`
  kSrsPrefix,  ///< 0xF3, a length and an IPv4 address in front of C0: SRS
};

/// `none`, `proxy-v1`, `srs-prefix`: the words of flags and files.
std::string_view to_string(ClientAddressMode mode);
std::optional<ClientAddressMode> parse_client_address_mode(std::string_view text);

/// What stands before everything else on a connection to `target`, opened for `client`; both
/// `address:port`. Empty where the mode has no form for that client: none, and srs-prefix for IPv6.
/// A target that is a host name or of the other family is written as the unspecified address.
std::vector<std::uint8_t> client_address_prefix(ClientAddressMode mode, std::string_view client,
                                                std::string_view target);

}  // namespace weir
