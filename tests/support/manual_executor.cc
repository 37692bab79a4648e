#include "tests/support/manual_executor.h"

#include <algorithm>

#include "common/base/contract.h"

namespace weir::testing {
namespace {

/// Work that posts itself for ever would hang a test; this many pieces without the clock moving is
/// taken for that.
constexpr std::size_t kEndless = 50'000'000;

}  // namespace

TimerId ManualExecutor::run_after(Duration delay, Callback<void()> work) {
  const TimerId id = ++last_timer_;
  const MonotonicTime due = clock_.now() + std::max(delay, Duration::zero());
  timers_.emplace(Key{due, id}, std::move(work));
  due_.emplace(id, due);
  return id;
}

void ManualExecutor::cancel(TimerId timer) {
  const auto found = due_.find(timer);
  if (found == due_.end()) return;
  timers_.erase(Key{found->second, timer});
  due_.erase(found);
}

bool ManualExecutor::run_one() {
  Callback<void()> work;
  if (!ready_.empty()) {
    work = std::move(ready_.front());
    ready_.pop_front();
  } else if (!timers_.empty() && timers_.begin()->first.first <= clock_.now()) {
    auto node = timers_.extract(timers_.begin());
    due_.erase(node.key().second);
    work = std::move(node.mapped());
  } else {
    return false;
  }
  work();
  return true;
}

std::size_t ManualExecutor::run_ready() {
  std::size_t count = 0;
  while (run_one()) {
    ++count;
    WEIR_ASSERT(count < kEndless);
  }
  return count;
}

void ManualExecutor::advance(Duration by) {
  const MonotonicTime until = clock_.now() + by;
  run_ready();
  while (!timers_.empty() && timers_.begin()->first.first <= until) {
    clock_.advance_to(timers_.begin()->first.first);
    run_ready();
  }
  clock_.advance_to(until);
  run_ready();
}

std::optional<MonotonicTime> ManualExecutor::next_timer() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

}  // namespace weir::testing
