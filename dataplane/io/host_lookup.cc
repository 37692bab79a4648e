#include "dataplane/io/host_lookup.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netdb.h>

#include "dataplane/io/limits.h"

namespace weir::io {

namespace {

void set_port(SocketAddress& address, std::uint16_t port) {
  if (address.family() == AF_INET6)
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
  else
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
}

}  // namespace

struct HostLookup::Pending {
  Pending(boost::asio::io_context& io, std::uint16_t port_,
          Callback<void(Result<Addresses>)> found_)
      : port(port_), deadline(io), found(std::move(found_)) {}
  std::uint16_t port;
  boost::asio::steady_timer deadline;
  Callback<void(Result<Addresses>)> found;
};

struct HostLookup::Kept {
  Kept(boost::asio::io_context& io, Addresses found) : addresses(std::move(found)), until(io) {}
  Addresses addresses;
  boost::asio::steady_timer until;
};

/// What the threads know; outlives the lookup while one of them waits for a name server.
struct HostLookup::Shared {
  std::mutex mutex;
  std::deque<std::string> queue;
  std::size_t threads = 0;
  HostLookup* owner = nullptr;  ///< empty once it has gone
  Resolve resolve;

  static void work(const std::shared_ptr<Shared>& shared);
};

void HostLookup::Shared::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (shared->owner != nullptr && !shared->queue.empty()) {
    const std::string host = std::move(shared->queue.front());
    shared->queue.pop_front();
    lock.unlock();
    Result<Addresses> result = shared->resolve(host);
    lock.lock();
    if (shared->owner == nullptr) break;
    boost::asio::post(shared->owner->io_, [shared, host, result = std::move(result)] {
      // The owner goes on this thread, so it stays while this runs.
      if (shared->owner != nullptr) shared->owner->resolved(host, result);
    });
  }
  --shared->threads;
}

HostLookup::HostLookup(boost::asio::io_context& io, Resolve resolve)
    : io_(io), shared_(std::make_shared<Shared>()) {
  shared_->owner = this;
  shared_->resolve = std::move(resolve);
}

HostLookup::~HostLookup() {
  const std::lock_guard lock(shared_->mutex);
  shared_->owner = nullptr;
}

std::uint64_t HostLookup::start(const std::string& host, std::uint16_t port,
                                Callback<void(Result<Addresses>)> found) {
  const auto kept = kept_.find(host);
  // Names that nobody waits for any more count too.
  if (kept == kept_.end() && !names_.contains(host) &&
      (names_.size() >= kLookupsMax || !enqueue(host)))
    return 0;
  const std::uint64_t id = ++last_;
  auto pending = std::make_unique<Pending>(io_, port, std::move(found));
  if (kept != kept_.end()) {
    // What is known is told in a later turn, too.
    pending->deadline.expires_after(milliseconds{0});
    pending->deadline.async_wait(
        [this, id, addresses = kept->second->addresses](const boost::system::error_code& error) {
          if (!error) finish(id, addresses);
        });
  } else {
    wait_for(host, id);
    pending->deadline.expires_after(kLookupWithin);
    pending->deadline.async_wait([this, id](const boost::system::error_code& error) {
      if (!error)
        finish(id, make_error(boost::system::errc::timed_out, "host lookup", Side::kOrigin, true));
    });
  }
  pending_.emplace(id, std::move(pending));
  return id;
}

/// Dials that are cancelled and begun anew must not make the list of a silent name longer and
/// longer, nor cost a walk over it each.
void HostLookup::wait_for(const std::string& host, std::uint64_t lookup) {
  Waiting& waiting = names_[host];
  if (waiting.lookups.size() >= waiting.tidied_at) {
    std::erase_if(waiting.lookups, [this](std::uint64_t old) { return !pending_.contains(old); });
    waiting.tidied_at = std::max(waiting.tidied_at, waiting.lookups.size() * 2);
  }
  waiting.lookups.push_back(lookup);
}

/// False = no thread can be had for it.
bool HostLookup::enqueue(const std::string& host) {
  const std::lock_guard lock(shared_->mutex);
  shared_->queue.push_back(host);
  if (shared_->threads >= kLookupThreadsMax) return true;
  // The library says by an exception that the system has no more threads.
  try {
    std::thread([shared = shared_] { Shared::work(shared); }).detach();
  } catch (const std::system_error&) {
    if (shared_->threads > 0) return true;
    shared_->queue.pop_back();
    return false;
  }
  ++shared_->threads;
  return true;
}

void HostLookup::cancel(std::uint64_t lookup) {
  pending_.erase(lookup);
}

void HostLookup::resolved(const std::string& host, const Result<Addresses>& result) {
  const auto name = names_.extract(host);
  if (name.empty()) return;
  if (result) keep(host, *result);
  for (const std::uint64_t lookup : name.mapped().lookups) finish(lookup, result);
}

void HostLookup::keep(const std::string& host, const Addresses& addresses) {
  if (kept_.size() >= kLookupsMax) return;
  auto kept = std::make_unique<Kept>(io_, addresses);
  kept->until.expires_after(kLookupKeptFor);
  kept->until.async_wait([this, host](const boost::system::error_code& error) {
    if (!error) kept_.erase(host);
  });
  kept_.insert_or_assign(host, std::move(kept));
}

void HostLookup::finish(std::uint64_t lookup, Result<Addresses> result) {
  const auto node = pending_.extract(lookup);
  if (node.empty()) return;
  Pending& pending = *node.mapped();
  if (result) {
    for (SocketAddress& address : *result) set_port(address, pending.port);
  }
  pending.found(std::move(result));
}

Result<HostLookup::Addresses> HostLookup::resolve_by_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &first);
  if (failed != 0)
    return make_error(boost::system::errc::host_unreachable, ::gai_strerror(failed), Side::kOrigin,
                      true);
  Addresses found;
  for (const addrinfo* one = first; one != nullptr && found.size() < kDialAddressesMax;
       one = one->ai_next) {
    SocketAddress& address = found.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
  }
  ::freeaddrinfo(first);
  return found;
}

}  // namespace weir::io
