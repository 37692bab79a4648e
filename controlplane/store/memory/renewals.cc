#include "controlplane/store/memory/renewals.h"

#include <algorithm>

#include "controlplane/store/limits.h"

namespace weir::store {

bool Renewals::renew(const ForwarderId& id, MonotonicTime now) {
  const MonotonicTime expires = now + kRenewalExpiry;
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    by_expiry_.push_back({id, expires});
    by_id_.emplace(id, std::prev(by_expiry_.end()));
    return false;
  }
  const bool unbroken = found->second->expires > now;
  found->second->expires = expires;
  by_expiry_.splice(by_expiry_.end(), by_expiry_, found->second);
  return unbroken;
}

std::optional<MonotonicTime> Renewals::gone_since(const ForwarderId& id, MonotonicTime now) const {
  if (now < meaningful_from_) return std::nullopt;
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    // Never seen in this history, or forgotten: it expired at least that long ago.
    return std::max(meaningful_from_, now - kRenewalRemembered);
  }
  if (found->second->expires > now) return std::nullopt;
  return std::max(meaningful_from_, found->second->expires);
}

void Renewals::mean_nothing_until(MonotonicTime until) {
  meaningful_from_ = std::max(meaningful_from_, until);
}

void Renewals::forget_old(MonotonicTime now) {
  while (!by_expiry_.empty() && by_expiry_.front().expires + kRenewalRemembered <= now) {
    by_id_.erase(by_expiry_.front().id);
    by_expiry_.pop_front();
  }
}

}  // namespace weir::store
