// SessionDriver: what sockets and timers tell: connected, readable, ended, due.

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/dial_candidates.h"
#include "dataplane/io/session_driver.h"
#include "dataplane/io/socket_options.h"

namespace weir::io {

using relay::Leg;
using relay::LegEnd;

void SessionDriver::leg_events(LegSocket& leg, std::uint32_t events) {
  if (over() || finishing_ || leg.fd < 0) return;
  if (leg.connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    connect_settled(leg);
    if (over() || leg.fd < 0 || leg.connecting) return;
  }
  if ((events & EPOLLOUT) != 0) {
    flush_queue(leg);
    if (over()) return;
    pump_held_back_by(leg);
    if (over()) return;
    pump(leg);
    if (over()) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
    leg.readable = true;
    if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) leg.hung_up = true;
    // What it sent last would never be asked for, and nothing that was kept has gone anywhere.
    if (leg.is_client() && kept_ != 0 && (events & (EPOLLERR | EPOLLHUP)) != 0)
      return leg_ended(leg, LegEnd::kReset);
    pump(leg);
  }
}

void SessionDriver::connect_settled(LegSocket& leg) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(leg.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) {
    // An event of an earlier socket of this leg may come in the same batch: ask whether it is so.
    sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    if (::getpeername(leg.fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return;
    leg.connecting = false;
    leg.candidates.reset();
    bump(context_.stats.dials_connected);
    call([&](relay::RelaySession& s) { s.on_origin_connected(leg.name, context_.clock.now()); });
    return;
  }
  if (!try_next_address(leg)) leg_ended(leg, leg_end_of(error));
}

/// Where the leg's bytes go, or the answers to them, is more than a peer that reads would leave.
/// Answers count for clients only: an origin's end must be noticed however slowly it reads.
bool SessionDriver::held_back(const LegSocket& leg) {
  // Without room in the process, what is slow already gets no more, and is read on as it drains.
  const bool full = context_.totals.overloaded();
  const auto slow = [&](const LegSocket& to) { return to.congested || (full && to.queue); };
  if (slow(client_)) return true;
  if (!leg.is_client()) return false;
  const bool kept =
      full ? kept_ != 0 : kept_ > kKeptBytesMark && while_kept_ == relay::WhileKept::kStopReading;
  if (kept || slow(origin_)) return true;
  return further_ && std::ranges::any_of(
                         *further_, [&](const auto& further) { return further && slow(*further); });
}

/// The legs whose bytes go to this one.
void SessionDriver::pump_held_back_by(const LegSocket& leg) {
  if (!leg.is_client()) return pump(client_);
  for_each_leg([this](LegSocket& origin) {
    if (!over() && !origin.is_client()) pump(origin);
  });
}

/// Reads while there is something, the peers keep up, and it is still this session's turn.
void SessionDriver::pump(LegSocket& leg) {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    if (over() || leg.fd < 0 || leg.connecting || !leg.readable || leg.read_ended) return;
    if (finishing_ || held_back(leg)) return;
    if (!read_once(leg)) return;
  }
  if (!over() && leg.fd >= 0 && leg.readable) schedule();
}

/// False = nothing more now.
bool SessionDriver::read_once(LegSocket& leg) {
  std::uint8_t* buffer = context_.receive_buffer.get();
  const ssize_t count = ::recv(leg.fd, buffer, kReceiveBufferBytes, 0);
  if (count < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN) {
      leg.readable = false;
      return false;
    }
  }
  if (count <= 0) {
    // A failed send has taken the error from the socket: what is left of a reset looks like an end.
    const LegEnd end = count < 0          ? leg_end_of(errno)
                       : leg.write_broken ? LegEnd::kReset
                                          : LegEnd::kFin;
    // The other ends are those of a dial.
    leg_ended(leg, end == LegEnd::kFin || end == LegEnd::kTimedOut ? end : LegEnd::kReset);
    return false;
  }
  // A short read has drained the socket, and whatever comes later is a new edge (epoll(7)); unless
  // the peer's end was in the same edge.
  if (static_cast<std::size_t>(count) < kReceiveBufferBytes && !leg.hung_up) leg.readable = false;
  bump(leg.is_client() ? context_.stats.bytes_from_client : context_.stats.bytes_from_origin,
       static_cast<std::uint64_t>(count));
  const std::span<const std::uint8_t> bytes(buffer, static_cast<std::size_t>(count));
  const Leg name = leg.name;
  leg.answered = false;
  call([&](relay::RelaySession& s) { s.on_bytes(name, context_.clock.now(), bytes); });
  if (leg.quick_acks > 0) {
    --leg.quick_acks;
    // An answer has carried the acknowledgement.
    if (!leg.answered && leg.fd >= 0) acknowledge_now(leg.fd);
  }
  return true;
}

void SessionDriver::leg_ended(LegSocket& leg, LegEnd end) {
  leg.read_ended = true;
  leg.readable = false;
  if (leg.connecting || end != LegEnd::kFin) {
    // Nothing can be sent any more; the descriptor is of no further use.
    const int fd = std::exchange(leg.fd, -1);
    ::close(fd);
    leg.queue.reset();
    leg.connecting = leg.write_broken = leg.read_ended = leg.hung_up = false;
    if (std::exchange(leg.congested, false)) schedule();
  }
  const Leg name = leg.name;
  call([&](relay::RelaySession& s) { s.on_leg_closed(name, end, context_.clock.now()); });
}

void SessionDriver::on_timer(MonotonicTime now) {
  if (over() || finishing_) return;
  call([&](relay::RelaySession& s) { s.on_timer(now); });
}

}  // namespace weir::io
