#pragma once
// SessionDriver::Candidates: the addresses of a host name that a dial has not tried yet.
//
// Purpose: one that refuses, or does not answer for a while, must not cost the whole dial when the
// name has others. Threading: the worker's thread. Lifetime: while the name is being dialled.

#include <algorithm>
#include <cstddef>
#include <utility>

#include "dataplane/io/session_driver.h"

namespace weir::io {

/// For one of `addresses` that are still to be tried, this one counted, when `left` is left of the
/// dial. The first ones get what an origin needs at least, even if the last are not tried then.
inline Duration time_for_address(Duration left, std::size_t addresses) {
  const auto share = left / static_cast<Duration::rep>(std::max<std::size_t>(addresses, 1));
  return std::max<Duration>(share, kNextAddressAfter);
}

class SessionDriver::Candidates final : private Timer {
 public:
  Candidates(WorkerContext& context, LegSocket& leg, HostLookup::Addresses addresses)
      : context_(context), leg_(leg), addresses_(std::move(addresses)) {}
  ~Candidates() { context_.timers.cancel(*this); }
  Candidates(const Candidates&) = delete;
  Candidates& operator=(const Candidates&) = delete;

  bool empty() const { return next_ == addresses_.size(); }
  SocketAddress take() { return addresses_[next_++]; }
  /// The next one is tried after a while, unless this one has answered. `deadline`: of the session,
  /// which is the dial's unless another is nearer.
  void wait(MonotonicTime deadline) {
    const MonotonicTime now = context_.clock.now();
    const Duration left = deadline == MonotonicTime::max() ? Duration::zero() : deadline - now;
    const MonotonicTime when = now + time_for_address(left, addresses_.size() - next_ + 1);
    context_.timers.set(*this, when);
    if (when < context_.armed_for) context_.post_work();
  }

 private:
  void on_timer(MonotonicTime) override {
    // The session's own deadline ends the whole dial.
    if (leg_.connecting) leg_.owner.try_next_address(leg_);
  }

  WorkerContext& context_;
  LegSocket& leg_;
  HostLookup::Addresses addresses_;
  std::size_t next_ = 0;
};

}  // namespace weir::io
