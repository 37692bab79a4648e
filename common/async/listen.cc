#include "common/async/listen.h"

#include <cerrno>
#include <cstring>

#include <boost/asio/detail/socket_option.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <sys/resource.h>

#include "common/base/listen_address.h"

namespace weir::async {
namespace {

using boost::asio::ip::tcp;
using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

/// Connections waiting to be accepted; the kernel lowers it to net.core.somaxconn.
constexpr int kBacklog = 4096;

tcp::endpoint to_endpoint(const SocketAddress& address) {
  tcp::endpoint endpoint;
  endpoint.resize(address.size);
  std::memcpy(endpoint.data(), &address.storage, address.size);
  return endpoint;
}

Result<tcp::acceptor> open_one(boost::asio::io_context& io, const tcp::endpoint& endpoint,
                               bool shared, const std::string& address, const std::string& flag) {
  tcp::acceptor acceptor(io);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && shared) acceptor.set_option(ReusePort(true), error);
  if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified())
    acceptor.set_option(boost::asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) return listen_error(error.value(), address, flag);
  return acceptor;
}

}  // namespace

Result<tcp::acceptor> open_listener(boost::asio::io_context& io, const std::string& address,
                                    const std::string& flag) {
  const auto resolved = resolve_listen_address(address, flag);
  if (!resolved) return resolved.error();
  // Without SO_REUSEPORT on this socket the bind itself is the test.
  return open_one(io, to_endpoint(*resolved), false, address, flag);
}

Result<std::vector<tcp::acceptor>> open_shared_listeners(
    std::span<boost::asio::io_context* const> ios, const std::string& address,
    const std::string& flag) {
  const auto free = check_listen_address(address, flag);
  if (!free) return free.error();
  std::vector<tcp::acceptor> acceptors;
  for (boost::asio::io_context* io : ios) {
    auto acceptor = open_one(*io, to_endpoint(*free), true, address, flag);
    if (!acceptor) return acceptor.error();
    acceptors.push_back(std::move(*acceptor));
  }
  return acceptors;
}

std::string local_address(const tcp::acceptor& acceptor) {
  boost::system::error_code error;
  const tcp::endpoint endpoint = acceptor.local_endpoint(error);
  if (error) return {};
  return format_host_port(endpoint.address().to_string(), endpoint.port());
}

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

}  // namespace weir::async
