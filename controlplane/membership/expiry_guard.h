#pragma once
// ExpiryGuard: when many origins would be declared dead at once, it is likelier that the observer
// is at fault than that they died (docs/adr/0005-liveness.md). Only verdicts that are inferred
// (probes, dials) pass through here; a process that its own host saw exit is a fact, however many
// exit together. Threading: one thread. Lifetime: self-contained; remembers kGuardWindow of deaths.

#include <cstddef>
#include <deque>
#include <optional>

#include "common/base/clock.h"

namespace weir::membership {

class ExpiryGuard {
 public:
  enum class Ruling {
    kExecute,  ///< declare it dead
    kFreeze,   ///< hold it; the guard has just frozen
    kHold,     ///< hold it; the guard was frozen already
  };

  /// `live`: origins not declared dead, the accused included. `doubted`: of these, how many are
  /// about to be accused as well (the accused included).
  Ruling judge(std::size_t live, std::size_t doubted, MonotonicTime now);
  bool frozen() const { return frozen_since_.has_value(); }
  /// Deaths that were at issue when it last froze.
  std::size_t dying() const { return dying_; }
  std::size_t origins() const { return origins_; }
  /// From then on thaw() may be called.
  MonotonicTime thaw_time() const;
  /// Verdicts pass again, and for kGuardTrusting without limit: what still looks dead after the
  /// freeze has looked so for long enough.
  void thaw(MonotonicTime now);

 private:
  std::deque<MonotonicTime> deaths_;
  std::optional<MonotonicTime> frozen_since_;
  std::optional<MonotonicTime> trusting_until_;
  std::size_t dying_ = 0;
  std::size_t origins_ = 0;
};

}  // namespace weir::membership
