#include "dataplane/io/timer_heap.h"

namespace weir::io {

void TimerHeap::set(Timer& timer, std::optional<MonotonicTime> due) {
  // It was about to run: the new time counts.
  if (timer.expired_) withdraw(timer);
  if (!due) {
    // The entry stays: the session will set a timer again soon, and an early wake-up costs little.
    timer.due_ = MonotonicTime::max();
    return;
  }
  timer.due_ = *due;
  if (timer.slot_ == Timer::kNone) {
    heap_.emplace_back();
    sift_up(heap_.size() - 1, Entry{*due, &timer});
  } else if (*due < heap_[timer.slot_].when) {
    sift_up(timer.slot_, Entry{*due, &timer});
  }
}

void TimerHeap::cancel(Timer& timer) {
  timer.due_ = MonotonicTime::max();
  // run() may be about to call it.
  if (timer.expired_) return withdraw(timer);
  if (timer.slot_ != Timer::kNone) remove(timer.slot_);
}

std::optional<MonotonicTime> TimerHeap::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

void TimerHeap::run(MonotonicTime now) {
  while (!heap_.empty() && heap_.front().when <= now) {
    Timer* timer = heap_.front().timer;
    if (timer->due_ > now && timer->due_ != MonotonicTime::max()) {
      sift_down(0, Entry{timer->due_, timer});
      continue;
    }
    remove(0);
    if (timer->due_ == MonotonicTime::max()) continue;
    timer->due_ = MonotonicTime::max();
    timer->expired_ = true;
    timer->slot_ = static_cast<std::uint32_t>(expired_.size());
    expired_.push_back(timer);
  }
  for (std::size_t i = 0; i < expired_.size(); ++i) {
    Timer* timer = expired_[i];
    if (timer == nullptr) continue;
    withdraw(*timer);
    timer->on_timer(now);
  }
  expired_.clear();
}

/// From those that are about to run.
void TimerHeap::withdraw(Timer& timer) {
  expired_[timer.slot_] = nullptr;
  timer.slot_ = Timer::kNone;
  timer.expired_ = false;
}

void TimerHeap::put(std::size_t slot, Entry entry) {
  heap_[slot] = entry;
  entry.timer->slot_ = static_cast<std::uint32_t>(slot);
}

void TimerHeap::sift_up(std::size_t slot, Entry entry) {
  while (slot > 0) {
    const std::size_t parent = (slot - 1) / 2;
    if (heap_[parent].when <= entry.when) break;
    put(slot, heap_[parent]);
    slot = parent;
  }
  put(slot, entry);
}

void TimerHeap::sift_down(std::size_t slot, Entry entry) {
  while (true) {
    std::size_t child = 2 * slot + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].when < heap_[child].when) ++child;
    if (entry.when <= heap_[child].when) break;
    put(slot, heap_[child]);
    slot = child;
  }
  put(slot, entry);
}

void TimerHeap::remove(std::size_t slot) {
  heap_[slot].timer->slot_ = Timer::kNone;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (slot == heap_.size()) return;
  if (slot > 0 && last.when < heap_[(slot - 1) / 2].when) {
    sift_up(slot, last);
  } else {
    sift_down(slot, last);
  }
}

}  // namespace weir::io
