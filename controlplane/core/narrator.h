#pragma once
// Narrator: tells changes of placements, origins and orders as events (docs/operations/events.md).
// Threading: the core's thread. Lifetime: listens to the view as long as that lives.

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/events.h"
#include "controlplane/core/generation.h"

namespace weir::core {

class Narrator {
 public:
  Narrator(ClusterView& view, Generation& generation, EventRing& events);

 private:
  void placement(const ClusterView::PlacementChange& change);
  void origin(const ClusterView::OriginChange& change);
  void record(const RecordBook::Change& change);

  Generation& generation_;
  EventRing& events_;
};

}  // namespace weir::core
