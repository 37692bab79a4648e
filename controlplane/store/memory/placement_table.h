#pragma once
// PlacementTable: stream -> placement, how many placements name an incarnation, and expiries.
// Threading: the store's thread. Lifetime: owned by the store; an entry stays valid until its
// stream is put again or erased.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/model/placement.h"

namespace weir::store {

struct PlacementEntry {
  model::Placement placement;
  std::optional<MonotonicTime> taken_over_at;  ///< the last takeover of this stream
};

class PlacementTable {
 public:
  PlacementEntry* find(const StreamKey& stream);
  const PlacementEntry* find(const StreamKey& stream) const;
  /// Inserts or overwrites; taken_over_at of the stream is kept.
  PlacementEntry& put(model::Placement placement);
  void erase(const StreamKey& stream);

  std::size_t references(const IncarnationId& incarnation) const;
  std::size_t size() const { return entries_.size(); }
  std::vector<model::Placement> all() const;

  /// The placement as it stands now goes at `at`, unless it changes before.
  void expire_at(MonotonicTime at, const model::Placement& placement);
  /// When the next expiry may be due.
  std::optional<MonotonicTime> next_expiry() const;
  /// A placement whose time has come, or nullptr.
  const PlacementEntry* next_expired(MonotonicTime now);

 private:
  struct Expiry {
    MonotonicTime at;
    StreamKey stream;
    Revision revision;  ///< a placement that changed since has another one
    bool operator>(const Expiry& other) const { return at > other.at; }
  };

  /// Keys are views of the entries' own stream text.
  std::unordered_map<std::string_view, std::unique_ptr<PlacementEntry>> entries_;
  std::unordered_map<IncarnationId, std::size_t> references_;
  std::priority_queue<Expiry, std::vector<Expiry>, std::greater<>> expiries_;
};

}  // namespace weir::store
