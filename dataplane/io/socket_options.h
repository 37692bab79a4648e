#pragma once
// Options and small system calls of the relay's TCP sockets.
// Threading: system calls only. Lifetime: none.

#include <chrono>
#include <optional>
#include <string>

#include <sys/socket.h>

#include "common/base/listen_address.h"
#include "dataplane/relay/relay_session.h"

namespace weir::io {

/// No delay, keep-alive, and a bound on unacknowledged or refused data.
void set_relay_options(int fd, std::chrono::milliseconds user_timeout);
/// Acknowledges what was received now, and the next segments without delay.
void acknowledge_now(int fd);
/// A non-blocking stream socket; -1 with errno.
int open_stream_socket(int family);
/// `host:port` with a literal address; nullopt = a host name, or not an endpoint at all.
std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port);
/// How an error number of a dial or of an established connection is told to the session.
relay::LegEnd leg_end_of(int error_number);
/// Drops the connection with a reset.
void close_with_reset(int fd);
/// "192.0.2.1:5000", also for an IPv4 client of an IPv6 listener.
std::string peer_name(const sockaddr_storage& address);

}  // namespace weir::io
