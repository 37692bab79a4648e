#include "dataplane/app/forwarder_metrics.h"

#include <chrono>
#include <utility>

#include "dataplane/app/end_label.h"

namespace weir::forwarder {
namespace {

/// Sum of one counter over the workers.
template <class Stats, class Count>
double total(const std::vector<const Stats*>& all, Count Stats::* member) {
  double sum = 0;
  for (const auto* stats : all)
    sum += static_cast<double>((stats->*member).load(std::memory_order_relaxed));
  return sum;
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

const char* name_of(routing::ContactOutcome outcome) {
  switch (outcome) {
    case routing::ContactOutcome::kAnswered:
      return "ANSWERED";
    case routing::ContactOutcome::kRefused:
      return "REFUSED";
    case routing::ContactOutcome::kReset:
      return "RESET";
    case routing::ContactOutcome::kTimedOut:
      return "TIMED_OUT";
    case routing::ContactOutcome::kUnreachable:
      return "UNREACHABLE";
    case routing::ContactOutcome::kTurnedAway:
      return "TURNED_AWAY";
  }
  return "UNKNOWN";
}

}  // namespace

ForwarderMetrics::ForwarderMetrics(metrics::Registry& registry, std::function<void()> changed)
    : registry_(registry), changed_(std::move(changed)) {}

void ForwarderMetrics::raise(const std::string& name, const std::string& help, double total,
                             const metrics::Labels& labels) {
  metrics::Counter& counter = registry_.counter(name, help, labels);
  if (total > counter.value()) counter.add(total - counter.value());
}

void ForwarderMetrics::set(const std::string& name, const std::string& help, double value,
                           const metrics::Labels& labels) {
  registry_.gauge(name, help, labels).set(value);
}

void ForwarderMetrics::session_over(std::string_view reason) {
  const std::lock_guard lock(reasons_mutex_);
  ++ends_[end_label(reason)];
}

void ForwarderMetrics::refresh(const routing::ControlClient& control,
                               const io::ProcessTotals& totals,
                               const std::vector<const io::WorkerStats*>& workers,
                               const std::vector<const routing::ResolverStats*>& resolvers) {
  refresh_workers(totals, workers);
  refresh_routes(resolvers);
  refresh_control(control);
  const std::lock_guard lock(reasons_mutex_);
  for (const auto& [reason, count] : ends_)
    raise("weir_forwarder_sessions_ended_total", "Connections that ended, by reason.",
          static_cast<double>(count), {{"reason", std::string(reason)}});
}

void ForwarderMetrics::refresh_workers(const io::ProcessTotals& totals,
                                       const std::vector<const io::WorkerStats*>& workers) {
  using io::WorkerStats;
  const auto sum = [&](WorkerStats::Count WorkerStats::* member) { return total(workers, member); };
  raise("weir_forwarder_connections_total", "Client connections taken.",
        sum(&WorkerStats::accepted));
  set("weir_forwarder_connections", "Client connections open.", sum(&WorkerStats::open_sessions));
  raise("weir_forwarder_connections_refused_total", "Client connections not taken.",
        sum(&WorkerStats::refused_full), {{"reason", "MAX_CONNECTIONS"}});
  raise("weir_forwarder_connections_refused_total", "Client connections not taken.",
        sum(&WorkerStats::refused_concurrent), {{"reason", "ADDRESS_CONNECTIONS"}});
  raise("weir_forwarder_connections_refused_total", "Client connections not taken.",
        sum(&WorkerStats::refused_rate), {{"reason", "ADDRESS_RATE"}});
  raise("weir_forwarder_connections_refused_total", "Client connections not taken.",
        sum(&WorkerStats::refused_failures), {{"reason", "ADDRESS_FAILURES"}});
  raise("weir_forwarder_identifications_failed_total",
        "Connections sent away before they said publish or play.",
        sum(&WorkerStats::failed_identifications));
  set("weir_forwarder_client_addresses", "Client addresses with something to remember.",
      static_cast<double>(totals.gate.size()));
  raise("weir_forwarder_accept_errors_total", "Times a listener had to rest.",
        sum(&WorkerStats::accept_errors));
  raise("weir_forwarder_relayed_bytes_total", "Bytes read from one side.",
        sum(&WorkerStats::bytes_from_client), {{"direction", "from_client"}});
  raise("weir_forwarder_relayed_bytes_total", "Bytes read from one side.",
        sum(&WorkerStats::bytes_from_origin), {{"direction", "from_origin"}});
  raise("weir_forwarder_connects_total", "Connections to origins begun.", sum(&WorkerStats::dials));
  raise("weir_forwarder_connects_established_total", "Connections to origins established.",
        sum(&WorkerStats::dials_connected));
  set("weir_forwarder_queued_bytes", "Memory held by bytes that slow peers have not taken.",
      static_cast<double>(totals.queued_bytes()));
  raise("weir_forwarder_congestions_total", "Times a side went above its queue mark.",
        sum(&WorkerStats::congested));
  raise("weir_forwarder_sessions_shed_total", "Sessions ended to bound memory or time.",
        sum(&WorkerStats::shed), {{"reason", "MEMORY"}});
  raise("weir_forwarder_sessions_shed_total", "Sessions ended to bound memory or time.",
        sum(&WorkerStats::too_slow), {{"reason", "TOO_SLOW"}});
  set("weir_forwarder_lingering_sockets", "Sockets on their way to a clean end.",
      sum(&WorkerStats::lingering));
}

void ForwarderMetrics::refresh_routes(const std::vector<const routing::ResolverStats*>& resolvers) {
  using routing::ResolverStats;
  const auto sum = [&](io::WorkerStats::Count ResolverStats::* member) {
    return total(resolvers, member);
  };
  raise("weir_forwarder_route_watches_total", "Players and publishers that asked for a route.",
        sum(&ResolverStats::watches_known), {{"cache", "hit"}});
  raise("weir_forwarder_route_watches_total", "Players and publishers that asked for a route.",
        sum(&ResolverStats::watches_unknown), {{"cache", "miss"}});
  raise("weir_forwarder_sessions_fenced_total",
        "Publishers closed because a newer epoch names another.", sum(&ResolverStats::fenced));
}

void ForwarderMetrics::refresh_control(const routing::ControlClient& control) {
  using routing::Intent;
  using State = routing::SessionInfo::State;
  for (const auto& [intent, intent_name] :
       {std::pair{Intent::kPublish, "publish"}, std::pair{Intent::kPlay, "play"}}) {
    for (const auto& [state, state_name] :
         {std::pair{State::kWaiting, "waiting"}, std::pair{State::kConnecting, "connecting"},
          std::pair{State::kActive, "active"}})
      set("weir_forwarder_sessions", "Client sessions whose stream is known.",
          static_cast<double>(control.sessions().count(intent, state)),
          {{"intent", intent_name}, {"state", state_name}});
  }
  set("weir_forwarder_streams", "Streams whose route is kept up to date.",
      static_cast<double>(control.interest_count()));
  set("weir_forwarder_attached", "Attach streams, by kind of peer.", control.attached() ? 1 : 0,
      {{"peer", "controlplane"}});
  if (const auto silence = control.replica_silence())
    set("weir_forwarder_controlplane_silence_seconds", "Since the last word of a replica.",
        seconds(*silence));
  set("weir_forwarder_generation_seen", "Highest store generation seen.",
      static_cast<double>(control.generation_seen()));
  const std::size_t placeable = control.origins().placeable_count();
  set("weir_forwarder_origins", "Origins in the table, by state.", static_cast<double>(placeable),
      {{"state", "placeable"}});
  set("weir_forwarder_origins", "Origins in the table, by state.",
      static_cast<double>(control.origins().size() - placeable), {{"state", "unplaceable"}});
}

void ForwarderMetrics::on_attached(const std::string& endpoint, const routing::Welcome& welcome) {
  attached_ = true;
  last_failure_.clear();
  registry_.counter("weir_forwarder_attaches_total", "Attach streams a replica welcomed.").add();
  log_.info("attached to {} (replica {}, generation {})", endpoint, welcome.replica.str(),
            welcome.generation);
  changed_();
}

void ForwarderMetrics::on_detached(const std::string& endpoint, const std::string& why) {
  // One line per outage and cause, not one per try.
  if (attached_ || why != last_failure_)
    log_.warning("{} {}: {}; running sessions and known streams are not affected",
                 attached_ ? "lost" : "cannot attach to", endpoint, why);
  attached_ = false;
  last_failure_ = why;
}

void ForwarderMetrics::on_origin_table(const routing::OriginTable&) {
  changed_();
}
void ForwarderMetrics::on_generation(std::uint64_t) {
  changed_();
}

void ForwarderMetrics::on_acquire_result(const std::string& result, Duration took) {
  registry_
      .counter("weir_forwarder_acquires_total", "Answers to publishers that asked for an origin.",
               {{"result", result}})
      .add();
  registry_
      .histogram("weir_forwarder_acquire_seconds", "Time until that answer.",
                 {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5})
      .observe(seconds(took));
}

void ForwarderMetrics::on_claim(const SessionId& session, bool granted) {
  registry_
      .counter("weir_forwarder_claims_total", "Lost placements asked back for live publishers.",
               {{"result", granted ? "OK" : "REFUSED"}})
      .add();
  log_.with("session", session.str())
      .info("claim {}", granted ? "granted" : "refused: it is closed");
}

void ForwarderMetrics::on_dial(const routing::DialReport& report) {
  registry_
      .counter("weir_forwarder_dials_total", "Dials of origins up to the protocol answer.",
               {{"outcome", name_of(report.outcome)}})
      .add();
  registry_
      .histogram("weir_forwarder_dial_seconds", "Time until the answer, or until it was given up.",
                 {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5})
      .observe(seconds(report.dial_time));
}

}  // namespace weir::forwarder
