#pragma once
// SessionDriver::Candidates: the addresses of a host name that a dial has not tried yet.
//
// Purpose: one that refuses, or does not answer for a while, must not cost the whole dial when the
// name has others. Threading: the worker's thread. Lifetime: while the name is being dialled.

#include <cstddef>
#include <utility>

#include "dataplane/io/session_driver.h"

namespace weir::io {

class SessionDriver::Candidates final : private Timer {
 public:
  Candidates(WorkerContext& context, LegSocket& leg, HostLookup::Addresses addresses)
      : context_(context), leg_(leg), addresses_(std::move(addresses)) {}
  ~Candidates() { context_.timers.cancel(*this); }
  Candidates(const Candidates&) = delete;
  Candidates& operator=(const Candidates&) = delete;

  bool empty() const { return next_ == addresses_.size(); }
  SocketAddress take() { return addresses_[next_++]; }
  /// The next one is tried then, unless this one has answered.
  void wait_until(MonotonicTime when) {
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
