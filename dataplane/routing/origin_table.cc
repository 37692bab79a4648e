#include "dataplane/routing/origin_table.h"

#include <algorithm>

#include "dataplane/routing/limits.h"

namespace weir::routing {

bool OriginTable::apply(const OriginTableUpdate& update) {
  if (known_ && update.revision < revision_) return false;
  if (!known_ && !update.complete) return false;
  if (update.complete) origins_.clear();
  for (const OriginEntry& entry : update.origins) {
    if (origins_.size() >= kOriginTableMax && !origins_.contains(entry.origin)) continue;
    origins_.insert_or_assign(entry.origin, entry);
  }
  for (const OriginId& origin : update.removed) origins_.erase(origin);
  revision_ = update.revision;
  known_ = true;
  return true;
}

std::size_t OriginTable::placeable_count() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(origins_, [](const auto& entry) { return entry.second.placeable; }));
}

const OriginEntry* OriginTable::find(const OriginId& origin) const {
  const auto it = origins_.find(origin);
  return it == origins_.end() ? nullptr : &it->second;
}

OriginTableUpdate OriginTable::complete() const {
  OriginTableUpdate all{.revision = revision_, .complete = true, .origins = {}, .removed = {}};
  all.origins.reserve(origins_.size());
  for (const auto& [id, entry] : origins_) all.origins.push_back(entry);
  std::ranges::sort(all.origins, {}, &OriginEntry::origin);
  return all;
}

}  // namespace weir::routing
