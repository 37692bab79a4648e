#include "origin-agent/app/agent_metrics.h"

#include <chrono>

namespace weir::agent {

AgentMetrics::AgentMetrics(metrics::Registry& registry, const std::vector<OriginSpec>& origins)
    : attached_(registry.gauge("weir_agent_attached",
                               "1 while a control-plane replica takes the reports.")),
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
         &registry.gauge("weir_agent_origin_cpu_utilization",
                         "Used cores over those the server can use; -1 = unknown.", labels),
         &registry.gauge("weir_agent_origin_probe_seconds", "Time the last answered probe took.",
                         labels),
         verdicts("process_gone"), verdicts("probes_failed")});
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
  metrics.cpu->set(load.cpu_utilization);
  if (load.probe_time)
    metrics.probe_seconds->set(std::chrono::duration<double>(*load.probe_time).count());
}

}  // namespace weir::agent
