#include "controlplane/membership/expiry_guard.h"

#include <algorithm>

#include "common/base/contract.h"
#include "controlplane/membership/limits.h"

namespace weir::membership {

ExpiryGuard::Ruling ExpiryGuard::judge(std::size_t live, std::size_t doubted, MonotonicTime now) {
  if (frozen_since_) return Ruling::kHold;
  while (!deaths_.empty() && deaths_.front() + kGuardWindow < now) deaths_.pop_front();
  const std::size_t origins = live + deaths_.size();
  const std::size_t dying = deaths_.size() + std::max<std::size_t>(doubted, 1);
  const bool trusting = trusting_until_ && now < *trusting_until_;
  const std::size_t allowed = std::max(kGuardDeathsMin, origins / 2);
  if (!trusting && origins >= kGuardOriginsMin && dying > allowed) {
    frozen_since_ = now;
    dying_ = dying;
    origins_ = origins;
    return Ruling::kFreeze;
  }
  deaths_.push_back(now);
  return Ruling::kExecute;
}

MonotonicTime ExpiryGuard::thaw_time() const {
  WEIR_ASSERT(frozen_since_.has_value());
  return *frozen_since_ + kGuardFrozen;
}

void ExpiryGuard::thaw(MonotonicTime now) {
  WEIR_ASSERT(frozen_since_.has_value());
  frozen_since_.reset();
  deaths_.clear();
  trusting_until_ = now + kGuardTrusting;
}

}  // namespace weir::membership
