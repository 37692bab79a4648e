#pragma once
// Counters of one worker. Threading: written by its thread, read by any. Lifetime: the worker's.

#include <atomic>
#include <cstdint>

namespace weir::io {

struct WorkerStats {
  using Count = std::atomic<std::uint64_t>;
  Count accepted{0};
  Count refused_full{0};        ///< beyond the most connections
  Count refused_concurrent{0};  ///< beyond what one client address may have
  Count refused_rate{0};
  Count refused_failures{0};
  Count failed_identifications{0};
  Count accept_errors{0};
  Count open_sessions{0};
  Count bytes_from_client{0};
  Count bytes_from_origin{0};
  Count dials{0};
  Count dials_connected{0};
  Count congested{0};  ///< times a leg went above its mark
  Count shed{0};       ///< sessions ended because too many bytes were queued
  Count too_slow{0};   ///< sessions ended because a leg did not drain
  Count lingering{0};
};

/// One writer: no read-modify-write needed.
inline void bump(WorkerStats::Count& count, std::uint64_t by = 1) {
  count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}
inline void drop(WorkerStats::Count& count) {
  count.store(count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

}  // namespace weir::io
