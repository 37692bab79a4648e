#include "controlplane/service/departures.h"

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

namespace weir::service {

namespace {

/// Runs `work` on a thread of gRPC.
void on_grpc_thread(std::function<void()> work) {
  auto alarm = std::make_shared<grpc::Alarm>();
  grpc::Alarm& set = *alarm;
  set.Set(gpr_inf_past(GPR_CLOCK_MONOTONIC),
          [alarm = std::move(alarm), work = std::move(work)](bool) mutable {
            // It holds this function, which holds it: the circle ends here.
            const auto last = std::move(alarm);
            work();
          });
}

}  // namespace

struct Departures::State : std::enable_shared_from_this<State> {
  std::mutex mutex;
  std::vector<Callback<void()>> waiting;
  bool posted = false;   ///< leave() will run
  bool leaving = false;  ///< somebody starts what waited

  /// On the core's thread, when its turn is over.
  void leave() {
    bool alone = false;
    {
      const std::lock_guard lock(mutex);
      posted = false;
      if (leaving || waiting.empty()) return;
      leaving = true;
      alone = waiting.size() == 1;
    }
    if (alone) return run();
    on_grpc_thread([self = shared_from_this()] { self->run(); });
  }

  /// One batch. What was added meanwhile is the next one's: gRPC runs completions when this
  /// returns.
  void run() {
    std::vector<Callback<void()>> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(waiting);
    }
    for (auto& start : batch) start();
    {
      const std::lock_guard lock(mutex);
      leaving = !waiting.empty();
      if (!leaving) return;
    }
    on_grpc_thread([self = shared_from_this()] { self->run(); });
  }
};

Departures::Departures(Executor& executor)
    : executor_(executor), state_(std::make_shared<State>()) {}
Departures::~Departures() = default;

void Departures::add(Callback<void()> start) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->waiting.push_back(std::move(start));
    if (state_->leaving || state_->posted) return;
    state_->posted = true;
  }
  // Behind what the core has to do already: its answers leave together.
  executor_.post([state = state_] { state->leave(); });
}

}  // namespace weir::service
