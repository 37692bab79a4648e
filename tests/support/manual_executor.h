#pragma once
// ManualExecutor: an Executor that a test drives by hand over a ManualClock.
//
// Purpose: nothing runs until run_ready() or advance(); timers run in order of their time, those of
// one time in order of creation, and the clock shows each timer's own time while it runs. So a test
// of hours takes microseconds and is the same on every run. Threading: one thread (post()
// included). Lifetime: what was posted and has not run is dropped with the executor. The clock
// outlives it.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/base/executor.h"
#include "tests/support/manual_clock.h"

namespace weir::testing {

class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}

  void post(Callback<void()> work) override { ready_.push_back(std::move(work)); }
  TimerId run_after(Duration delay, Callback<void()> work) override;
  void cancel(TimerId timer) override;

  /// Runs posted work, what that work posts, and timers that are due now, until nothing is left.
  /// Returns how many pieces ran.
  std::size_t run_ready();
  /// Runs exactly one piece that is ready now, for tests that choose interleavings; false: none
  /// was.
  bool run_one();
  /// Moves the clock by `by`, stopping at each timer on the way; runs what is ready before and
  /// after.
  void advance(Duration by);

  std::size_t posted() const { return ready_.size(); }
  std::size_t timers() const { return timers_.size(); }
  /// When the next timer is due.
  std::optional<MonotonicTime> next_timer() const;

 private:
  using Key = std::pair<MonotonicTime, TimerId>;

  ManualClock& clock_;
  std::deque<Callback<void()>> ready_;
  std::map<Key, Callback<void()>> timers_;
  std::unordered_map<TimerId, MonotonicTime> due_;
  TimerId last_timer_ = 0;
};

}  // namespace weir::testing
