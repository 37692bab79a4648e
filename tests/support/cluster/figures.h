#pragma once
// Figures: what the simulated clients were answered, and how fast.
// Threading: one thread. Lifetime: self-contained.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace weir::cluster {

class Latencies {
 public:
  void add(Duration took) {
    micros_.push_back(static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  }
  std::size_t count() const { return micros_.size(); }
  /// Milliseconds that `share` of them took at most; 0 without any.
  double quantile(double share) {
    if (micros_.empty()) return 0;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(micros_.size() - 1));
    std::nth_element(micros_.begin(), micros_.begin() + static_cast<std::ptrdiff_t>(at),
                     micros_.end());
    return micros_[at] / 1'000.0;
  }

 private:
  std::vector<std::uint32_t> micros_;
};

struct Figures {
  std::map<std::string, std::uint64_t> acquires;  ///< by answer: OK, a reason, TIMED_OUT
  std::map<std::string, std::uint64_t> lookups;
  std::map<std::string, std::uint64_t> ends;  ///< of sessions, by why
  std::uint64_t asked_to_publish = 0;         ///< clients; each asks until its patience ends
  std::uint64_t placed = 0;                   ///< an origin accepted them
  std::uint64_t held_by_another = 0;
  std::uint64_t gave_up = 0;
  std::uint64_t reattached = 0;
  Latencies acquire_latency;  ///< answers OK and STREAM_HELD
  Latencies lookup_latency;
  Latencies wait_latency;  ///< from a client's first question to its origin's acceptance

  std::uint64_t calls() const { return sum(acquires) + sum(lookups); }
  /// Answers that leave the caller where he was.
  std::uint64_t refused() const { return calls() - timed_out() - good(); }
  std::uint64_t timed_out() const { return of(acquires, "TIMED_OUT") + of(lookups, "TIMED_OUT"); }

 private:
  static std::uint64_t of(const std::map<std::string, std::uint64_t>& counts, const char* name) {
    const auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
  }
  static std::uint64_t sum(const std::map<std::string, std::uint64_t>& counts) {
    std::uint64_t total = 0;
    for (const auto& [name, count] : counts) total += count;
    return total;
  }
  std::uint64_t good() const {
    return of(acquires, "OK") + of(acquires, "STREAM_HELD") + of(lookups, "OK") +
           of(lookups, "PLACEMENT_NOT_FOUND");
  }
};

}  // namespace weir::cluster
