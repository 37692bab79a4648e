#include "common/endpoints/fresher_search.h"

#include <algorithm>

#include "common/endpoints/limits.h"

namespace weir::endpoints {

void FresherSearch::heard(std::size_t attached, bool stale, MonotonicTime now) {
  choice_.told(attached, stale, now);
  if (!stale) return detached();
  if (stale_at_) return;
  stale_at_ = attached;
  if (choice_.count() < 2) return;
  pause_ = kFresherAskedMin;
  ask_at_ = std::max(now, moves_from_) + Duration{static_cast<Duration::rep>(random_.below(
                                             static_cast<std::uint64_t>(pause_.count()) + 1))};
}

void FresherSearch::detached() {
  stale_at_.reset();
  ask_at_ = MonotonicTime::max();
}

std::vector<std::size_t> FresherSearch::due(MonotonicTime now) {
  std::vector<std::size_t> others;
  if (now < ask_at_) return others;
  for (std::size_t i = 0; i < choice_.count(); ++i) {
    if (i != *stale_at_) others.push_back(i);
  }
  pause_ = std::min<Duration>(2 * pause_, kFresherAskedMax);
  const auto half = static_cast<std::uint64_t>(pause_.count() / 2);
  ask_at_ = now + Duration{static_cast<Duration::rep>(half + random_.below(half + 1))};
  return others;
}

bool FresherSearch::answered(std::size_t endpoint, bool stale, MonotonicTime now) {
  choice_.answered(endpoint, now);
  choice_.told(endpoint, stale, now);
  if (stale || !stale_at_ || *stale_at_ == endpoint) return false;
  moves_from_ = now + kFresherMoveAgain;
  detached();
  return true;
}

}  // namespace weir::endpoints
