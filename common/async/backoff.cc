#include "common/async/backoff.h"

#include <algorithm>

#include "common/base/contract.h"

namespace weir::async {

Backoff::Backoff(Duration initial, Duration max, Random& random)
    : initial_(initial), max_(max), limit_(initial), random_(&random) {
  WEIR_ASSERT(initial > Duration::zero() && initial <= max);
}

Duration Backoff::next() {
  const auto bound = static_cast<std::uint64_t>(limit_.count());
  limit_ = std::min(max_, limit_ <= max_ / 2 ? limit_ * 2 : max_);
  return Duration(static_cast<Duration::rep>(1 + random_->below(bound)));
}

}  // namespace weir::async
