#pragma once
// RateMeter: a monotonic counter, read now and then, becomes a smoothed rate and a total that never
// goes back.
//
// Purpose: servers restart their counters (a new worker, a stream published again) and agents miss
// samples; neither may show as a negative or absurd rate. A counter that went back is taken to have
// started again from 0, so its new value is all growth.
// Threading: one thread. Lifetime: self-contained.

#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace weir::agent {

class RateMeter {
 public:
  /// `value`: the counter as read at `now`. Readings out of order or too close are ignored for the
  /// rate, never for the total.
  void update(MonotonicTime now, double value);
  /// Forgets everything: a new incarnation begins.
  void reset();

  /// Units per second, smoothed; 0 until two readings were made.
  double rate() const { return rate_; }
  /// Growth since the first reading plus that reading itself: monotonic over resets of the counter.
  double total() const { return total_; }

 private:
  std::optional<MonotonicTime> window_start_;
  double last_value_ = 0;
  double window_growth_ = 0;
  double total_ = 0;
  double rate_ = 0;
  bool has_rate_ = false;
};

}  // namespace weir::agent
