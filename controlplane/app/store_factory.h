#pragma once
// The store that the configuration names: embedded, or a Redis and the connection to it.
//
// Threading: the main thread, which becomes the event loop's. Lifetime: see the parts.

#include <functional>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/telemetry/metrics.h"
#include "controlplane/store/redis/client.h"
#include "controlplane/store/redis/options.h"
#include "controlplane/store/redis/script_runner.h"
#include "controlplane/store/state_store.h"

namespace boost::asio {
class io_context;
}
namespace weir::config::v1 {
class ControlplaneConfig;
}

namespace weir::app {

/// What `store` and `redis` of the configuration amount to.
struct StorePlan {
  bool memory = true;
  store::redis::Options redis;  ///< unless memory
  std::string name;             ///< for people and logs: no credentials
};

/// Errors name the flag or key. Reads the password files: without one that is named the process may
/// not go on (operation_not_permitted).
Result<StorePlan> plan_store(const config::v1::ControlplaneConfig& config);

/// Puts a store in front of another; for programs that judge what the control plane asks of its
/// store. The product has none.
using StoreDecorator =
    std::function<std::unique_ptr<store::StateStore>(std::unique_ptr<store::StateStore>)>;

/// What a store is built from; outlives it.
struct StoreParts {
  boost::asio::io_context& io;
  Executor& executor;
  const Clock& clock;
  Random& random;
  metrics::Registry& registry;
};

/// A store and whatever it stands on.
class OpenStore {
 public:
  OpenStore(StorePlan plan, const StoreParts& parts, const StoreDecorator& decorate);
  ~OpenStore() { stop(); }
  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;

  /// Begins to connect. A Redis that is away is no error: it may come. Errors: TLS files that
  /// cannot be used.
  Result<void> start();
  /// Answers what is under way, inside this call, and nothing later. Before those go who asked.
  void stop();
  store::StateStore& store() { return *store_; }
  const store::StateStore& store() const { return *store_; }

 private:
  // The store goes before the connection: it is destroyed first.
  std::unique_ptr<store::redis::Client> client_;
  std::unique_ptr<store::redis::ScriptRunner> runner_;
  std::unique_ptr<store::StateStore> store_;
};

}  // namespace weir::app
