#pragma once
// PeerLiveness: what other replicas say of agents, forwarders and origins, as input for the
// liveness rules and the placement board (design 6).
//
// Purpose: every replica runs the same rules over the same facts: those of peers attached here come
// from their streams, those of peers attached elsewhere from bulletins. So a verdict needs no
// leader, and may be reached by several replicas at once: the store takes it once. Also lets go of
// peers that have a newer attach stream elsewhere. Threading: the core's thread. Lifetime: as the
// core.

#include <map>
#include <set>
#include <string>

#include "controlplane/core/agents.h"
#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/liveness.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/core/replicas.h"

namespace weir::core {

class PeerLiveness {
 public:
  PeerLiveness(Context& context, ClusterView& view, EventRing& events, Replicas& replicas,
               Liveness& liveness, OriginBoard& board, Forwarders& forwarders, Agents& agents);

  void bulletin(const Replicas::Replica& replica);
  void agent_gone(const AgentId& agent);
  void forwarder_gone(const ForwarderId& forwarder);
  /// Others live than before.
  void replicas_changed();
  /// While the store cannot be read, nobody elsewhere falls silent.
  void tick();

 private:
  struct Facts {
    bool running = false;
    bool probe_answered = false;
    bool operator==(const Facts&) const = default;
  };
  using Known = std::map<OriginId, Facts>;

  void take(const Listed<PeerAgent>& agent);
  void take_origin(const AgentId& agent, const PeerOrigin& origin);
  void take(const Listed<PeerForwarder>& forwarder);
  void take(const ReplicaId& replica, const Bulletin& bulletin);
  void on_origin(const ClusterView::OriginChange& change);
  void enrol(const OriginId& origin, bool well);

  Context& context_;
  ClusterView& view_;
  EventRing& events_;
  Replicas& replicas_;
  Liveness& liveness_;
  OriginBoard& board_;
  Forwarders& forwarders_;
  Agents& agents_;
  std::map<AgentId, Known> known_;  ///< agents attached elsewhere, as the rules know them
  /// Of each origin, by run of the replica that probed it: the last one taken. Two may probe at
  /// once for a while.
  std::map<OriginId, std::map<std::string, std::uint64_t>> probes_;
  /// New to the rules, and no bulletin names them yet: until when one is waited for.
  std::map<OriginId, MonotonicTime> unnamed_;
};

}  // namespace weir::core
