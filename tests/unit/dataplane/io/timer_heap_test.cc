#include "dataplane/io/timer_heap.h"

#include <chrono>
#include <functional>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace weir::io {
namespace {

using std::chrono::milliseconds;

const MonotonicTime kStart{std::chrono::hours{1}};

class Probe final : public Timer {
 public:
  void on_timer(MonotonicTime now) override {
    fired.push_back(now);
    if (then) then();
  }
  std::vector<MonotonicTime> fired;
  std::function<void()> then;
};

TEST(TimerHeapTest, RunsAtOrAfterItsTimeAndOnce) {
  TimerHeap heap;
  Probe timer;
  heap.set(timer, kStart + milliseconds{10});
  heap.run(kStart + milliseconds{9});
  EXPECT_TRUE(timer.fired.empty());
  heap.run(kStart + milliseconds{10});
  heap.run(kStart + milliseconds{20});
  EXPECT_EQ(timer.fired.size(), 1U);
}

TEST(TimerHeapTest, AMoveToLaterCostsNoEntryAndCounts) {
  TimerHeap heap;
  Probe timer;
  for (int i = 1; i <= 100; ++i) heap.set(timer, kStart + milliseconds{i});
  EXPECT_EQ(heap.size(), 1U);
  heap.run(kStart + milliseconds{99});
  EXPECT_TRUE(timer.fired.empty());
  heap.run(kStart + milliseconds{100});
  EXPECT_EQ(timer.fired.size(), 1U);
}

TEST(TimerHeapTest, AMoveToEarlierCounts) {
  TimerHeap heap;
  Probe timer;
  heap.set(timer, kStart + milliseconds{100});
  heap.set(timer, kStart + milliseconds{5});
  EXPECT_EQ(heap.next(), kStart + milliseconds{5});
  heap.run(kStart + milliseconds{5});
  EXPECT_EQ(timer.fired.size(), 1U);
}

TEST(TimerHeapTest, AnUnsetTimerDoesNotRun) {
  TimerHeap heap;
  Probe timer;
  heap.set(timer, kStart);
  heap.set(timer, std::nullopt);
  heap.run(kStart + milliseconds{1});
  EXPECT_TRUE(timer.fired.empty());
}

TEST(TimerHeapTest, ATimerMayCancelOrMoveAnotherThatIsDueAtTheSameTime) {
  TimerHeap heap;
  Probe first, cancelled, moved;
  heap.set(first, kStart);
  heap.set(cancelled, kStart + milliseconds{1});
  heap.set(moved, kStart + milliseconds{2});
  first.then = [&] {
    heap.cancel(cancelled);
    heap.set(moved, kStart + milliseconds{50});
  };
  heap.run(kStart + milliseconds{10});
  EXPECT_TRUE(cancelled.fired.empty());
  EXPECT_TRUE(moved.fired.empty());
  heap.run(kStart + milliseconds{50});
  EXPECT_EQ(moved.fired.size(), 1U);
}

TEST(TimerHeapTest, ATimerSetToThePastFromWithinRunsInTheNextTurn) {
  TimerHeap heap;
  Probe timer;
  heap.set(timer, kStart);
  timer.then = [&] {
    if (timer.fired.size() == 1) heap.set(timer, MonotonicTime{});
  };
  heap.run(kStart);
  EXPECT_EQ(timer.fired.size(), 1U);
  heap.run(kStart);
  EXPECT_EQ(timer.fired.size(), 2U);
}

/// Each of them cost a walk over all once, which took minutes here.
TEST(TimerHeapTest, ManyThatAreDueTogetherAndAreSetAgainCostNoWalkEach) {
  TimerHeap heap;
  std::vector<Probe> timers(100'000);
  for (Probe& timer : timers) {
    heap.set(timer, kStart);
    timer.then = [&heap, &timer] { heap.set(timer, kStart + milliseconds{1}); };
  }
  const auto before = std::chrono::steady_clock::now();
  heap.run(kStart);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  EXPECT_EQ(heap.size(), timers.size());
  for (Probe& timer : timers) {
    ASSERT_EQ(timer.fired.size(), 1U);
    heap.cancel(timer);
  }
}

TEST(TimerHeapTest, AgreesWithAnOrderedMapOverRandomOperations) {
  SeededRandom random(11);
  TimerHeap heap;
  std::vector<Probe> timers(50);
  std::map<Probe*, MonotonicTime> model;
  MonotonicTime now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    Probe& timer = timers[random.below(timers.size())];
    switch (random.below(4)) {
      case 0:
      case 1: {
        const MonotonicTime due = now + milliseconds{static_cast<long>(random.below(50))};
        heap.set(timer, due);
        model[&timer] = due;
        break;
      }
      case 2:
        if (random.below(2) == 0)
          heap.cancel(timer);
        else
          heap.set(timer, std::nullopt);
        model.erase(&timer);
        break;
      default: {
        now += milliseconds{static_cast<long>(random.below(20))};
        for (Probe& each : timers) each.fired.clear();
        heap.run(now);
        for (Probe& each : timers) {
          const auto it = model.find(&each);
          const bool due = it != model.end() && it->second <= now;
          ASSERT_EQ(each.fired.size(), due ? 1U : 0U) << "step " << step;
          if (due) model.erase(it);
        }
      }
    }
  }
  for (Probe& each : timers) heap.cancel(each);
  EXPECT_EQ(heap.size(), 0U);
}

}  // namespace
}  // namespace weir::io
