#pragma once
// Addresses of listeners and endpoints: parsing, loopback test, and the test that a port is free.
// Plain sockets, because Asio listeners and gRPC servers need the same answers.
// Threading: pure, except resolve_listen_address and check_listen_address (system calls; may block
// on a host name). Lifetime: values.

#include <cstdint>
#include <string>
#include <string_view>

#include <netinet/in.h>

#include "common/base/result.h"

namespace weir {

/// `host:port`, `[v6]:port` or `:port` in parts; the host without brackets.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

/// Errors (invalid_argument): no port, a port outside 0..65535, an IPv6 literal without brackets.
Result<HostPort> parse_host_port(std::string_view text);
/// The reverse, with brackets where the host holds a colon.
std::string format_host_port(std::string_view host, std::uint16_t port);

/// True when only this machine can reach a listener there: 127.0.0.0/8, ::1, `localhost`. An empty
/// (disabled) address counts as loopback; one without host does not.
bool is_loopback_listener(std::string_view address);
/// The same for the place a peer is told to dial.
bool is_loopback_host(std::string_view host);

/// A socket address in the kernel's form.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  std::uint16_t port() const;
  std::string str() const;
};

/// Where to bind. No host means every address: [::] for both families, 0.0.0.0 where there is no
/// IPv6.
Result<SocketAddress> resolve_listen_address(std::string_view address, std::string_view flag);

/// Binds once without SO_REUSEPORT and closes again. Yields the address with the port that is free
/// (one is picked for port 0). Errors (address_in_use, …) name the address and the flag.
Result<SocketAddress> check_listen_address(std::string_view address, std::string_view flag);

/// The message for a failed bind or listen.
Error listen_error(int error_number, std::string_view address, std::string_view flag);

}  // namespace weir
