#pragma once
// Peers: this replica's part in the talk between replicas: its bulletin, its broadcasts, and what
// becomes of those of the others.
//
// Purpose: gathers what others have to know and puts it into the store, at a bounded rate; hands
// what comes to who is concerned. Does nothing where there can be no other replica. Threading: the
// core's thread. Lifetime: as the core; its timer must not outlive it.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "controlplane/core/agents.h"
#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/liveness.h"
#include "controlplane/core/mailroom.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/core/peer_liveness.h"
#include "controlplane/core/replicas.h"
#include "controlplane/core/session_table.h"

namespace weir::core {

class Peers {
 public:
  Peers(Context& context, ClusterView& view, Generation& generation, EventRing& events,
        SessionTable& sessions, OriginBoard& board, Liveness& liveness, Forwarders& forwarders,
        Agents& agents, Replicas& replicas, Mailroom& mailroom, PeerLiveness& peer_liveness);

  void start();
  void stop();

  /// From the feed.
  void changed(const store::Change& change);
  /// Something that others should know soon.
  void hurry() { hurried_ = true; }
  /// A player that its forwarder told of.
  void player_told(const ClientSession& session);

 private:
  void tick();
  void watch_store();
  void put_bulletin();
  void bulletin_put(bool refused);
  std::string fitting_bulletin();
  Bulletin bulletin();
  void send_broadcast();
  void take(const ReplicaId& from, const Broadcast& broadcast);
  void on_dial(const ForwarderId& forwarder, const IncarnationId& incarnation,
               ContactOutcome outcome);
  void remember_failure(const IncarnationId& incarnation);
  void on_probe(const OriginId& origin, ContactOutcome outcome);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  EventRing& events_;
  SessionTable& sessions_;
  OriginBoard& board_;
  Liveness& liveness_;
  Forwarders& forwarders_;
  Agents& agents_;
  Replicas& replicas_;
  Mailroom& mailroom_;
  PeerLiveness& peer_liveness_;

  const MonotonicTime started_;
  TimerId timer_ = 0;
  MonotonicTime bulletin_at_{};
  std::uint64_t sequence_ = 0;
  std::size_t bulletin_bytes_ = 0;  ///< of the last one
  bool hurried_ = true;
  bool introduce_ = true;
  bool putting_ = false;
  bool refused_ = false;  ///< the last bulletin, by the store: it was too large
  bool stale_ = false;
  using DialKey = std::pair<ForwarderId, std::pair<IncarnationId, ContactOutcome>>;
  std::map<DialKey, std::uint32_t> dials_;
  /// Dials of these failed lately, here or elsewhere: their successes matter, too.
  std::unordered_map<IncarnationId, MonotonicTime> failing_;
  std::map<OriginId, PeerProbe> probes_;
  std::uint64_t last_probe_ = 0;  ///< they count up over the whole run
  std::deque<Event> told_;
  std::unordered_set<StreamKey> players_wait_;
  metrics::Gauge& store_age_gauge_;
  metrics::Gauge& stale_gauge_;
  metrics::Gauge& bulletin_gauge_;
};

}  // namespace weir::core
