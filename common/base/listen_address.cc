#include "common/base/listen_address.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir {
namespace {

Error invalid(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message));
}

class Socket {
 public:
  explicit Socket(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool has_ipv6() {
  const Socket socket(AF_INET6);
  if (socket.fd() < 0) return false;
  // The family may exist while it is switched off for every interface: only a bind tells.
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  return ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0;
}

SocketAddress any_address(std::uint16_t port) {
  SocketAddress out;
  if (has_ipv6()) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    out.size = sizeof(v6);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out.size = sizeof(v4);
  }
  return out;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return invalid(fmt::format("'{}' has no port: write host:port", text));
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.empty()) return invalid(fmt::format("'{}' has no address in its brackets", text));
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return invalid(fmt::format("'{}': write IPv6 addresses in brackets, [address]:port", text));
  }
  unsigned port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc{} || end != port_text.data() + port_text.size() || port > 65535)
    return invalid(fmt::format("'{}': the port must be a number from 0 to 65535", text));
  return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

std::string format_host_port(std::string_view host, std::uint16_t port) {
  if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_loopback_listener(std::string_view address) {
  if (address.empty()) return true;
  const auto parsed = parse_host_port(address);
  return parsed && is_loopback_host(parsed->host);
}

std::uint16_t SocketAddress::port() const {
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

std::string SocketAddress::str() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text,
                sizeof(text));
  else
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text,
                sizeof(text));
  return format_host_port(text, port());
}

Error listen_error(int error_number, std::string_view address, std::string_view flag) {
  using boost::system::errc::make_error_code;
  const auto code = static_cast<boost::system::errc::errc_t>(error_number);
  std::string what;
  if (error_number == EADDRINUSE)
    what = fmt::format(
        "address {} is in use by another process: stop it or choose another address with {}",
        address, flag);
  else if (error_number == EACCES)
    what =
        fmt::format("not allowed to listen on {}: choose a port from 1024 with {}", address, flag);
  else
    what = fmt::format("cannot listen on {} ({}): {}", address, flag, std::strerror(error_number));
  return Error{make_error_code(code), std::move(what), Side::kInternal, false};
}

Result<SocketAddress> resolve_listen_address(std::string_view address, std::string_view flag) {
  const auto parsed = parse_host_port(address);
  if (!parsed) return invalid(fmt::format("{}: {}", flag, parsed.error().message));
  if (parsed->host.empty() || parsed->host == "*") return any_address(parsed->port);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status =
      ::getaddrinfo(parsed->host.c_str(), std::to_string(parsed->port).c_str(), &hints, &found);
  if (status != 0)
    return invalid(
        fmt::format("{}: cannot resolve '{}': {}", flag, parsed->host, ::gai_strerror(status)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> guard(found, &::freeaddrinfo);
  SocketAddress out;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.size = found->ai_addrlen;
  return out;
}

Result<SocketAddress> check_listen_address(std::string_view address, std::string_view flag) {
  auto resolved = resolve_listen_address(address, flag);
  if (!resolved) return resolved;
  const Socket socket(resolved->family());
  if (socket.fd() < 0) return listen_error(errno, address, flag);
  // SO_REUSEADDR passes over connections in TIME_WAIT, not over sockets that listen.
  const int on = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // The system's default may be IPv6 only; every address means both families.
  const int off = 0;
  if (resolved->family() == AF_INET6)
    ::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  auto* name = reinterpret_cast<sockaddr*>(&resolved->storage);
  if (::bind(socket.fd(), name, resolved->size) != 0) return listen_error(errno, address, flag);
  // Two sockets with SO_REUSEADDR may share a bound port until one listens.
  if (::listen(socket.fd(), 1) != 0) return listen_error(errno, address, flag);
  if (::getsockname(socket.fd(), name, &resolved->size) != 0)
    return listen_error(errno, address, flag);
  return resolved;
}

}  // namespace weir
