#include "controlplane/store/memory/generation.h"

#include <algorithm>
#include <chrono>

#include "controlplane/store/limits.h"

namespace weir::store {

bool Generation::raise(std::uint64_t seen, std::uint64_t at_least, WallTime wall,
                       MonotonicTime now) {
  if (seen != number_) return false;
  const auto since_1970 =
      std::chrono::duration_cast<std::chrono::microseconds>(wall.time_since_epoch()).count();
  const auto clock = static_cast<std::uint64_t>(std::max<decltype(since_1970)>(since_1970, 0));
  // A nonsense number from outside must not bring the counter to its end.
  const std::uint64_t floor = at_least < kGenerationHeardMax ? at_least : 0;
  number_ = std::max({floor, clock, number_}) + 1;
  epochs_ = 0;
  revisions_ = 0;
  settling_until_ = now + kSettlingFirst;
  settling_bound_ = now + kSettlingMax;
  return true;
}

bool Generation::is_below(std::uint64_t known) const {
  return known < kGenerationHeardMax && known > number_;
}

bool Generation::is_ahead(const Epoch& known) const {
  if (known.generation >= kGenerationHeardMax) return false;
  return known > Epoch{number_, epochs_};
}

void Generation::extend_settling(MonotonicTime now) {
  if (!settling()) return;
  const MonotonicTime wanted = std::max(*settling_until_, now + kSettlingExtension);
  settling_until_ = std::min(wanted, settling_bound_);
}

void Generation::stalled(Duration gap) {
  if (!settling()) return;
  *settling_until_ += gap;
  settling_bound_ += gap;
}

bool Generation::end_settling_when_due(MonotonicTime now) {
  if (!settling() || now < *settling_until_) return false;
  settling_until_.reset();
  return true;
}

}  // namespace weir::store
