#pragma once
// TimerHeap: the timers of one worker's sessions: 16 bytes each, and nothing at all while unset.
//
// Purpose: sessions move their deadline with nearly every packet, almost always later. Such a move
// only writes the new time into the timer; the heap entry follows when it comes up. Threading: the
// worker's thread. Lifetime: a Timer must be cancelled before it goes (its owner's destructor
// does).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/clock.h"

namespace weir::io {

class Timer {
 public:
  virtual void on_timer(MonotonicTime now) = 0;

 protected:
  ~Timer() = default;

 private:
  friend class TimerHeap;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t slot_ = kNone;                ///< in the heap, or among those that are about to run
  bool expired_ = false;                      ///< which of them
  MonotonicTime due_ = MonotonicTime::max();  ///< max = unset
};

class TimerHeap {
 public:
  void set(Timer& timer, std::optional<MonotonicTime> due);
  void cancel(Timer& timer);
  /// Runs what is due. A timer set to a past time from within runs in the next call.
  void run(MonotonicTime now);
  /// When run() is needed next; may be earlier than any timer is really due.
  std::optional<MonotonicTime> next() const;
  std::size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    MonotonicTime when;  ///< never later than the timer's due time
    Timer* timer;
  };
  void put(std::size_t slot, Entry entry);
  void sift_up(std::size_t slot, Entry entry);
  void sift_down(std::size_t slot, Entry entry);
  void remove(std::size_t slot);
  void withdraw(Timer& timer);

  std::vector<Entry> heap_;
  std::vector<Timer*> expired_;
};

}  // namespace weir::io
