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

constexpr std::size_t kInstanceLength = 16;

}  // namespace

ClusterCore::ClusterCore(Context context, KeptState kept, KeptRecords records)
    : context_(std::move(context)),
      events_(context_.executor, context_.clock, context_.metrics, log::Logger("events")),
      replicas_(context_, events_, context_.random.token(kInstanceLength)),
      mailroom_(context_, replicas_),
      view_(std::move(records)),
      policy_(context_, view_),
      generation_(context_, view_, events_, kept.generation),
      record_keeper_(context_, view_, generation_),
      orders_(context_, view_, generation_, record_keeper_, policy_),
      board_(context_, view_),
      liveness_(context_, view_, generation_, events_, board_),
      forwarders_(context_, view_, generation_, events_, *this),
      desk_(context_, forwarders_, sessions_, replicas_, mailroom_),
      routes_(context_, view_, generation_, board_, forwarders_),
      restorer_(context_, view_, generation_, sessions_, forwarders_, replicas_),
      holders_(context_, view_, generation_, sessions_, forwarders_, desk_, restorer_),
      takeover_(context_, desk_),
      placements_(context_, view_, generation_, board_, liveness_, routes_, takeover_, sessions_),
      direct_(context_, view_, generation_, events_, reported_),
      agents_(context_, view_, generation_, events_, board_, liveness_, holders_, restorer_,
              reported_, direct_),
      static_origins_(context_, view_, generation_, liveness_, std::move(kept)),
      narrator_(view_, generation_, events_),
      listing_(context_, view_, generation_, sessions_, board_, liveness_, forwarders_, agents_,
               static_origins_, reported_, direct_, replicas_, record_keeper_),
      cluster_sessions_(context_, events_, replicas_, mailroom_, desk_, listing_, sessions_),
      peer_liveness_(context_, view_, events_, replicas_, liveness_, board_, forwarders_, agents_),
      peers_(context_, view_, generation_, events_, sessions_, board_, liveness_, forwarders_,
             agents_, replicas_, mailroom_, peer_liveness_) {
  connect();
  connect_peers();
}

ClusterCore::~ClusterCore() = default;

