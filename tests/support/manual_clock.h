#pragma once
// ManualClock: a Clock that moves only when a test moves it.
// Threading: one thread. Lifetime: outlives everything that reads it.

#include <chrono>

#include "common/base/clock.h"
#include "common/base/contract.h"

namespace weir::testing {

class ManualClock final : public Clock {
 public:
  /// 2026-01-01 00:00:00 UTC: a date at which generation numbers look like real ones.
  static constexpr std::chrono::seconds kWallStart{1767225600};
  /// Not zero, so that "now - age" in code under test does not pass the epoch of the clock.
  static constexpr std::chrono::hours kMonotonicStart{1000};

  MonotonicTime now() const override { return now_; }
  WallTime wall_now() const override { return wall_; }

  /// Both clocks go forward together.
  void advance(Duration by) {
    WEIR_ASSERT(by >= Duration::zero());
    now_ += by;
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
  }
  void advance_to(MonotonicTime to) { advance(to - now_); }
  /// A calendar step (NTP, an operator): monotonic time is not touched.
  void set_wall(WallTime to) { wall_ = to; }

 private:
  MonotonicTime now_{kMonotonicStart};
  WallTime wall_{kWallStart};
};

}  // namespace weir::testing
