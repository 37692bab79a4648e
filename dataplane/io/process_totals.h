#pragma once
// ProcessTotals: what all workers of the process share: counts, the bound of queued bytes, and who
// may connect.
//
// Threading: atomics, and the gate's own lock; the rest is set before the first worker runs.
// Lifetime: outlives the workers.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "dataplane/admission/address_gate.h"
#include "dataplane/io/limits.h"

namespace weir::io {

struct ProcessTotals {
  std::atomic<std::size_t> queued_to_clients{0};  ///< bytes that slow players have not taken
  std::atomic<std::size_t> queued_to_origins{0};
  /// Open: clients, and origin legs beyond the first of each, which need a descriptor as well.
  std::atomic<std::size_t> connections{0};
  /// Bound of it. The descriptor of a client's first origin leg is budgeted with the client.
  std::size_t connections_max = std::numeric_limits<std::size_t>::max();
  /// Bound of both together.
  std::size_t queued_bytes_max = kQueuedBytesMax;
  admission::AddressGate gate;
  std::atomic<std::uint64_t> shed{0};  ///< sessions ended for want of room, by all workers
  /// Each makes one worker take a turn; one per worker, at its WorkerContext::number.
  std::vector<std::function<void()>> wake;

  std::size_t queued_bytes() const {
    return queued_to_clients.load(std::memory_order_relaxed) +
           queued_to_origins.load(std::memory_order_relaxed);
  }
  /// False = all are taken.
  bool take_connection() {
    if (connections.fetch_add(1, std::memory_order_relaxed) < connections_max) return true;
    give_back_connections(1);
    return false;
  }
  void give_back_connections(std::size_t count) {
    connections.fetch_sub(count, std::memory_order_relaxed);
  }
  bool overloaded() const { return queued_bytes() > queued_bytes_max; }
};

}  // namespace weir::io
