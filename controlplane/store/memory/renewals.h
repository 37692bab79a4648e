#pragma once
// Renewals: which forwarders gave a sign of life within 3 s.
//
// Purpose: an expired renewal permits a takeover; therefore it must be certain. It means nothing
// while the store settles, for 3 s after that, and for 3 s after the store itself stood still.
// Threading: the store's thread. Lifetime: owned by the store.

#include <cstddef>
#include <list>
#include <optional>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weir::store {

class Renewals {
 public:
  /// Returns whether the renewal before this one had not expired.
  bool renew(const ForwarderId& id, MonotonicTime now);
  /// Since when a forwarder is certainly gone; nullopt: it is not, or nobody can tell.
  std::optional<MonotonicTime> gone_since(const ForwarderId& id, MonotonicTime now) const;
  /// An absent renewal means nothing before `until`.
  void mean_nothing_until(MonotonicTime until);
  /// Forgets forwarders that expired long ago.
  void forget_old(MonotonicTime now);
  std::size_t size() const { return by_id_.size(); }

 private:
  struct Renewal {
    ForwarderId id;
    MonotonicTime expires;
  };
  /// In order of expiry: each renewal lasts equally long, so a renewed one goes to the end.
  std::list<Renewal> by_expiry_;
  std::unordered_map<ForwarderId, std::list<Renewal>::iterator> by_id_;
  MonotonicTime meaningful_from_{};
};

}  // namespace weir::store
