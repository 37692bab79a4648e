#pragma once
// WorkerContext: what the drivers of one worker share: buffers, poller, timers, deferred work.
//
// Threading: the worker's thread, but for `shared` (atomics).
// Lifetime: outlives every driver of the worker.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "dataplane/io/limits.h"
#include "dataplane/io/outbox.h"
#include "dataplane/io/poller.h"
#include "dataplane/io/process_totals.h"
#include "dataplane/io/send_queue.h"
#include "dataplane/io/timer_heap.h"
#include "dataplane/io/worker_stats.h"

namespace weir::io {

class AdmissionLog;
class HostLookup;
class LingeringSet;
class SessionDriver;

/// Sessions of one worker as a list through themselves: no allocation, O(1) removal.
struct DriverLink {
  SessionDriver* previous = nullptr;
  SessionDriver* next = nullptr;
};

struct WorkerContext {
  WorkerContext(const Clock& clock_, ProcessTotals& totals_, Poller& poller_);
  ~WorkerContext();
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  const Clock& clock;
  ProcessTotals& totals;
  Poller& poller;
  std::size_t number = 0;  ///< of this worker in totals.wake
  BlockPool client_blocks{totals.queued_to_clients};
  BlockPool origin_blocks{totals.queued_to_origins};
  TimerHeap timers;
  Outbox client_outbox;
  Outbox origin_outbox;
  std::vector<std::unique_ptr<Outbox>> further_outboxes;  ///< of origin legs beyond the first
  WorkerStats stats;
  std::unique_ptr<std::uint8_t[]> receive_buffer =
      std::make_unique_for_overwrite<std::uint8_t[]>(kReceiveBufferBytes);
  LingeringSet* lingering = nullptr;
  HostLookup* lookup = nullptr;
  AdmissionLog* admission_log = nullptr;

  SessionDriver* drivers = nullptr;                      ///< head of the list of all sessions
  std::vector<SessionDriver*> scheduled;                 ///< to be run in posted work
  std::vector<std::unique_ptr<SessionDriver>> finished;  ///< destroyed when no event can name them
  /// Asks for a run of scheduled work, due timers and finished drivers; one is under way at most.
  std::function<void()> post_work;
  /// Ends sessions until the process is no longer overloaded.
  std::function<void()> relieve = [] {};
  /// Told with the reason of each session that ends.
  std::function<void(std::string_view)> session_over = [](std::string_view) {};
  /// For when the kernel is asked to wake this worker: an earlier timer must ask for a run.
  MonotonicTime armed_for = MonotonicTime::max();

  /// After each piece of work that may have queued bytes, with no session's call on the stack.
  void after_event() {
    if (totals.overloaded()) relieve();
  }
};

}  // namespace weir::io
