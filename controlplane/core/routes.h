#pragma once
// Routes: tells forwarders where streams live, at once and unasked (design 3, 7).
//
// Purpose: each change of a placement goes to the forwarders that asked for the stream, to the one
// that holds it and to the one that held it before. Also the table of origins.
// Threading: the core's thread. Lifetime: interests end with the attach stream.

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/origin_board.h"

namespace weir::core {

class Routes {
 public:
  Routes(Context& context, ClusterView& view, Generation& generation, OriginBoard& board,
         Forwarders& forwarders);

  void attached(const ForwarderId& forwarder, const std::vector<StreamKey>& interests);
  void detached(const ForwarderId& forwarder);
  void interest(const ForwarderId& forwarder, const RouteInterest& interest);
  /// Pushes what changed in the table of origins since the last call.
  void push_table();
  /// Tells which streams are not placed, where that could not be known before.
  void tell_held_absences();
  void table_changed() { table_dirty_ = true; }

  /// Nothing while the placement's origin has not been seen yet (after a restart).
  std::optional<Route> route_of(const model::Placement& placement, model::Protocol protocol) const;

 private:
  void add(const ForwarderId& forwarder, const StreamKey& stream);
  void on_placement(const ClusterView::PlacementChange& change);
  void on_origin(const ClusterView::OriginChange& change);
  /// Nothing: it cannot be told yet, and follows.
  std::optional<RouteUpdate> update(const StreamKey& stream, Revision revision);
  /// Answers one forwarder, or all that are interested.
  void look_up(const StreamKey& stream, std::optional<ForwarderId> only);
  /// All that is held could be restored or claimed back: what is not placed now, is not placed.
  bool absence_is_known() const;
  OriginTableEntry entry(const store::OriginRecord& record) const;
  Revision table_revision() const { return view_.revision(); }

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  OriginBoard& board_;
  Forwarders& forwarders_;
  std::unordered_map<StreamKey, std::set<ForwarderId>> interested_;
  std::unordered_map<ForwarderId, std::set<StreamKey>> interests_;
  std::unordered_set<StreamKey> held_absences_;
  MonotonicTime absences_due_{};                ///< not before: the store did not answer
  std::map<OriginId, OriginTableEntry> table_;  ///< as last sent
  bool table_dirty_ = true;
};

}  // namespace weir::core
