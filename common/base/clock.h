#pragma once
// Time as an argument: `Clock` is injected by app/ wiring; pure code receives `now` as a parameter.
// Threading: SystemClock is stateless and safe from any thread.
// Lifetime: a Clock outlives everything it is handed to.

#include <chrono>

namespace weir {

/// Monotonic time of this process: for deadlines, ages and intervals. Never compared between hosts.
using MonotonicTime = std::chrono::steady_clock::time_point;
/// Calendar time: for display, tokens and generation numbers only.
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime now() const = 0;
  virtual WallTime wall_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
};

}  // namespace weir
