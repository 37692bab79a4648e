#pragma once
// Departures: what the core hands to gRPC, started in batches on one of gRPC's own threads.
//
// Purpose: an operation that is started on a thread of ours costs gRPC a write of its own, a
// wake-up of its poller and one of its executor for the completion: 14 thread switches per answer
// were counted. Started one after the other on a thread of gRPC, completions run where they arise.
// What is alone in its turn of the core is started at once, without the hop. Threading: add() on
// the core's thread; what is added runs on one thread at a time, in order. Lifetime: what has not
// been started when the executor goes is dropped.

#include <memory>

#include "common/base/callback.h"
#include "common/base/executor.h"

namespace weir::service {

class Departures {
 public:
  explicit Departures(Executor& executor);
  ~Departures();
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  /// `start` runs soon after this turn of the core.
  void add(Callback<void()> start);

 private:
  struct State;
  Executor& executor_;
  std::shared_ptr<State> state_;
};

}  // namespace weir::service
