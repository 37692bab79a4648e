#pragma once
// HostLookup: asynchronous resolution of origin endpoints that give a host name.
//
// Purpose: the system's resolver blocks, for many seconds when a name server is silent. Names are
// looked up on a few threads, each name once at a time, so that one slow name delays only those who
// want it, and every lookup has a deadline. What was found serves for a moment. Threading: the
// worker's thread; its own threads only resolve, and post what they found. Lifetime: the io_context
// outlives it; a driver cancels its lookup before it goes. A thread that still waits for a name
// server is left to end by itself.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "common/base/callback.h"
#include "common/base/listen_address.h"
#include "common/base/result.h"

namespace weir::io {

class HostLookup {
 public:
  /// In the order in which they should be tried; not empty, at most kDialAddressesMax.
  using Addresses = std::vector<SocketAddress>;
  /// May block. Ports are zero.
  using Resolve = std::function<Result<Addresses>(const std::string& host)>;

  explicit HostLookup(boost::asio::io_context& io, Resolve resolve = resolve_by_system);
  ~HostLookup();
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;

  /// 0 = too many names under way. `found` runs later, on this thread.
  std::uint64_t start(const std::string& host, std::uint16_t port,
                      Callback<void(Result<Addresses>)> found);
  void cancel(std::uint64_t lookup);

  static Result<Addresses> resolve_by_system(const std::string& host);

 private:
  struct Pending;
  struct Shared;
  struct Kept;
  /// Who waits for a name; some may have been cancelled.
  struct Waiting {
    std::vector<std::uint64_t> lookups;
    std::size_t tidied_at = 64;
  };
  void wait_for(const std::string& host, std::uint64_t lookup);
  void keep(const std::string& host, const Addresses& addresses);
  bool enqueue(const std::string& host);
  void resolved(const std::string& host, const Result<Addresses>& result);
  void finish(std::uint64_t lookup, Result<Addresses> result);

  boost::asio::io_context& io_;
  std::shared_ptr<Shared> shared_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Pending>> pending_;
  std::unordered_map<std::string, Waiting> names_;  ///< being looked up
  std::unordered_map<std::string, std::unique_ptr<Kept>> kept_;
  std::uint64_t last_ = 0;
};

}  // namespace weir::io
