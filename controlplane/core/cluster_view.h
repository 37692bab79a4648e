#pragma once
// ClusterView: this replica's memory of what the store holds, fed by the store's feed (design 3).
//
// Purpose: everything that only reads is answered from here; who changes something still runs a
// verb. Listeners are told each change once, after the view shows it. Placements are kept packed
// (placement_book.h) and given by value. Threading: the core's thread, except known_route(), which
// any thread may call: players of known streams need nothing decided (ADR 6). Lifetime: listeners
// are registered once, before the first change.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/core/placement_book.h"
#include "controlplane/core/record_book.h"
#include "controlplane/model/placement.h"
#include "controlplane/store/state_store.h"

namespace weir::core {

class ClusterView {
 public:
  struct PlacementChange {
    StreamKey stream;
    std::optional<model::Placement> before;
    std::optional<model::Placement> after;
    Revision revision;
  };
  struct OriginChange {
    OriginId origin;
    std::optional<store::OriginRecord> before;
    std::optional<store::OriginRecord> after;
  };
  using OnPlacement = std::function<void(const PlacementChange&)>;
  using OnOrigin = std::function<void(const OriginChange&)>;

  ClusterView() = default;
  /// Orders are in force before the store has been read.
  explicit ClusterView(KeptRecords kept) { records_.load(std::move(kept)); }

  void on_placement(OnPlacement listener) { on_placement_.push_back(std::move(listener)); }
  void on_origin(OnOrigin listener) { on_origin_.push_back(std::move(listener)); }

  /// Takes a whole state; listeners see it as changes from what was known.
  void replace(store::Snapshot snapshot);
  /// Older than what is known: ignored.
  void apply(const store::Change& change);
  /// A verb's answer, which may be ahead of the feed.
  void learn(const StreamKey& stream, const std::optional<model::Placement>& placement);
  void learn(const store::OriginRecord& record);
  void learn(store::Record record) { records_.learn(std::move(record)); }

  std::optional<model::Placement> placement(const StreamKey& stream) const {
    return placements_.get(stream);
  }
  bool placed(const StreamKey& stream) const { return placements_.contains(stream); }
  /// On an origin, any incarnation; in no order.
  std::vector<model::Placement> placements_of(const OriginId& origin) const {
    return placements_.of_origin(origin);
  }
  /// Held by sessions of this forwarder, orphaned ones included; in no order.
  std::vector<model::Placement> placements_held_by(const ForwarderId& forwarder) const {
    return placements_.of_forwarder(forwarder);
  }
  bool holds_any(const ForwarderId& forwarder) const { return placements_.names(forwarder); }
  /// By name: those after `after` (empty: from the first), at most `limit`; `origin`: empty = any.
  std::vector<model::Placement> page(std::string_view after, std::size_t limit,
                                     const OriginId& origin) const {
    return placements_.page(after, limit, origin);
  }
  const PlacementBook::Counts& counts() const { return placements_.counts(); }

  const store::OriginRecord* origin(const OriginId& id) const;
  const store::OriginRecord* origin_of(const IncarnationId& incarnation) const;
  const std::map<OriginId, store::OriginRecord>& origins() const { return origins_; }

  /// What a player of a placed stream needs, from any thread; false when the stream, or its origin,
  /// is not known here.
  /// `take(const PlacementBook::Entry&, const model::OriginDescription&)` copies what it wants:
  /// changes wait for it. `stream`: as StreamKey::str().
  template <class Take>
  bool known_route(std::string_view stream, Take&& take) const {
    const std::lock_guard lock(known_mutex_);
    const auto placement = placements_.entry(stream);
    if (!placement) return false;
    const auto description = descriptions_.find(placement->origin);
    if (description == descriptions_.end()) return false;
    take(*placement, description->second);
    return true;
  }

  /// The highest revision and epoch seen: they go with every verb. A store that never handed out
  /// what was kept of it has lost its history, too.
  store::Caller caller() const {
    return {std::max(revision_, records_.highest_loaded()), highest_epoch_};
  }
  /// An epoch that somebody told of; nonsense is ignored.
  void heard(const Epoch& epoch);
  /// Orders and secrets: also those that the store has lost and gets back.
  RecordBook& records() { return records_; }
  const RecordBook& records() const { return records_; }

  Revision revision() const { return revision_; }

 private:
  void set_placement(const StreamKey& stream, std::optional<model::Placement> placement,
                     Revision revision);
  void set_origin(const OriginId& id, std::optional<store::OriginRecord> record);
  void describe(const OriginId& id, const model::OriginDescription* description);

  Revision revision_;
  Epoch highest_epoch_;
  /// Held while the two are changed, and by other threads while they read; what they want of a
  /// placement is copied under it, nothing else.
  mutable std::mutex known_mutex_;
  PlacementBook placements_;
  std::unordered_map<OriginId, model::OriginDescription> descriptions_;
  std::map<OriginId, store::OriginRecord> origins_;
  std::unordered_map<IncarnationId, OriginId> incarnations_;
  RecordBook records_;
  std::vector<OnPlacement> on_placement_;
  std::vector<OnOrigin> on_origin_;
};

}  // namespace weir::core
