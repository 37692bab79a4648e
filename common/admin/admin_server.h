#pragma once
// AdminServer: the HTTP listener of a daemon for machines and operators: /metrics, /livez, /readyz
// and whatever JSON the daemon adds.
//
// Purpose: small, bounded (limits.h) HTTP/1.1: GET and HEAD only, no bodies, a deadline per
// request. With a token every path but the two probes wants `Authorization: Bearer <token>`.
// Threading: everything on the io_context's one thread, handlers and probes included.
// Lifetime: the io_context and the registry outlive it; connections end with it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/telemetry/metrics.h"

namespace boost::asio {
class io_context;
}

namespace weir::admin {

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

/// `live` is about this process only; `reasons` says why it is not ready, one text each.
struct Probes {
  std::function<bool()> live = [] { return true; };
  std::function<bool()> ready = [] { return true; };
  std::function<std::vector<std::string>()> reasons = [] { return std::vector<std::string>{}; };
};

struct Options {
  std::string address;    ///< empty = no listener
  Secret token;           ///< empty = none wanted
  bool insecure = false;  ///< allow an address beyond loopback without token
};

class AdminServer {
 public:
  /// Gets what follows the `?` of the request, undecoded.
  using Handler = std::function<Response(std::string_view query)>;

  AdminServer(boost::asio::io_context& io, metrics::Registry& registry, Probes probes,
              Options options);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Answers GET `path`, exactly. Before start().
  void add_handler(std::string path, Handler handler);
  /// Opens the listener. Errors: address_in_use, invalid_argument; operation_not_permitted when the
  /// address can be reached from other machines and there is neither a token nor `insecure`.
  Result<void> start();
  /// `address:port` as bound; empty when disabled.
  std::string address() const;
  /// Closes the listener and every connection.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::admin