void ClusterCore::connect() {
  policy_.on_changed.emplace_back([this] { board_.policy_changed(); });
  generation_.still_restoring = [this] {
    return record_keeper_.restoring() || restorer_.busy() || agents_.admitting() ||
           static_origins_.restoring();
  };
  generation_.on_raised.push_back([this] {
    record_keeper_.restore_all();
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
    if (!static_origins_.knows(origin)) return agents_.admit(origin);
    // One new life, not one from each replica.
    if (replicas_.cares_here(origin)) static_origins_.admit(origin);
  };
}

void ClusterCore::connect_peers() {
  if (context_.codec != nullptr) events_.name_ring(replicas_.instance());
  generation_.on_peers = [this](const store::Change& change) { peers_.changed(change); };
  replicas_.on_bulletin = [this](const Replicas::Replica& replica) {
    peer_liveness_.bulletin(replica);
  };
  replicas_.on_agent_gone = [this](const AgentId& agent) { peer_liveness_.agent_gone(agent); };
  replicas_.on_forwarder_gone = [this](const ForwarderId& forwarder) {
    peer_liveness_.forwarder_gone(forwarder);
  };
  replicas_.on_live = [this] {
    board_.set_replicas(replicas_.live());
    peer_liveness_.replicas_changed();
  };
  mailroom_.attached_here = [this](const ForwarderId& id) { return forwarders_.attached(id); };
  mailroom_.on_question = [this](const Mailroom::Body& question,
                                 Callback<void(Mailroom::Body)> respond) {
    answer(question, std::move(respond));
  };
  liveness_.cares_here = [this](const OriginId& origin) {
    // Before it has heard the others it would take every origin for its own.
    return generation_.joined() && replicas_.cares_here(origin);
  };
  forwarders_.superseded = [this](const ForwarderId& id, const AttachStream& stream) {
    const auto* listed = replicas_.find(id);
    return listed != nullptr && listed->stream.counted_with(stream) &&
           listed->stream.newer_than(stream);
  };
  agents_.superseded = [this](const AgentId& id, const AttachStream* stream) {
    const auto* listed = replicas_.find(id);
    if (listed == nullptr) return false;
    if (stream == nullptr) {
      const AttachStream* here = agents_.stream(id);
      return here != nullptr && listed->stream.newer_than(*here);
    }
    return listed->stream.counted_with(*stream) && listed->stream.newer_than(*stream);
  };
  direct_.reported_elsewhere = [this](const OriginId& origin) {
    const auto* record = view_.origin(origin);
    return record != nullptr && replicas_.where(record->description.agent) != nullptr;
  };
  placements_.players_wait_elsewhere = [this](const StreamKey& stream) {
    return replicas_.players_wait(stream);
  };
}

void ClusterCore::answer(const Mailroom::Body& question, Callback<void(Mailroom::Body)> respond) {
  if (const auto* ask = std::get_if<AskSessions>(&question)) {
    desk_.answer(*ask, std::move(respond));
  } else if (const auto* close = std::get_if<CloseRemote>(&question)) {
    desk_.answer(*close, std::move(respond));
  } else if (const auto* list = std::get_if<ListRemote>(&question)) {
    cluster_sessions_.answer(*list, std::move(respond));
  } else if (const auto* kick = std::get_if<KickRemote>(&question)) {
    cluster_sessions_.answer(*kick, std::move(respond));
  }
}

void ClusterCore::start() {
  generation_.start();
  tick();
  peers_.start();
}

void ClusterCore::stop(std::string_view reason) {
  context_.executor.cancel(tick_timer_);
  peers_.stop();
  forwarders_.end_all(reason);
  agents_.end_all(reason);
  static_origins_.save();
  record_keeper_.save();
}

std::vector<std::string> ClusterCore::not_ready() const {
  if (generation_.ready()) return {};
  if (!generation_.joined_at()) return {"the store has not been read yet"};
  return {"the other replicas have not been heard yet"};
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
  record_keeper_.tick();
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
  cluster_sessions_.tick();
  orders_.tick();
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
  context_.metrics
      .gauge("weir_controlplane_origins_draining", "Origins that shall run empty by order")
      .set(status.origins_draining);
  context_.metrics.gauge("weir_controlplane_pins", "Streams pinned to an origin").set(status.pins);
  context_.metrics
      .gauge("weir_controlplane_records_known", "0 while orders and secrets may be missing")
      .set(status.records_known ? 1 : 0);
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
  set(kAttached, kAttachedHelp, "peer", "forwarder",
      static_cast<double>(forwarders_.attached_count()));
  set(kAttached, kAttachedHelp, "peer", "agent", static_cast<double>(agents_.attached_count()));
  constexpr auto kSessions = "weir_controlplane_sessions";
  constexpr auto kSessionsHelp = "Client sessions that forwarders told of, by intent";
  const auto sessions = sessions_.all();
  set(kSessions, kSessionsHelp, "intent", "publish", sessions.publishers);
  set(kSessions, kSessionsHelp, "intent", "play", sessions.players);
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
  for (const ClientSession& session : hello.sessions) peers_.player_told(session);
  mailroom_.attached(hello.forwarder);
  peers_.hurry();
}

void ClusterCore::forwarder_detached(const ForwarderId& forwarder) {
  routes_.detached(forwarder);
  peers_.hurry();
  // Attached to another replica by now, which hears it.
  if (replicas_.where(forwarder) != nullptr) return;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.forwarder_detached(forwarder, context_.clock.now());
  });
}

void ClusterCore::forwarder_forgotten(const ForwarderId& forwarder) {
  holders_.forgotten(forwarder);
}

void ClusterCore::forwarder_moved(const ForwarderId& forwarder) {
  holders_.moved(forwarder);
}

void ClusterCore::sessions_changed(const ForwarderId& forwarder, const SessionChanges& changes) {
  holders_.changed(forwarder, changes);
  for (const ClientSession& session : changes.upserted) peers_.player_told(session);
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
