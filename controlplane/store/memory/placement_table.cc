#include "controlplane/store/memory/placement_table.h"

#include <utility>

#include "common/base/contract.h"

namespace weir::store {

PlacementEntry* PlacementTable::find(const StreamKey& stream) {
  const auto found = entries_.find(stream.str());
  return found == entries_.end() ? nullptr : found->second.get();
}

const PlacementEntry* PlacementTable::find(const StreamKey& stream) const {
  const auto found = entries_.find(stream.str());
  return found == entries_.end() ? nullptr : found->second.get();
}

PlacementEntry& PlacementTable::put(model::Placement placement) {
  auto entry = std::make_unique<PlacementEntry>();
  if (const PlacementEntry* before = find(placement.stream)) {
    entry->taken_over_at = before->taken_over_at;
    erase(placement.stream);  // the key of the old node is a view of the old entry
  }
  ++references_[placement.incarnation];
  entry->placement = std::move(placement);
  const std::string_view key = entry->placement.stream.str();
  return *entries_.emplace(key, std::move(entry)).first->second;
}

void PlacementTable::erase(const StreamKey& stream) {
  const auto found = entries_.find(stream.str());
  if (found == entries_.end()) return;
  const auto references = references_.find(found->second->placement.incarnation);
  WEIR_ASSERT(references != references_.end());
  if (--references->second == 0) references_.erase(references);
  auto node = entries_.extract(found);  // the entry, which holds the key, goes last
}

std::size_t PlacementTable::references(const IncarnationId& incarnation) const {
  const auto found = references_.find(incarnation);
  return found == references_.end() ? 0 : found->second;
}

std::vector<model::Placement> PlacementTable::all() const {
  std::vector<model::Placement> placements;
  placements.reserve(entries_.size());
  for (const auto& [stream, entry] : entries_) placements.push_back(entry->placement);
  return placements;
}

void PlacementTable::expire_at(MonotonicTime at, const model::Placement& placement) {
  expiries_.push({at, placement.stream, placement.revision});
}

std::optional<MonotonicTime> PlacementTable::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.top().at;
}

const PlacementEntry* PlacementTable::next_expired(MonotonicTime now) {
  while (!expiries_.empty() && expiries_.top().at <= now) {
    const PlacementEntry* entry = find(expiries_.top().stream);
    const bool current = entry != nullptr && entry->placement.revision == expiries_.top().revision;
    expiries_.pop();
    if (current) return entry;
  }
  return nullptr;
}

}  // namespace weir::store
