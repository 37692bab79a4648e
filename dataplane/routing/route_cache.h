#pragma once
// RouteCache: what is known of each stream's owner, fenced by epoch and revision.
//
// Purpose: facts arrive by several ways (pushes, answers to an acquire, another replica after a
// re-attach) in any order; the cache lets only newer ones through. "Not placed" is a fact too.
// Threading: one object per thread. Lifetime: self-contained.

#include <cstddef>
#include <unordered_map>

#include "common/base/stream_key.h"
#include "dataplane/routing/route.h"

namespace weir::routing {

class RouteCache {
 public:
  enum class Verdict {
    kApplied,  ///< newer than what was known
    kSame,     ///< known already
    kOld,      ///< outdated: discarded
  };

  Verdict apply(const RouteUpdate& update);
  /// nullptr = nothing is known; an entry without a route = known to be not placed. Valid until the
  /// entry is applied to or erased.
  const RouteUpdate* find(const StreamKey& stream) const;
  /// A higher epoch of the stream has been seen.
  bool knows_newer(const StreamKey& stream, const Epoch& epoch) const;
  /// Forgets the stream and its fence: only for streams that are not pushed any more.
  void erase(const StreamKey& stream) { entries_.erase(stream); }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    RouteUpdate update;
    Epoch highest;  ///< highest epoch ever seen, also while the stream is not placed
  };
  std::unordered_map<StreamKey, Entry> entries_;
};

}  // namespace weir::routing
