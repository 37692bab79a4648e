#pragma once
// A MemoryStateStore for the conformance suite, on a manual clock.
// Threading: one thread. Lifetime: self-contained.

#include <chrono>
#include <cstdint>
#include <memory>

#include "controlplane/store/memory/memory_state_store.h"
#include "tests/conformance/state_store_conformance.h"
#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::store {

class MemoryStoreUnderTest final : public StoreUnderTest {
 public:
  StateStore& store() override { return *store_; }
  Executor& executor() override { return executor_; }
  void deliver() override { executor_.run_ready(); }
  void deliver_answers() override { executor_.run_ready(); }
  void advance(Duration by) override { executor_.advance(by); }
  void stall(Duration by) override { clock_.advance(by); }
  void lose_history() override {
    store_.reset();
    executor_.run_ready();
    store_ = std::make_unique<MemoryStateStore>(executor_, clock_);
  }
  std::uint64_t wall_us() override {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.wall_now().time_since_epoch())
            .count());
  }

 private:
  testing::ManualClock clock_;
  testing::ManualExecutor executor_{clock_};
  std::unique_ptr<MemoryStateStore> store_ = std::make_unique<MemoryStateStore>(executor_, clock_);
};

}  // namespace weir::store
