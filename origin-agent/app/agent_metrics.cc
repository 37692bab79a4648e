#include "origin-agent/app/agent_metrics.h"

#include <chrono>

namespace weir::agent {

AgentMetrics::AgentMetrics(metrics::Registry& registry, const std::vector<OriginSpec>& origins)
    : registry_(registry),
      attached_(registry.gauge("weir_agent_attached", "Attach streams, by kind of peer.",
                               {{"peer", "controlplane"}})),
      attaches_(registry.counter("weir_agent_attaches_total",
                                 "Report streams that a replica welcomed.")) {
  for (const OriginSpec& spec : origins) {
    const metrics::Labels labels{{"origin", spec.id.str()}};
    const auto verdicts = [&](const char* reason) {
      return &registry.counter("weir_agent_verdicts_total",
                               "Verdicts that an origin's process is gone or frozen.",
                               {{"origin", spec.id.str()}, {"reason", reason}});
    };
    origins_.push_back(
        {&registry.gauge("weir_agent_origin_answering",
                         "1 while the origin's process answers protocol probes.", labels),
         &registry.gauge("weir_agent_origin_streams", "Streams with a live publisher.", labels),
         &registry.gauge("weir_agent_origin_players", "Players attached.", labels),
         &registry.gauge("weir_agent_origin_probe_seconds", "Time the last answered probe took.",
                         labels),
         verdicts("PROCESS_GONE"), verdicts("PROBES_FAILED"), labels});
  }
}

void AgentMetrics::attached(bool attached) {
  attached_.set(attached ? 1 : 0);
  if (attached) attaches_.add();
}

void AgentMetrics::answering(std::size_t origin, bool answering) {
  origins_[origin].answering->set(answering ? 1 : 0);
}

void AgentMetrics::verdict(std::size_t origin, VerdictReason reason) {
  OriginMetrics& metrics = origins_[origin];
  (reason == VerdictReason::kProcessGone ? metrics.gone : metrics.probes_failed)->add();
}

void AgentMetrics::load(std::size_t origin, const LoadSample& load) {
  OriginMetrics& metrics = origins_[origin];
  metrics.streams->set(load.streams);
  metrics.players->set(load.players);
  // No sample says "unknown"; a known figure never becomes unknown again.
  if (load.cpu_utilization >= 0)
    registry_
        .gauge("weir_agent_origin_cpu_utilization_ratio",
               "Used cores over those the server can use.", metrics.labels)
        .set(load.cpu_utilization);
  if (load.probe_time)
    metrics.probe_seconds->set(std::chrono::duration<double>(*load.probe_time).count());
}

}  // namespace weir::agent
