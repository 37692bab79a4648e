#pragma once
// PairPenalties: which forwarder cannot reach which origin for now (design 6: a failed dial first
// of all says something about the path between the two). Threading: one thread. Lifetime:
// self-contained; at most one entry for each pair of an attached forwarder and a known origin.

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weir::membership {

class PairPenalties {
 public:
  /// A dial failed. Set: the pair is penalised until then; nullopt: it was already.
  std::optional<MonotonicTime> punish(const ForwarderId& forwarder, const OriginId& origin,
                                      MonotonicTime now);
  /// A dial succeeded. True when the pair was penalised.
  bool pardon(const ForwarderId& forwarder, const OriginId& origin, MonotonicTime now);
  /// True when the penalty of the pair ended at `until`.
  bool ended(const ForwarderId& forwarder, const OriginId& origin, MonotonicTime until) const;
  /// Drops a pair whose penalty ended so long ago that the next one starts small again.
  void forget_old(const ForwarderId& forwarder, const OriginId& origin, MonotonicTime now);

  void remove_forwarder(const ForwarderId& forwarder);
  /// Returns the forwarders that were penalised.
  std::vector<ForwarderId> remove_origin(const OriginId& origin, MonotonicTime now);

  std::vector<OriginId> origins_of(const ForwarderId& forwarder, MonotonicTime now) const;
  std::vector<ForwarderId> forwarders_of(const OriginId& origin, MonotonicTime now) const;

 private:
  struct Penalty {
    Duration length{};
    MonotonicTime until{};
  };
  std::map<std::pair<ForwarderId, OriginId>, Penalty> pairs_;
  std::map<OriginId, std::set<ForwarderId>> by_origin_;
};

}  // namespace weir::membership
