#pragma once
// FresherSearch: looks for a better replica while the one attached to says that it is stale.
//
// Purpose: a replica is left for its staleness only when another has just said that it is not
// stale: when all are cut off from the store nobody moves. The others are asked now and then (each
// client at times of its own, less and less often), because leaving is what costs: a hello, and
// origins that nobody vouches for meanwhile. Inputs take `now`; the caller asks whom due() names.
// Threading: one thread. Lifetime: choice and Random outlive it.

#include <cstddef>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/endpoints/endpoint_choice.h"

namespace weir::endpoints {

class FresherSearch {
 public:
  FresherSearch(EndpointChoice& choice, Random& random) : choice_(choice), random_(random) {}

  /// The replica attached to said so.
  void heard(std::size_t attached, bool stale, MonotonicTime now);
  /// The attach stream has ended, whatever the reason.
  void detached();

  /// Whom to ask now (GetReplica); empty = nobody yet.
  std::vector<std::size_t> due(MonotonicTime now);
  /// When due() may have something to say; max() = no time is set.
  MonotonicTime next_due() const { return ask_at_; }
  /// What one of them answered. True: the stream goes there now, as choice.next() will say.
  bool answered(std::size_t endpoint, bool stale, MonotonicTime now);

 private:
  EndpointChoice& choice_;
  Random& random_;
  std::optional<std::size_t> stale_at_;  ///< attached to it, and it is stale
  MonotonicTime ask_at_ = MonotonicTime::max();
  MonotonicTime moves_from_ = MonotonicTime::min();
  Duration pause_{};
};

}  // namespace weir::endpoints
