#pragma once
// Worker: one thread of the relay: its io_context, its sessions, its listener, its timers.
//
// Purpose: a session lives and dies on the worker that accepted it, both legs included, so nothing
// on the data path is shared or locked. Threading: construction and listen() before run(); run() is
// the thread's body; begin_drain() and stop() from any thread; executor() for posting; all else on
// the worker's thread. Lifetime: clock and totals outlive it. When its thread has ended:
// drop_sessions(), then what the sessions refer to (resolver, random), then the worker.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "dataplane/io/worker_stats.h"
#include "dataplane/relay/relay_session.h"

namespace boost::asio {
class io_context;
}

namespace weir::io {

struct ProcessTotals;

struct ClientFacts {
  std::string address;  ///< `address:port`
  WallTime accepted_at{};
};

/// Makes the session of a new client; on the worker's thread.
using SessionFactory =
    std::function<std::unique_ptr<relay::RelaySession>(relay::SessionIo&, const ClientFacts&)>;

class Worker {
 public:
  Worker(const Clock& clock, ProcessTotals& totals);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  boost::asio::io_context& io();
  Executor& executor();
  const WorkerStats& stats() const;

  /// Told, on the worker's thread, with the reason of each session that ends. Before run().
  void on_session_over(std::function<void(std::string_view)> over);
  /// Takes a listening, non-blocking descriptor.
  void listen(int fd, SessionFactory factory);
  void run();
  /// Stops accepting and tells every session.
  void begin_drain();
  /// Ends run().
  void stop();
  /// Ends every session with a reset. After run() has returned.
  void drop_sessions();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::io
