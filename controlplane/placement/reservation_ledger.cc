#include "controlplane/placement/reservation_ledger.h"

#include <algorithm>
#include <chrono>

#include "controlplane/placement/limits.h"

namespace weir::placement {
namespace {

double seconds(MonotonicTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// Most stand for one stream; what another replica told of, for all that it placed in a while.
std::uint32_t streams_of(const Cost& cost) {
  return static_cast<std::uint32_t>(std::clamp(cost.streams, 0.0, 1e6));
}

constexpr double kFadeSeconds = std::chrono::duration<double>(kReservationFade).count();

}  // namespace

double Pending::bits_per_second(MonotonicTime now) const {
  // Sum of b * (1 - (now - start) / fade), rearranged so that it needs no walk over the
  // reservations.
  const double faded = (bits_total * seconds(now) - bits_moment) / kFadeSeconds;
  return std::clamp(bits_total - faded, 0.0, std::max(bits_total, 0.0));
}

ReservationLedger::Id ReservationLedger::reserve(const IncarnationId& incarnation, const Cost& cost,
                                                 MonotonicTime now) {
  if (by_age_.size() >= kReservationsMax) return 0;
  const Id id = next_id_++;
  entries_.emplace(id, Entry{.incarnation = incarnation, .cost = cost, .start = now});
  by_age_.push_back(id);
  Account& account = accounts_[incarnation];
  ++account.live;
  ++account.sum.in_flight;
  account.sum.unreported += streams_of(cost);
  account.sum.bits_total += cost.bits_per_second;
  account.sum.bits_moment += cost.bits_per_second * seconds(now);
  account.unreported.push_back(id);
  return id;
}

void ReservationLedger::bound(Id id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || !entry->second.in_flight) return;
  entry->second.in_flight = false;
  --accounts_.at(entry->second.incarnation).sum.in_flight;
}

void ReservationLedger::release(Id id) {
  const auto entry = entries_.find(id);
  if (entry != entries_.end()) drop(entry);
}

void ReservationLedger::drop(std::unordered_map<Id, Entry>::iterator entry) {
  const Entry gone = std::move(entry->second);
  entries_.erase(entry);
  const auto found = accounts_.find(gone.incarnation);
  Account& account = found->second;
  if (--account.live == 0) {
    accounts_.erase(found);  // also ends the rounding errors that the sums have gathered
    return;
  }
  if (gone.in_flight) --account.sum.in_flight;
  if (gone.unreported) account.sum.unreported -= streams_of(gone.cost);
  account.sum.bits_total -= gone.cost.bits_per_second;
  account.sum.bits_moment -= gone.cost.bits_per_second * seconds(gone.start);
  while (!account.unreported.empty() && !entries_.contains(account.unreported.front())) {
    account.unreported.pop_front();
  }
}

void ReservationLedger::reported(const IncarnationId& incarnation, MonotonicTime taken) {
  const auto found = accounts_.find(incarnation);
  if (found == accounts_.end()) return;
  Account& account = found->second;
  while (!account.unreported.empty()) {
    const auto entry = entries_.find(account.unreported.front());
    if (entry != entries_.end()) {
      if (entry->second.start >= taken) return;
      entry->second.unreported = false;
      account.sum.unreported -= streams_of(entry->second.cost);
    }
    account.unreported.pop_front();
  }
}

void ReservationLedger::forget(const IncarnationId& incarnation) {
  // A walk over everything: deaths are rare, and an index by incarnation would cost every
  // placement.
  if (accounts_.erase(incarnation) == 0) return;
  std::erase_if(entries_, [&](const auto& item) { return item.second.incarnation == incarnation; });
}

std::vector<IncarnationId> ReservationLedger::advance(MonotonicTime now) {
  std::vector<IncarnationId> changed;
  while (!by_age_.empty()) {
    const auto entry = entries_.find(by_age_.front());
    if (entry != entries_.end()) {
      if (entry->second.start + kReservationFade > now) break;
      if (changed.empty() || changed.back() != entry->second.incarnation) {
        changed.push_back(entry->second.incarnation);
      }
      drop(entry);
    }
    by_age_.pop_front();
  }
  return changed;
}

Pending ReservationLedger::pending(const IncarnationId& incarnation) const {
  const auto found = accounts_.find(incarnation);
  return found == accounts_.end() ? Pending{} : found->second.sum;
}

}  // namespace weir::placement
