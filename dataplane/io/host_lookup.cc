#include "dataplane/io/host_lookup.h"

#include <cstring>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "dataplane/io/limits.h"

namespace weir::io {

using boost::asio::ip::tcp;

struct HostLookup::Pending {
  Pending(boost::asio::io_context& io, Callback<void(Result<SocketAddress>)> callback)
      : resolver(io), deadline(io), found(std::move(callback)) {}
  tcp::resolver resolver;
  boost::asio::steady_timer deadline;
  Callback<void(Result<SocketAddress>)> found;
};

HostLookup::HostLookup(boost::asio::io_context& io) : io_(io) {}
HostLookup::~HostLookup() = default;

std::uint64_t HostLookup::start(const std::string& host, std::uint16_t port,
                                Callback<void(Result<SocketAddress>)> found) {
  if (pending_.size() >= kLookupsMax) return 0;
  const std::uint64_t id = ++last_;
  auto pending = std::make_unique<Pending>(io_, std::move(found));
  pending->deadline.expires_after(kLookupWithin);
  pending->deadline.async_wait([this, id](const boost::system::error_code& error) {
    if (!error)
      finish(id, make_error(boost::system::errc::timed_out, "host lookup", Side::kOrigin, true));
  });
  pending->resolver.async_resolve(
      host, std::to_string(port),
      [this, id](const boost::system::error_code& error, const tcp::resolver::results_type& all) {
        // A cancelled lookup's object may be gone, and this one with it.
        if (error == boost::asio::error::operation_aborted) return;
        if (error || all.empty()) {
          finish(id, make_error(boost::system::errc::host_unreachable, error.message(),
                                Side::kOrigin, true));
          return;
        }
        const tcp::endpoint endpoint = all.begin()->endpoint();
        SocketAddress address;
        std::memcpy(&address.storage, endpoint.data(), endpoint.size());
        address.size = static_cast<socklen_t>(endpoint.size());
        finish(id, address);
      });
  pending_.emplace(id, std::move(pending));
  return id;
}

void HostLookup::cancel(std::uint64_t lookup) {
  pending_.erase(lookup);
}

void HostLookup::finish(std::uint64_t lookup, Result<SocketAddress> result) {
  auto node = pending_.extract(lookup);
  if (node.empty()) return;
  node.mapped()->found(std::move(result));
}

}  // namespace weir::io
