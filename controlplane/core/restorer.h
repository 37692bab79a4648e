#pragma once
// Restorer: puts back into the store what forwarders and agents hold, while it settles; afterwards
// a live publisher claims its placement back (design 3, 4).
//
// Threading: the core's thread. Lifetime: what is pending is dropped with it.

#include <deque>
#include <string_view>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/replicas.h"
#include "controlplane/core/session_table.h"

namespace weir::core {

class Restorer {
 public:
  Restorer(Context& context, ClusterView& view, Generation& generation, SessionTable& sessions,
           Forwarders& forwarders, const Replicas& replicas);

  /// A publisher that its forwarder holds. Restored while settling, else claimed where its
  /// placement is gone; a session without an epoch holds nothing.
  void session_held(const ClientSession& session);
  /// A live stream that an agent reports, with the tag of its publisher.
  void stream_held(const StreamKey& stream, const OriginId& origin,
                   const IncarnationId& incarnation, std::string_view tag);
  /// The forwarder asks; it is answered.
  void claim(const ForwarderId& forwarder, const ClaimRequest& claim);

  /// The store's history is another one: everything that is held is restored.
  void restore_all();
  /// Settling is over: who came too late to be restored claims.
  void settled();
  void tick();
  bool busy() const { return in_flight_ > 0 || !waiting_.empty(); }

 private:
  void restore(model::Placement held);
  void claim_for(const ClientSession& session);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  SessionTable& sessions_;
  Forwarders& forwarders_;
  const Replicas& replicas_;
  std::deque<model::Placement> waiting_;  ///< the store did not answer: tried again
  std::size_t in_flight_ = 0;
};

}  // namespace weir::core
