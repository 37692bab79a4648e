#pragma once
// StaticOrigins: origins without an agent, registered by an operator; they and the generation
// outlive the store in --state-dir of every replica.
//
// Threading: the core's thread. Lifetime: as the core.

#include <map>
#include <string>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/errors.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/liveness.h"

namespace weir::core {

class StaticOrigins {
 public:
  StaticOrigins(Context& context, ClusterView& view, Generation& generation, Liveness& liveness,
                KeptState kept);

  void register_origin(model::OriginDescription description, bool validate_only,
                       Respond<store::OriginRecord> respond);

  /// A dead one answers again: its next life.
  void admit(const OriginId& origin);
  bool knows(const OriginId& origin) const { return origins_.contains(origin); }
  /// The store's history is another one: what is kept is written back.
  void restore_all();
  bool restoring() const { return in_flight_ > 0; }
  /// Saves when something changed since the last time.
  void save();
  bool saved() const { return last_save_worked_; }

 private:
  using Kept = KeptState::StaticOrigin;

  void upsert(const Kept& origin, Respond<store::OriginRecord> respond);
  void on_origin(const ClusterView::OriginChange& change);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  Liveness& liveness_;
  std::map<OriginId, Kept> origins_;
  KeptState saved_;
  bool last_save_worked_ = true;
  std::size_t in_flight_ = 0;
};

}  // namespace weir::core
