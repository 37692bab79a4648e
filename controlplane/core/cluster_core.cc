#include "controlplane/core/cluster_core.h"

#include <algorithm>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

Epoch highest_epoch(const ForwarderHello& hello) {
  Epoch highest;
  for (const ClientSession& session : hello.sessions) highest = std::max(highest, session.epoch);
  return highest;
}

}  // namespace

ClusterCore::ClusterCore(Context context, KeptState kept)
    : context_(std::move(context)),
      events_(context_.executor, context_.clock, context_.metrics, log::Logger("events")),
      generation_(context_, view_, events_, kept.generation),
      board_(context_, view_),
      liveness_(context_, view_, generation_, events_, board_),
      forwarders_(context_, view_, generation_, events_, *this),
      routes_(context_, view_, generation_, board_, forwarders_),
      restorer_(context_, view_, generation_, sessions_, forwarders_),
      holders_(context_, view_, generation_, sessions_, forwarders_, restorer_),
      takeover_(context_, sessions_, forwarders_),
      placements_(context_, view_, generation_, board_, liveness_, routes_, takeover_, sessions_),
      direct_(context_, view_, generation_, events_, reported_),
      agents_(context_, view_, generation_, events_, board_, liveness_, holders_, restorer_,
              reported_, direct_),
      static_origins_(context_, view_, generation_, liveness_, std::move(kept)),
      narrator_(view_, generation_, events_),
      listing_(context_, view_, generation_, sessions_, board_, liveness_, forwarders_, agents_,
               static_origins_, reported_, direct_) {
  connect();
}

ClusterCore::~ClusterCore() = default;

void ClusterCore::connect() {
  generation_.still_restoring = [this] {
    return restorer_.busy() || agents_.admitting() || static_origins_.restoring();
  };
  generation_.on_raised.push_back([this] {
    static_origins_.restore_all();
    agents_.register_all();
    restorer_.restore_all();
  });
  generation_.on_settled.push_back([this] {
    restorer_.settled();
    static_origins_.save();
  });
  board_.slow_start = [this] { return !generation_.settling(); };
  liveness_.on_table_changed = [this] { routes_.table_changed(); };
  liveness_.admit = [this](const OriginId& origin) {
    if (static_origins_.knows(origin)) return static_origins_.admit(origin);
    agents_.admit(origin);
  };
}

void ClusterCore::start() {
  generation_.start();
  tick();
}

void ClusterCore::stop(std::string_view reason) {
  context_.executor.cancel(tick_timer_);
  forwarders_.end_all(reason);
  agents_.end_all(reason);
  static_origins_.save();
}

std::vector<std::string> ClusterCore::not_ready() const {
  if (generation_.ready()) return {};
  return {"the store has not been read yet"};
}

void ClusterCore::tick() {
  tick_timer_ = context_.executor.run_after(kTick, [this] { tick(); });
  ++ticks_;
  if (ticks_ % (kHeartbeatInterval / kTick) == 0) {
    forwarders_.heartbeat();
    agents_.heartbeat();
  }
  forwarders_.tick();
  restorer_.tick();
  routes_.push_table();
  routes_.tell_held_absences();
  if (ticks_ % (1s / kTick) == 0) run_each_second();
}

void ClusterCore::run_each_second() {
  liveness_.tick();
  holders_.sweep();
  agents_.tick();
  direct_.sweep();
  placements_.tick();
  static_origins_.save();
  refresh_metrics();
}

void ClusterCore::refresh_metrics() {
  const auto status = listing_.status();
  const auto set = [&](const char* name, const char* help, const char* label, const char* value,
                       double number) {
    context_.metrics.gauge(name, help, {{label, value}}).set(number);
  };
  constexpr auto kOrigins = "weir_controlplane_origins";
  constexpr auto kOriginsHelp = "Origins, by state";
  set(kOrigins, kOriginsHelp, "state", "alive", status.origins_alive);
  set(kOrigins, kOriginsHelp, "state", "suspect", status.origins_suspect);
  set(kOrigins, kOriginsHelp, "state", "dead", status.origins_dead);
  context_.metrics.gauge("weir_controlplane_origins_cordoned", "Origins under a cordon")
      .set(status.origins_cordoned);
  constexpr auto kStreams = "weir_controlplane_placements";
  constexpr auto kStreamsHelp = "Placements, by state";
  set(kStreams, kStreamsHelp, "state", "bound", status.streams_bound);
  set(kStreams, kStreamsHelp, "state", "publishing", status.streams_publishing);
  set(kStreams, kStreamsHelp, "state", "orphaned", status.streams_orphaned);
  context_.metrics
      .gauge("weir_controlplane_streams_direct", "Streams published on the origins themselves")
      .set(status.streams_direct);
  context_.metrics
      .gauge("weir_controlplane_streams_split", "Streams that are live beside their placement")
      .set(status.streams_split);
  context_.metrics
      .gauge("weir_controlplane_origins_rejected", "Origins of agents that are turned away")
      .set(status.origins_rejected);
  constexpr auto kAttached = "weir_controlplane_attached";
  constexpr auto kAttachedHelp = "Attach streams, by kind of peer";
  set(kAttached, kAttachedHelp, "peer", "forwarder", status.forwarders_attached);
  set(kAttached, kAttachedHelp, "peer", "agent", status.agents_attached);
  constexpr auto kSessions = "weir_controlplane_sessions";
  constexpr auto kSessionsHelp = "Client sessions that forwarders told of, by intent";
  set(kSessions, kSessionsHelp, "intent", "publish", status.sessions.publishers);
  set(kSessions, kSessionsHelp, "intent", "play", status.sessions.players);
  context_.metrics
      .gauge("weir_controlplane_verdicts_frozen", "1 while death verdicts are held back")
      .set(status.verdicts_frozen ? 1 : 0);
}

void ClusterCore::forwarder_attached(const ForwarderHello& hello) {
  generation_.seen(hello.generation_seen);
  generation_.seen(highest_epoch(hello));
  liveness_.rules().forwarder_attached(hello.forwarder);
  // What it holds is claimed back before its players ask where that is.
  holders_.attached(hello);
  routes_.attached(hello.forwarder, hello.interests);
}

void ClusterCore::forwarder_detached(const ForwarderId& forwarder) {
  routes_.detached(forwarder);
  liveness_.tell([&](membership::Membership& rules) {
    return rules.forwarder_detached(forwarder, context_.clock.now());
  });
}

void ClusterCore::forwarder_forgotten(const ForwarderId& forwarder) {
  holders_.forgotten(forwarder);
}

void ClusterCore::sessions_changed(const ForwarderId& forwarder, const SessionChanges& changes) {
  holders_.changed(forwarder, changes);
}

void ClusterCore::dial_reported(const ForwarderId& forwarder, const DialReport& report) {
  liveness_.dialled(forwarder, report.incarnation, report.outcome);
}

void ClusterCore::interest_changed(const ForwarderId& forwarder, const RouteInterest& interest) {
  routes_.interest(forwarder, interest);
}

void ClusterCore::bytes_seen(const ForwarderId& forwarder,
                             const std::vector<IncarnationId>& incarnations) {
  liveness_.rules().forwarder_active(forwarder, incarnations, context_.clock.now());
}

void ClusterCore::claimed(const ForwarderId& forwarder, const ClaimRequest& claim) {
  restorer_.claim(forwarder, claim);
}

}  // namespace weir::core
