#pragma once
// OriginBoard: what placement decisions look at, kept current entry by entry (design 5).
//
// Purpose: one contiguous array of placement::OriginView, edited when a report, a change of the
// store or a reservation concerns an origin; plus the ledger of what was placed and is not reported
// yet. Beside it the standings, worked out for the entries that changed since the last decision.
// Threading: the core's thread. Lifetime: a snapshot is valid until the next call that changes it.

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/placement/decision.h"
#include "controlplane/placement/origin_view.h"
#include "controlplane/placement/placer.h"
#include "controlplane/placement/reservation_ledger.h"

namespace weir::core {

class OriginBoard {
 public:
  OriginBoard(Context& context, ClusterView& view);

  // --- inputs
  void set_state(const OriginId& origin, model::OriginState state);
  void set_error_rate(const OriginId& origin, double rate);
  /// `age`: how long ago it reached the replica that its agent is attached to.
  void report(const OriginId& origin, const IncarnationId& incarnation, const model::Load& load,
              Duration age = {});
  /// Replicas that place, this one included: with several, each decides among a sample.
  void set_replicas(std::size_t replicas) { replicas_ = replicas; }
  /// A new incarnation starts slowly; not while settling, when everything seems new.
  std::function<bool()> slow_start = [] { return true; };

  /// The policy is another one.
  void policy_changed();

  // --- decisions
  placement::Decision decide(placement::Request request);
  /// Charges the winner of `decision`; 0 when there is none.
  placement::ReservationLedger::Id reserve(const StreamKey& stream,
                                           const placement::Decision& decision);
  /// The store has bound `incarnation`: the charge stays there, moved where another candidate won.
  void keep(const StreamKey& stream, placement::ReservationLedger::Id reservation,
            const placement::Decision& decision, const IncarnationId& incarnation);
  void undo(const StreamKey& stream, placement::ReservationLedger::Id reservation);

  // --- the ledger, shared with other replicas
  /// What was kept since the last call, per incarnation.
  using Charges = std::unordered_map<IncarnationId, placement::Cost>;
  Charges take_charges() { return std::exchange(charges_, {}); }
  /// Another replica placed so much there.
  void charge(const IncarnationId& incarnation, const placement::Cost& cost);

  // --- reading
  const placement::OriginView* find(const OriginId& origin) const;
  std::uint32_t placed(const IncarnationId& incarnation) const;
  const std::vector<placement::OriginView>& views() const { return views_; }

 private:
  struct InFlight {
    placement::ReservationLedger::Id id;
    IncarnationId incarnation;
  };

  void on_origin(const ClusterView::OriginChange& change);
  void on_record(const RecordBook::Change& change);
  void read_marks(placement::OriginView& view) const;
  void on_placement(const ClusterView::PlacementChange& change);
  void count(const IncarnationId& incarnation, int by);
  void refresh_pending(const IncarnationId& incarnation);
  void refresh_standings(MonotonicTime now);
  /// To be changed: its standing is worked out anew.
  placement::OriginView* entry(const OriginId& origin);
  placement::OriginView* entry_of(const IncarnationId& incarnation);
  placement::OriginView* changed(std::size_t at);
  void drop_in_flight(const StreamKey& stream, placement::ReservationLedger::Id reservation);

  Context& context_;
  ClusterView& view_;
  placement::Settings settings_;
  placement::Placer placer_;
  placement::ReservationLedger ledger_;
  std::vector<placement::OriginView> views_;
  std::vector<placement::Standing> standings_;  ///< of views_, as of the last decision
  std::vector<std::uint8_t> is_changed_;        ///< of views_: since the last decision
  std::vector<std::size_t> changed_;            ///< those; may name entries that are gone
  MonotonicTime outdated_looked_for_{};
  std::size_t replicas_ = 1;
  std::unordered_map<OriginId, std::size_t> index_;
  std::unordered_map<IncarnationId, OriginId> incarnations_;
  std::unordered_map<IncarnationId, std::uint32_t> placed_;
  std::unordered_multimap<StreamKey, InFlight> in_flight_;
  Charges charges_;
};

}  // namespace weir::core
