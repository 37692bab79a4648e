#include "dataplane/routing/route_cache.h"

namespace weir::routing {

RouteCache::Verdict RouteCache::apply(const RouteUpdate& update) {
  const auto [it, inserted] = entries_.try_emplace(update.stream);
  Entry& entry = it->second;
  const Epoch epoch = update.route ? update.route->epoch : Epoch{};
  if (!inserted) {
    if (update.route && epoch < entry.highest) return Verdict::kOld;
    // A higher epoch is newer whatever the revision says: the epoch is the fence (design 2).
    if (epoch <= entry.highest) {
      if (update.revision < entry.update.revision) return Verdict::kOld;
      if (update.revision == entry.update.revision) return Verdict::kSame;
    }
  }
  entry.update = update;
  if (epoch > entry.highest) entry.highest = epoch;
  return Verdict::kApplied;
}

const RouteUpdate* RouteCache::find(const StreamKey& stream) const {
  const auto it = entries_.find(stream);
  return it == entries_.end() ? nullptr : &it->second.update;
}

bool RouteCache::knows_newer(const StreamKey& stream, const Epoch& epoch) const {
  const auto it = entries_.find(stream);
  return it != entries_.end() && epoch < it->second.highest;
}

}  // namespace weir::routing
