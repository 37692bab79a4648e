#include "dataplane/routing/origin_table.h"

#include <algorithm>
#include <utility>

#include "dataplane/routing/limits.h"

namespace weir::routing {

void OriginTable::Table::change(const OriginTableUpdate& update) {
  for (const OriginEntry& entry : update.origins) {
    if (origins.size() >= kOriginTableMax && !origins.contains(entry.origin)) continue;
    origins.insert_or_assign(entry.origin, entry);
  }
  for (const OriginId& origin : update.removed) origins.erase(origin);
  revision = update.revision;
}

bool OriginTable::apply(const OriginTableUpdate& update) {
  if (update.complete) {
    behind_.emplace().change(update);
  } else if (behind_) {
    behind_->change(update);
  } else {
    if (!present_ || update.revision < present_->revision) return false;
    present_->change(update);
    return true;
  }
  if (present_ && behind_->revision < present_->revision) return false;
  present_ = std::exchange(behind_, std::nullopt);
  return true;
}

std::size_t OriginTable::placeable_count() const {
  if (!present_) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(
      present_->origins, [](const auto& entry) { return entry.second.placeable; }));
}

const OriginEntry* OriginTable::find(const OriginId& origin) const {
  if (!present_) return nullptr;
  const auto it = present_->origins.find(origin);
  return it == present_->origins.end() ? nullptr : &it->second;
}

OriginTableUpdate OriginTable::complete() const {
  OriginTableUpdate all{.revision = revision(), .complete = true, .origins = {}, .removed = {}};
  if (!present_) return all;
  all.origins.reserve(present_->origins.size());
  for (const auto& [id, entry] : present_->origins) all.origins.push_back(entry);
  std::ranges::sort(all.origins, {}, &OriginEntry::origin);
  return all;
}

}  // namespace weir::routing
