#include "controlplane/membership/pair_penalties.h"

#include <algorithm>

#include "controlplane/membership/limits.h"

namespace weir::membership {

std::optional<MonotonicTime> PairPenalties::punish(const ForwarderId& forwarder,
                                                   const OriginId& origin, MonotonicTime now) {
  const auto [entry, added] = pairs_.try_emplace({forwarder, origin});
  Penalty& penalty = entry->second;
  if (added) {
    by_origin_[origin].insert(forwarder);
    penalty.length = kPenaltyFirst;
  } else {
    // Sessions that were dialling at the same time fail together: one failure, not several.
    if (now < penalty.until) return std::nullopt;
    const bool fresh = now - penalty.until >= kPenaltyForgotten;
    penalty.length =
        fresh ? Duration(kPenaltyFirst) : std::min<Duration>(penalty.length * 2, kPenaltyMax);
  }
  penalty.until = now + penalty.length;
  return penalty.until;
}

bool PairPenalties::pardon(const ForwarderId& forwarder, const OriginId& origin,
                           MonotonicTime now) {
  const auto entry = pairs_.find({forwarder, origin});
  if (entry == pairs_.end()) return false;
  const bool active = now < entry->second.until;
  pairs_.erase(entry);
  const auto forwarders = by_origin_.find(origin);
  forwarders->second.erase(forwarder);
  if (forwarders->second.empty()) by_origin_.erase(forwarders);
  return active;
}

bool PairPenalties::ended(const ForwarderId& forwarder, const OriginId& origin,
                          MonotonicTime until) const {
  const auto entry = pairs_.find({forwarder, origin});
  return entry != pairs_.end() && entry->second.until == until;
}

void PairPenalties::forget_old(const ForwarderId& forwarder, const OriginId& origin,
                               MonotonicTime now) {
  const auto entry = pairs_.find({forwarder, origin});
  if (entry == pairs_.end() || now - entry->second.until < kPenaltyForgotten) return;
  pardon(forwarder, origin, now);
}

void PairPenalties::remove_forwarder(const ForwarderId& forwarder) {
  auto entry = pairs_.lower_bound({forwarder, OriginId()});
  while (entry != pairs_.end() && entry->first.first == forwarder) {
    const auto forwarders = by_origin_.find(entry->first.second);
    forwarders->second.erase(forwarder);
    if (forwarders->second.empty()) by_origin_.erase(forwarders);
    entry = pairs_.erase(entry);
  }
}

std::vector<ForwarderId> PairPenalties::remove_origin(const OriginId& origin, MonotonicTime now) {
  std::vector<ForwarderId> active = forwarders_of(origin, now);
  const auto forwarders = by_origin_.find(origin);
  if (forwarders == by_origin_.end()) return active;
  for (const auto& forwarder : forwarders->second) pairs_.erase({forwarder, origin});
  by_origin_.erase(forwarders);
  return active;
}

std::vector<OriginId> PairPenalties::origins_of(const ForwarderId& forwarder,
                                                MonotonicTime now) const {
  std::vector<OriginId> origins;
  for (auto entry = pairs_.lower_bound({forwarder, OriginId()});
       entry != pairs_.end() && entry->first.first == forwarder; ++entry) {
    if (now < entry->second.until) origins.push_back(entry->first.second);
  }
  return origins;
}

std::vector<ForwarderId> PairPenalties::forwarders_of(const OriginId& origin,
                                                      MonotonicTime now) const {
  std::vector<ForwarderId> active;
  const auto forwarders = by_origin_.find(origin);
  if (forwarders == by_origin_.end()) return active;
  for (const auto& forwarder : forwarders->second) {
    if (now < pairs_.at({forwarder, origin}).until) active.push_back(forwarder);
  }
  return active;
}

}  // namespace weir::membership
