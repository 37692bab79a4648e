#pragma once
// Replicas: which replicas of the control plane live, and what each of them says of itself.
//
// Purpose: the directory behind everything that concerns several replicas. It is filled from
// bulletins, whose age is judged on arrival here; while the store cannot be read nobody's silence
// means anything. A peer (agent or forwarder) that two replicas name is where its newer attach
// stream is. Threading: the core's thread. Lifetime: pointers in answers are valid until the next
// call that changes it.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "controlplane/core/attach_stream.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/peer_messages.h"

namespace weir::core {

template <class Peer>
struct Listed {
  Peer told;
  AttachStream stream;
};

class Replicas {
 public:
  struct Replica {
    ReplicaId id;
    Bulletin told;  ///< without agents and forwarders, which are below
    MonotonicTime heard{};
    /// When it was last too long silent, or could not read the store.
    std::optional<MonotonicTime> stale_at;
    std::map<AgentId, Listed<PeerAgent>> agents;
    std::map<ForwarderId, Listed<PeerForwarder>> forwarders;
    std::unordered_set<StreamKey> players_wait;
  };

  /// `instance` names this run of this replica.
  Replicas(Context& context, EventRing& events, std::string instance);

  // --- from the store
  void take(const ReplicaId& from, Bulletin bulletin);
  /// The store has no bulletin of it any more.
  void gone(const ReplicaId& from);
  void tick();

  // --- what lives; this replica is not among `others`
  const std::map<ReplicaId, Replica>& others() const { return replicas_; }
  std::size_t live() const { return replicas_.size() + 1; }
  const std::string& instance() const { return instance_; }
  /// Rendezvous over the live replicas: one of them cares for it.
  bool cares_here(const OriginId& origin) const;

  // --- where peers are, other than here
  const Replica* where(const AgentId& agent) const;
  const Replica* where(const ForwarderId& forwarder) const;
  const Listed<PeerAgent>* find(const AgentId& agent) const;
  const Listed<PeerForwarder>* find(const ForwarderId& forwarder) const;
  /// All of them once, each where it is.
  std::vector<const Listed<PeerForwarder>*> forwarders() const;
  bool players_wait(const StreamKey& stream) const;

  // --- who may be on the way from one replica to another
  struct Lost {
    MonotonicTime until{};  ///< then it is not looked for any more
    ReplicaId replica;      ///< that had it
  };
  /// Forwarders of replicas that were lost less than kReattachWithin ago, and that are at no other
  /// one; this replica may have them.
  std::map<ForwarderId, ReplicaId> missing() const;
  /// Its replica was lost or stale lately: what it does not answer or renew means nothing yet.
  bool may_be_moving(const ForwarderId& forwarder) const;

  /// Another live replica has our id: it was told; we call ourselves otherwise.
  const std::string& id_conflict() const { return id_conflict_; }

  /// After the directory shows it.
  std::function<void(const Replica&)> on_bulletin;
  /// No replica names it any more.
  std::function<void(const AgentId&)> on_agent_gone;
  std::function<void(const ForwarderId&)> on_forwarder_gone;
  /// Another number of replicas lives.
  std::function<void()> on_live;

 private:
  bool ours(const ReplicaId& from, const Bulletin& bulletin);
  void rename();
  void lose(std::map<ReplicaId, Replica>::iterator replica, const char* why);
  void announce_live();

  Context& context_;
  EventRing& events_;
  const std::string instance_;
  const MonotonicTime started_;
  std::map<ReplicaId, Replica> replicas_;
  /// Named by nobody since then plus kMoveGrace.
  std::map<AgentId, MonotonicTime> leaving_agents_;
  std::map<ForwarderId, MonotonicTime> leaving_forwarders_;
  std::map<ForwarderId, Lost> lost_forwarders_;
  std::optional<MonotonicTime> ticked_;
  struct SameId {
    std::string instance;
    std::uint64_t sequence = 0;
    int bulletins = 0;
  };
  SameId same_id_;
  std::string id_conflict_;
  metrics::Gauge& live_gauge_;
};

}  // namespace weir::core
