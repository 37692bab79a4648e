#pragma once
// Executor: where deferred work runs, and timers on it. The seam between pure code and Asio
// (common/async/asio_executor.h); tests drive tests/support/manual_executor.h by hand.
// Threading: post() from any thread; the work runs on the executor's one thread, in order of
// posting. Lifetime: outlives everything posted to it; work not yet run at destruction is dropped.

#include <cstdint>

#include "common/base/callback.h"
#include "common/base/clock.h"

namespace weir {

/// Names a pending timer; 0 is never used.
using TimerId = std::uint64_t;

class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Callback<void()> work) = 0;
  /// Runs `work` once, not before `delay` has passed. Only from the executor's own thread.
  virtual TimerId run_after(Duration delay, Callback<void()> work) = 0;
  /// Forgets a timer; unknown or already run ids are ignored. Only from the executor's own thread.
  virtual void cancel(TimerId timer) = 0;
};

}  // namespace weir
