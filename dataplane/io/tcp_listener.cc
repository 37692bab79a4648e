#include "dataplane/io/tcp_listener.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/admission_log.h"
#include "dataplane/io/socket_options.h"

namespace weir::io {

TcpListener::TcpListener(WorkerContext& context, int fd, Accepted accepted)
    : context_(context), fd_(fd), accepted_(std::move(accepted)) {}

TcpListener::~TcpListener() {
  context_.timers.cancel(*this);
  ::close(fd_);
}

void TcpListener::start() {
  if (!context_.poller.add_listener(fd_, *this)) rest(errno);
}

void TcpListener::on_timer(MonotonicTime) {
  start();
}

void TcpListener::on_events(std::uint32_t) {
  const int turns = context_.poller.batch_size() > kBusyEvents ? kAcceptsWhenBusy : kAcceptsPerTurn;
  for (int turn = 0; turn < turns; ++turn) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      switch (errno) {
        case EAGAIN:
          return;
        // The connection died before it was taken, or the network said so (accept(2)).
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENETDOWN:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETUNREACH:
          continue;
        default:
          rest(errno);
          return;
      }
    }
    if (!context_.totals.take_connection()) {
      bump(context_.stats.refused_full);
      close_with_reset(fd);
      continue;
    }
    auto ticket = admit(peer);
    if (!ticket) {
      context_.totals.give_back_connections(1);
      close_with_reset(fd);
      continue;
    }
    bump(context_.stats.accepted);
    accepted_(fd, peer_name(peer), std::move(*ticket));
  }
}

std::optional<admission::AddressGate::Ticket> TcpListener::admit(const sockaddr_storage& peer) {
  const auto address = IpAddress::from(peer);
  if (!address) return admission::AddressGate::Ticket{};
  const MonotonicTime now = context_.clock.now();
  auto answer = context_.totals.gate.admit(*address, now);
  if (answer.large_share) context_.admission_log->large_share(*address);
  if (!answer.refusal) return std::move(answer.ticket);
  context_.admission_log->refused(*answer.refusal, *address, now);
  return std::nullopt;
}

/// The listener stays readable while it cannot be served: watching it on would spin.
void TcpListener::rest(int error_number) {
  bump(context_.stats.accept_errors);
  const MonotonicTime now = context_.clock.now();
  if (errors_.allow(now))
    log_.warning("cannot accept connections: {}; resting for {} ms ({} like this not logged)",
                 std::strerror(error_number), kAcceptPause.count(), errors_.take_suppressed());
  context_.poller.remove(fd_);
  context_.timers.set(*this, now + kAcceptPause);
}

}  // namespace weir::io
