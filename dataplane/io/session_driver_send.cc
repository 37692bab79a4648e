// SessionDriver: sending. What a socket does not take at once waits in its leg's queue.

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>

#include "dataplane/io/session_driver.h"

namespace weir::io {

void SessionDriver::send_outbox(LegSocket& leg) {
  Outbox& out = outbox(leg);
  if (out.empty()) return;
  std::span<iovec> pieces = out.pieces();
  bool blocked = leg.connecting || leg.queue != nullptr;
  while (!blocked && !leg.write_broken && leg.fd >= 0 && !pieces.empty()) {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = std::min(pieces.size(), kPiecesPerSend);
    const ssize_t sent = ::sendmsg(leg.fd, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      blocked = errno == EAGAIN;
      leg.write_broken = !blocked;
      continue;
    }
    leg.answered = true;
    auto left = static_cast<std::size_t>(sent);
    while (left > 0 && left >= pieces.front().iov_len) {
      left -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (left > 0) {
      pieces.front().iov_base = static_cast<std::uint8_t*>(pieces.front().iov_base) + left;
      pieces.front().iov_len -= left;
    }
  }
  if (leg.write_broken) {
    // What the peer said before it went is still to be read: its end is told then.
    leg.readable = true;
    schedule();
  } else if (leg.fd >= 0) {
    for (const iovec& piece : pieces)
      enqueue(leg, {static_cast<const std::uint8_t*>(piece.iov_base), piece.iov_len});
  }
  out.clear();
}

void SessionDriver::enqueue(LegSocket& leg, std::span<const std::uint8_t> bytes) {
  if (bytes.empty() || leg.write_broken) return;
  if (!leg.queue)
    leg.queue = std::make_unique<SendQueue>(
        leg.name == relay::Leg::kClient ? context_.client_blocks : context_.origin_blocks);
  leg.queue->append(bytes);
  update_congestion(leg);
}

void SessionDriver::flush_queue(LegSocket& leg) {
  if (!leg.queue || leg.fd < 0 || leg.connecting) return;
  while (!leg.queue->empty() && !leg.write_broken) {
    std::array<iovec, 64> pieces;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = leg.queue->gather(pieces);
    const ssize_t sent = ::sendmsg(leg.fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) {
      leg.write_broken = leg.readable = true;
      schedule();
      break;
    }
    leg.queue->consume(static_cast<std::size_t>(sent));
  }
  if (leg.write_broken) leg.queue->clear();
  update_congestion(leg);
  if (leg.queue->empty()) leg.queue.reset();
}

void SessionDriver::update_congestion(LegSocket& leg) {
  if (!leg.congested && leg.queue->size() > kQueueHighMark) {
    leg.congested = true;
    bump(context_.stats.congested);
  } else if (leg.congested && leg.queue->size() <= kQueueLowMark) {
    leg.congested = false;
    congested_since_ = MonotonicTime::max();
  }
}

}  // namespace weir::io
