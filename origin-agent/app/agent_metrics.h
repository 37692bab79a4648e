#pragma once
// AgentMetrics: what /metrics of an agent shows (docs/operations/metrics.md).
// Threading: the agent's one thread. Lifetime: the registry outlives it.

#include <vector>

#include "common/telemetry/metrics.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

class AgentMetrics {
 public:
  AgentMetrics(metrics::Registry& registry, const std::vector<OriginSpec>& origins);

  void attached(bool attached);
  void answering(std::size_t origin, bool answering);
  void verdict(std::size_t origin, VerdictReason reason);
  void load(std::size_t origin, const LoadSample& load);

 private:
  struct OriginMetrics {
    metrics::Gauge* answering;
    metrics::Gauge* streams;
    metrics::Gauge* players;
    metrics::Gauge* probe_seconds;
    metrics::Counter* gone;
    metrics::Counter* probes_failed;
    metrics::Labels labels;
  };

  metrics::Registry& registry_;
  metrics::Gauge& attached_;
  metrics::Counter& attaches_;
  std::vector<OriginMetrics> origins_;
};

}  // namespace weir::agent
