#pragma once
// CrowdWatch: notices that most connections of a crowd have gone for good.
//
// Purpose: the allocator keeps the pages of sessions that have ended, spread among the live ones:
// one crowd of 4,000 publishers leaves some 60 MiB behind. They are given back to the system then,
// once, because it costs milliseconds in which an allocating thread may wait (docs/testing.md,
// "Strangers"). Threading: one thread. Lifetime: self-contained.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

#include "common/base/clock.h"

namespace weir::forwarder {

class CrowdWatch {
 public:
  /// Fewer are no crowd.
  static constexpr std::size_t kCrowd = 256;
  /// How long less than half of it must stay: what is known of its streams lingers for 30 s.
  static constexpr std::chrono::seconds kGoneFor{40};

  /// To be told every few seconds; true once after each crowd.
  bool has_left(std::size_t connections, MonotonicTime now) {
    most_ = std::max(most_, connections);
    if (most_ < kCrowd || connections >= most_ / 2) {
      since_.reset();
      return false;
    }
    if (!since_) since_ = now;
    if (now - *since_ < kGoneFor) return false;
    most_ = connections;
    since_.reset();
    return true;
  }

 private:
  std::size_t most_ = 0;  ///< since the last time
  std::optional<MonotonicTime> since_;
};

}  // namespace weir::forwarder
