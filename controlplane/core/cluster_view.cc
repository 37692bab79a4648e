#include "controlplane/core/cluster_view.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "controlplane/store/limits.h"

namespace weir::core {

void ClusterView::heard(const Epoch& epoch) {
  if (epoch.generation < store::kGenerationHeardMax) {
    highest_epoch_ = std::max(highest_epoch_, epoch);
  }
}

void ClusterView::replace(store::Snapshot snapshot) {
  // Removals first: what the snapshot does not name is gone.
  std::vector<StreamKey> gone;
  if (placements_.counts().all() > 0) {
    std::unordered_set<StreamKey> placed;
    for (const auto& placement : snapshot.placements) placed.insert(placement.stream);
    gone = placements_.streams();
    std::erase_if(gone, [&](const StreamKey& stream) { return placed.contains(stream); });
  }
  std::set<OriginId> known;
  for (const auto& record : snapshot.origins) known.insert(record.description.id);
  std::vector<OriginId> origins_gone;
  for (const auto& [id, record] : origins_) {
    if (!known.contains(id)) origins_gone.push_back(id);
  }
  revision_ = snapshot.revision;
  // Before the origins: one that comes back is cordoned from its first moment.
  records_.replace(std::move(snapshot.records), snapshot.revision);
  for (const OriginId& id : origins_gone) set_origin(id, std::nullopt);
  for (auto& record : snapshot.origins) {
    const OriginId id = record.description.id;
    set_origin(id, std::move(record));
  }
  for (const StreamKey& stream : gone) set_placement(stream, std::nullopt, snapshot.revision);
  for (auto& placement : snapshot.placements) {
    const StreamKey stream = placement.stream;
    const Revision revision = placement.revision;
    set_placement(stream, std::move(placement), revision);
  }
}

void ClusterView::apply(const store::Change& change) {
  revision_ = std::max(revision_, change.revision);
  if (const auto* changed = std::get_if<store::Change::PlacementChanged>(&change.what)) {
    const auto known = placements_.revision_of(changed->stream);
    // The same: a verb's answer was ahead of the feed.
    if (known && *known == change.revision && changed->placement) return;
    if (known && *known > change.revision) return;
    set_placement(changed->stream, changed->placement, change.revision);
  } else if (const auto* origin = std::get_if<store::Change::OriginChanged>(&change.what)) {
    const store::OriginRecord* known = this->origin(origin->origin);
    if (known != nullptr && known->revision > change.revision) return;
    set_origin(origin->origin, origin->record);
  } else if (const auto* record = std::get_if<store::Change::RecordChanged>(&change.what)) {
    records_.learn(record->record);
  }
}

void ClusterView::learn(const StreamKey& stream, const std::optional<model::Placement>& placement) {
  // An absence has no revision of its own: the feed tells it in its order.
  if (!placement) return;
  const auto known = placements_.revision_of(stream);
  if (known && *known >= placement->revision) return;
  // The placement may have been removed since: the feed, which is ahead then, knows better.
  if (!known && placement->revision <= revision_) return;
  set_placement(stream, placement, placement->revision);
}

void ClusterView::learn(const store::OriginRecord& record) {
  const store::OriginRecord* known = origin(record.description.id);
  if (known != nullptr && known->revision >= record.revision) return;
  set_origin(record.description.id, record);
}

const store::OriginRecord* ClusterView::origin(const OriginId& id) const {
  const auto found = origins_.find(id);
  return found == origins_.end() ? nullptr : &found->second;
}

const store::OriginRecord* ClusterView::origin_of(const IncarnationId& incarnation) const {
  const auto found = incarnations_.find(incarnation);
  return found == incarnations_.end() ? nullptr : origin(found->second);
}

void ClusterView::describe(const OriginId& id, const model::OriginDescription* description) {
  const auto found = descriptions_.find(id);
  const bool is_known = found != descriptions_.end();
  if (description != nullptr && is_known && found->second == *description) return;
  const std::lock_guard lock(known_mutex_);
  if (description != nullptr) {
    descriptions_.insert_or_assign(id, *description);
  } else if (is_known) {
    descriptions_.erase(found);
  }
}

void ClusterView::set_placement(const StreamKey& stream, std::optional<model::Placement> placement,
                                Revision revision) {
  PlacementChange change{stream, placements_.get(stream), std::move(placement), revision};
  if (!change.before && !change.after) return;
  {
    const std::lock_guard lock(known_mutex_);
    if (change.after) {
      placements_.put(*change.after);
    } else {
      placements_.erase(stream);
    }
  }
  if (change.before && change.after && change.before->revision == change.after->revision) return;
  for (const auto& listener : on_placement_) listener(change);
}

void ClusterView::set_origin(const OriginId& id, std::optional<store::OriginRecord> record) {
  OriginChange change{id, std::nullopt, record};
  const auto found = origins_.find(id);
  if (found != origins_.end()) {
    change.before = found->second;
    incarnations_.erase(found->second.incarnation);
    origins_.erase(found);
  }
  if (!change.before && !change.after) return;
  describe(id, record ? &record->description : nullptr);
  if (record) {
    if (!record->incarnation.empty()) incarnations_.emplace(record->incarnation, id);
    origins_.emplace(id, std::move(*record));
  }
  if (change.before && change.after && change.before->revision == change.after->revision) return;
  for (const auto& listener : on_origin_) listener(change);
}

}  // namespace weir::core
