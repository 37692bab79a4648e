#pragma once
// HostLookup: asynchronous resolution of origin endpoints that give a host name.
//
// Threading: the worker's thread (Asio's resolver has one thread of its own per worker, started
// with the first lookup). Lifetime: the io_context outlives it; a driver cancels its lookup before
// it goes.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include <boost/asio/io_context.hpp>

#include "common/base/callback.h"
#include "common/base/listen_address.h"
#include "common/base/result.h"

namespace weir::io {

class HostLookup {
 public:
  explicit HostLookup(boost::asio::io_context& io);
  ~HostLookup();

  /// 0 = too many under way. `found` runs later, on this thread, with the first address.
  std::uint64_t start(const std::string& host, std::uint16_t port,
                      Callback<void(Result<SocketAddress>)> found);
  void cancel(std::uint64_t lookup);

 private:
  struct Pending;
  void finish(std::uint64_t lookup, Result<SocketAddress> result);

  boost::asio::io_context& io_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Pending>> pending_;
  std::uint64_t last_ = 0;
};

}  // namespace weir::io
