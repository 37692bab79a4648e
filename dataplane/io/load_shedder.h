#pragma once
// LoadShedder: ends sessions when too many bytes wait for slow peers in this process.
//
// Purpose: memory stays bounded however many peers do not read. First what ended sessions left
// behind, then players, those with the longest queues first, each worker its own and the one that
// holds most before the others; publishers only when the bytes that wait for origins are too many
// by themselves, which ending players would not change. It is asked after every event, so the bound
// is passed by little (limits.h). Threading: the worker's thread; other workers are only woken.
// Lifetime: the context outlives it.

#include <cstdint>
#include <optional>

#include "common/telemetry/log.h"
#include "dataplane/io/worker_context.h"

namespace weir::io {

class LoadShedder {
 public:
  explicit LoadShedder(WorkerContext& context) : context_(context) {}

  /// Only while the process is overloaded; not inside a call of a session.
  void relieve();

 private:
  /// Ends sessions by the length of one side's queues, until all of that side hold no more than
  /// `goal`.
  void end_slowest(bool to_clients, std::size_t goal);
  bool holds_its_share(const BlockPool& pool, const std::atomic<std::size_t>& all) const;
  void ask_others();
  void tell(std::size_t ended, const char* whom);

  WorkerContext& context_;
  const log::Logger log_{"worker"};
  log::Every told_{std::chrono::seconds{1}};
  /// When the others were asked last, and what had been ended by then.
  std::optional<MonotonicTime> asked_;
  std::uint64_t shed_when_asked_ = 0;
};

}  // namespace weir::io
