#include "controlplane/membership/origin_facts.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "controlplane/membership/limits.h"

namespace weir::membership {
namespace {

/// Dials without failure that are presumed, so that the first failures do not make a rate of 1.
constexpr double kPresumedDials = 8;

}  // namespace

double ErrorRate::faded(MonotonicTime now) const {
  const std::chrono::duration<double> age = now - time_;
  const std::chrono::duration<double> half_life = kErrorHalfLife;
  return std::exp2(-std::max(age.count(), 0.0) / half_life.count());
}

void ErrorRate::add(bool failed, MonotonicTime now) {
  const double factor = faded(now);
  dials_ = dials_ * factor + 1;
  failures_ = failures_ * factor + (failed ? 1 : 0);
  time_ = now;
}

double ErrorRate::value(MonotonicTime now) const {
  const double factor = faded(now);
  return std::max(0.0, failures_ * factor - 1) / (dials_ * factor + kPresumedDials);
}

void ReturnBackoff::died(MonotonicTime now) {
  if (last_ && now - *last_ >= kDeathsForgotten) deaths_ = 0;
  last_ = now;
  ++deaths_;
  Duration delay{};
  if (deaths_ > kReturnsFree) {
    const std::uint32_t doublings = std::min(deaths_ - kReturnsFree - 1, 8U);
    delay = std::min<Duration>(Duration(kReturnDelayFirst) * (1 << doublings), kReturnDelayMax);
  }
  return_time_ = now + delay;
}

void OriginFacts::begin_life(const IncarnationId& next) {
  incarnation = next;
  probe_answered = false;
  probe_seen = false;
  admit_waiting = false;
  admit_time.reset();
  answer_time.reset();
  probes_failed = 0;
  failed_dials.clear();
  bytes_time.reset();
  errors = ErrorRate();
  held.reset();
}

}  // namespace weir::membership
