#include "origin-agent/app/agent_metrics.h"

#include <chrono>
#include <utility>

namespace weir::agent {

std::string_view to_string(RegistrationOutcome outcome) {
  switch (outcome) {
    case RegistrationOutcome::kAdded:
      return "added";
    case RegistrationOutcome::kChanged:
      return "changed";
    case RegistrationOutcome::kKnown:
      return "known";
    case RegistrationOutcome::kRefused:
      break;
  }
  return "refused";
}

AgentMetrics::AgentMetrics(metrics::Registry& registry)
    : registry_(registry),
      attached_(registry.gauge("weir_agent_attached", "Attach streams, by kind of peer.",
                               {{"peer", "controlplane"}})),
      attaches_(
          registry.counter("weir_agent_attaches_total", "Report streams that a replica welcomed.")),
      watched_(registry.gauge("weir_agent_origins", "Origins that are watched.")) {
  for (const auto outcome : {RegistrationOutcome::kAdded, RegistrationOutcome::kChanged,
                             RegistrationOutcome::kKnown, RegistrationOutcome::kRefused}) {
    registrations_[outcome] = &registry.counter(
        "weir_agent_registrations_total", "Registrations (SRS heartbeats) by what became of them.",
        {{"outcome", std::string(to_string(outcome))}});
  }
}

void AgentMetrics::add_origin(std::size_t origin, const OriginId& id) {
  const metrics::Labels labels{{"origin", id.str()}};
  const auto verdicts = [&](const char* reason) {
    return &registry_.counter("weir_agent_verdicts_total",
                              "Verdicts that an origin's process is gone or frozen.",
                              {{"origin", id.str()}, {"reason", reason}});
  };
  origins_[origin] = {
      id.str(),
      &registry_.gauge("weir_agent_origin_answering",
                       "1 while the origin's process answers protocol probes.", labels),
      &registry_.gauge("weir_agent_origin_streams", "Streams with a live publisher.", labels),
      &registry_.gauge("weir_agent_origin_players", "Players attached.", labels),
      &registry_.gauge("weir_agent_origin_probe_seconds", "Time the last answered probe took.",
                       labels),
      verdicts("PROCESS_GONE"),
      verdicts("PROBES_FAILED")};
  watched_.set(static_cast<double>(origins_.size()));
}

void AgentMetrics::remove_origin(std::size_t origin) {
  const auto gone = origins_.extract(origin);
  if (gone.empty()) return;
  registry_.remove("origin", gone.mapped().id);
  watched_.set(static_cast<double>(origins_.size()));
}

void AgentMetrics::attached(bool attached) {
  attached_.set(attached ? 1 : 0);
  if (attached) attaches_.add();
}

void AgentMetrics::answering(std::size_t origin, bool answering) {
  origins_.at(origin).answering->set(answering ? 1 : 0);
}

void AgentMetrics::verdict(std::size_t origin, VerdictReason reason) {
  OriginMetrics& metrics = origins_.at(origin);
  (reason == VerdictReason::kProcessGone ? metrics.gone : metrics.probes_failed)->add();
}

void AgentMetrics::load(std::size_t origin, const LoadSample& load) {
  OriginMetrics& metrics = origins_.at(origin);
  metrics.streams->set(load.streams);
  metrics.players->set(load.players);
  // No sample says "unknown"; a known figure never becomes unknown again.
  if (load.cpu_utilization >= 0) {
    if (metrics.cpu == nullptr)
      metrics.cpu =
          &registry_.gauge("weir_agent_origin_cpu_utilization_ratio",
                           "Used cores over those the server can use.", {{"origin", metrics.id}});
    metrics.cpu->set(load.cpu_utilization);
  }
  if (load.probe_time)
    metrics.probe_seconds->set(std::chrono::duration<double>(*load.probe_time).count());
}

void AgentMetrics::registration(RegistrationOutcome outcome) {
  registrations_.at(outcome)->add();
}

}  // namespace weir::agent
