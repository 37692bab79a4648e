#pragma once
// TcpListener: takes connections from one listening socket of one worker.
//
// Purpose: bounded turns; beyond a limit the newest is refused with a reset; when the process is
// out of descriptors it rests instead of spinning. Threading: the worker's thread. Lifetime: the
// context outlives it; owns the socket.

#include <functional>
#include <optional>
#include <string>

#include <sys/socket.h>

#include "common/telemetry/log.h"
#include "dataplane/io/worker_context.h"

namespace weir::io {

class TcpListener final : private PollTarget, private Timer {
 public:
  /// `accepted(fd, "address:port", ticket)` takes the descriptor.
  using Accepted = std::function<void(int, std::string, admission::AddressGate::Ticket)>;

  /// `fd`: listening and non-blocking.
  TcpListener(WorkerContext& context, int fd, Accepted accepted);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  void start();

 private:
  void on_events(std::uint32_t events) override;
  void on_timer(MonotonicTime now) override;
  void rest(int error_number);
  /// nullopt = refused, counted and logged.
  std::optional<admission::AddressGate::Ticket> admit(const sockaddr_storage& peer);

  WorkerContext& context_;
  const int fd_;
  const Accepted accepted_;
  const log::Logger log_{"listener"};
  log::Every errors_{std::chrono::seconds{1}};
};

}  // namespace weir::io
