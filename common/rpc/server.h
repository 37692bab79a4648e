#pragma once
// Server: a gRPC server for callback services, with the shared token enforced below every service,
// health, reflection, and a port that nobody else holds.
//
// Purpose: the token is checked by the transport before any handler runs, so no method can forget
// it (health is open: probes have no token). Services are handed in and stay the caller's.
// Threading: start, shutdown and set_serving from any one thread; handlers run on gRPC's own
// threads. Lifetime: services outlive the server; the destructor shuts down at once.

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/secret.h"

namespace grpc {
class Service;
}

namespace weir::rpc {

struct ServerOptions {
  std::string address;            ///< `host:port`; port 0 picks one
  std::string flag = "--listen";  ///< what errors name
  Secret token;                   ///< empty = every caller is accepted
  bool insecure = false;          ///< allow an address beyond loopback without token
};

class Server {
 public:
  /// Errors: address_in_use, operation_not_permitted (credentials missing), invalid_argument.
  static Result<std::unique_ptr<Server>> start(ServerOptions options,
                                               const std::vector<grpc::Service*>& services);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// `host:port` as bound.
  const std::string& address() const;
  /// What the health service answers for the whole server; true after start.
  void set_serving(bool serving);
  /// No new calls; calls still running after `grace` are cancelled. Blocks until all have ended.
  void shutdown(Duration grace);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::rpc
