#pragma once
// AgentMetrics: what /metrics of an agent shows (docs/operations/metrics.md).
// Threading: the agent's one thread. Lifetime: the registry outlives it.

#include <map>
#include <string>
#include <string_view>

#include "common/telemetry/metrics.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

/// What became of a registration.
enum class RegistrationOutcome { kAdded, kChanged, kKnown, kRefused };
std::string_view to_string(RegistrationOutcome outcome);

class AgentMetrics {
 public:
  explicit AgentMetrics(metrics::Registry& registry);

  /// Its series appear, and vanish with it. `origin`: number of the reporter.
  void add_origin(std::size_t origin, const OriginId& id);
  void remove_origin(std::size_t origin);

  void attached(bool attached);
  void answering(std::size_t origin, bool answering);
  void verdict(std::size_t origin, VerdictReason reason);
  void load(std::size_t origin, const LoadSample& load);
  void registration(RegistrationOutcome outcome);

 private:
  struct OriginMetrics {
    std::string id;
    metrics::Gauge* answering;
    metrics::Gauge* streams;
    metrics::Gauge* players;
    metrics::Gauge* probe_seconds;
    metrics::Counter* gone;
    metrics::Counter* probes_failed;
    metrics::Gauge* cpu = nullptr;  ///< no series until it is known
  };

  metrics::Registry& registry_;
  metrics::Gauge& attached_;
  metrics::Counter& attaches_;
  metrics::Gauge& watched_;
  std::map<RegistrationOutcome, metrics::Counter*> registrations_;
  std::map<std::size_t, OriginMetrics> origins_;
};

}  // namespace weir::agent
