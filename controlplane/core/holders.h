#pragma once
// Holders: what becomes of placements when sessions begin, publish, end or are missed (design 3,
// 4).
//
// Purpose: confirm what publishes, release what ended, and find holders that are gone without
// having said so: by asking their forwarder, or by their origin's own list of streams. Threading:
// the core's thread. Lifetime: as the core.

#include <set>
#include <unordered_map>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/restorer.h"
#include "controlplane/core/session_desk.h"
#include "controlplane/core/session_table.h"

namespace weir::core {

class Holders {
 public:
  Holders(Context& context, ClusterView& view, Generation& generation, SessionTable& sessions,
          Forwarders& forwarders, SessionDesk& desk, Restorer& restorer);

  /// A hello: its sessions are complete.
  void attached(const ForwarderHello& hello);
  void changed(const ForwarderId& forwarder, const SessionChanges& changes);
  void forgotten(const ForwarderId& forwarder);
  /// Another replica has it now, and its sessions.
  void moved(const ForwarderId& forwarder);

  /// The streams that an origin says are live, all of them; read not longer than `age` ago.
  void origin_snapshot(const OriginId& origin, const IncarnationId& incarnation,
                       const std::set<StreamKey>& live, Duration age);
  /// An origin is known under a new incarnation but still carries this publisher.
  void still_carried(const StreamKey& stream, const IncarnationId& incarnation,
                     std::string_view tag);

  /// Each second.
  void sweep();

 private:
  void upserted(const ClientSession& session);
  void ended(const ClientSession& session);
  void give_up_lost_forwarders();
  void give_up_dead_origins(const ForwarderId& forwarder);
  /// Orphans the placement when its holder's forwarder does not know the session any more.
  void ask(const model::Placement& placement);
  void orphan(const model::Placement& placement, store::OrphanRequest::Evidence evidence,
              std::optional<Duration> snapshot_age);
  void take(const StreamKey& stream, store::Reply<store::Changed>& reply);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  SessionTable& sessions_;
  Forwarders& forwarders_;
  SessionDesk& desk_;
  Restorer& restorer_;
  /// Bound and not confirmed: when to ask next.
  std::unordered_map<StreamKey, MonotonicTime> bound_;
  /// Forwarders that hold placements and are not known here: when these become orphans, unless
  /// another replica has them.
  std::unordered_map<ForwarderId, MonotonicTime> given_up_at_;
};

}  // namespace weir::core
