#include "dataplane/io/socket_options.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "dataplane/io/limits.h"

namespace weir::io {
namespace {

void set(int fd, int level, int name, int value) {
  // Each is an improvement, none is needed: a refusal leaves a working socket.
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

void set_relay_options(int fd, std::chrono::milliseconds user_timeout) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(user_timeout.count()));
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(kKeepAliveIdle.count()));
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(kKeepAliveInterval.count()));
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

void acknowledge_now(int fd) {
  set(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

int open_stream_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    return address;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

relay::LegEnd leg_end_of(int error_number) {
  switch (error_number) {
    case 0:
      return relay::LegEnd::kFin;
    case ECONNREFUSED:
      return relay::LegEnd::kRefused;
    case ETIMEDOUT:
      return relay::LegEnd::kTimedOut;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EACCES:
    case EPERM:
    case EINVAL:
    case EAFNOSUPPORT:
      return relay::LegEnd::kUnreachable;
    case EMFILE:
    case ENFILE:
    case EADDRNOTAVAIL:  // no ephemeral port of ours is left towards that address
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:  // of epoll: too many watched descriptors
      return relay::LegEnd::kNoResources;
    default:
      return relay::LegEnd::kReset;
  }
}

void close_with_reset(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd);
}

std::string peer_name(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    const std::uint16_t port = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
    return format_host_port(text, port);
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return format_host_port(text, ntohs(v4.sin_port));
}

}  // namespace weir::io
