#pragma once
// Which of two attach streams of one peer is the newer one, wherever they are.
// Threading: values. Lifetime: self-contained.

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace weir::core {

struct AttachStream {
  std::string instance;      ///< of the peer's process
  std::uint64_t attach = 0;  ///< counted by that process; 0 = not told
  MonotonicTime since{};     ///< began, as far as that is known here

  bool newer_than(const AttachStream& other) const {
    return counted_with(other) ? attach > other.attach : since > other.since;
  }
  /// The peer itself says which of the two is the newer one.
  bool counted_with(const AttachStream& other) const {
    return instance == other.instance && attach != 0 && other.attach != 0 && attach != other.attach;
  }
};

}  // namespace weir::core
