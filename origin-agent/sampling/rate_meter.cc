#include "origin-agent/sampling/rate_meter.h"

#include <cmath>

#include "origin-agent/sampling/limits.h"

namespace weir::agent {

void RateMeter::update(MonotonicTime now, double value) {
  if (!window_start_) {
    window_start_ = now;
    last_value_ = total_ = value;
    return;
  }
  const double growth = value >= last_value_ ? value - last_value_ : value;
  last_value_ = value;
  total_ += growth;
  window_growth_ += growth;

  const Duration window = now - *window_start_;
  if (window < kRateWindowMin) return;
  const double seconds = std::chrono::duration<double>(window).count();
  const double newest = window_growth_ / seconds;
  if (!has_rate_ || window > kRateGapMax) {
    rate_ = newest;
  } else {
    // Exponential smoothing whose weight follows the real window, so that the reporting interval
    // (which the control plane chooses) does not change how fast a load step shows.
    const double weight =
        1 - std::exp(-seconds / std::chrono::duration<double>(kRateSmoothing).count());
    rate_ += weight * (newest - rate_);
  }
  has_rate_ = true;
  window_start_ = now;
  window_growth_ = 0;
}

void RateMeter::reset() {
  *this = RateMeter();
}

}  // namespace weir::agent
