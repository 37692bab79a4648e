#pragma once
// ForwarderMetrics: what /metrics says of a forwarder, and the observer of its control client.
//
// Purpose: hot paths count in plain per-worker numbers; this sums them when somebody looks.
// Threading: the control thread; session_over() from any. Lifetime: the registry outlives it;
// refresh() must not run after what it reads has gone.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "dataplane/io/worker_context.h"
#include "dataplane/routing/control_client.h"
#include "dataplane/routing/worker_resolver.h"

namespace weir::forwarder {

class ForwarderMetrics final : public routing::ControlObserver {
 public:
  /// `changed` runs when something worth keeping in the state directory has changed.
  ForwarderMetrics(metrics::Registry& registry, std::function<void()> changed);

  void session_over(std::string_view reason);
  void refresh(const routing::ControlClient& control, const io::ProcessTotals& totals,
               const std::vector<const io::WorkerStats*>& workers,
               const std::vector<const routing::ResolverStats*>& resolvers);

  // routing::ControlObserver
  void on_attached(const std::string& endpoint, const routing::Welcome& welcome) override;
  void on_detached(const std::string& endpoint, const std::string& why) override;
  void on_origin_table(const routing::OriginTable& table) override;
  void on_generation(std::uint64_t generation) override;
  void on_acquire_result(const std::string& result, Duration took) override;
  void on_claim(const SessionId& session, bool granted) override;
  void on_dial(const routing::DialReport& report) override;

 private:
  void refresh_workers(const io::ProcessTotals& totals,
                       const std::vector<const io::WorkerStats*>& workers);
  void refresh_routes(const std::vector<const routing::ResolverStats*>& resolvers);
  void refresh_control(const routing::ControlClient& control);
  /// Brings a counter up to a total that is kept elsewhere.
  void raise(const std::string& name, const std::string& help, double total,
             const metrics::Labels& labels = {});
  void set(const std::string& name, const std::string& help, double value,
           const metrics::Labels& labels = {});

  metrics::Registry& registry_;
  const std::function<void()> changed_;
  const log::Logger log_{"control"};
  bool attached_ = false;
  std::string last_failure_;
  std::mutex reasons_mutex_;
  std::map<std::string_view, std::uint64_t> ends_;  ///< by end_label()
};

}  // namespace weir::forwarder
