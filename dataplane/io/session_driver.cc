#include "dataplane/io/session_driver.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/contract.h"
#include "dataplane/io/admission_log.h"
#include "dataplane/io/dial_candidates.h"
#include "dataplane/io/lingering_set.h"
#include "dataplane/io/socket_options.h"

namespace weir::io {

using relay::CloseMode;
using relay::Leg;
using relay::LegEnd;

/// Not those that are dialled for the first time meanwhile.
template <class F>
void SessionDriver::for_each_leg(F&& visit) {
  visit(client_);
  visit(origin_);
  if (!further_) return;
  for (const auto& leg : *further_)
    if (leg) visit(*leg);
}

SessionDriver::LegSocket::LegSocket(SessionDriver& driver, Leg leg) : owner(driver), name(leg) {}
SessionDriver::LegSocket::~LegSocket() = default;

SessionDriver::SessionDriver(WorkerContext& context, int client_fd,
                             admission::AddressGate::Ticket ticket)
    : context_(context),
      client_(*this, Leg::kClient),
      origin_(*this, Leg::kOrigin),
      ticket_(std::move(ticket)) {
  client_.fd = client_fd;
  client_.counted = true;
  set_relay_options(client_fd, kClientUserTimeout);
  link.next = context_.drivers;
  if (link.next != nullptr) link.next->link.previous = this;
  context_.drivers = this;
  bump(context_.stats.open_sessions);
}

SessionDriver::~SessionDriver() {
  context_.timers.cancel(*this);
  if (scheduled_) std::erase(context_.scheduled, this);
  std::size_t counted = 0;
  for_each_leg([&](LegSocket& leg) {
    if (leg.lookup != 0) context_.lookup->cancel(leg.lookup);
    if (leg.fd >= 0) close_with_reset(leg.fd);
    if (leg.counted) ++counted;
  });
  (link.previous != nullptr ? link.previous->link.next : context_.drivers) = link.next;
  if (link.next != nullptr) link.next->link.previous = link.previous;
  drop(context_.stats.open_sessions);
  context_.totals.give_back_connections(counted);
}

bool SessionDriver::start(std::unique_ptr<relay::RelaySession> session) {
  session_ = std::move(session);
  call([this](relay::RelaySession& s) { s.on_start(context_.clock.now()); });
  return over() || context_.poller.add_socket(client_.fd, client_);
}

void SessionDriver::shutdown() {
  if (over()) return;
  stopping_ = true;
  call([this](relay::RelaySession& s) { s.on_shutdown(context_.clock.now()); });
}

void SessionDriver::abort(std::string_view reason) {
  if (over()) return;
  if (!finishing_) context_.session_over(reason);
  aborting_ = true;
  finishing_ = true;
  if (!in_call_) settle();
}

// --- legs

SessionDriver::LegSocket* SessionDriver::find(Leg leg) {
  if (leg == Leg::kClient) return &client_;
  if (leg == Leg::kOrigin) return &origin_;
  return further_ ? (*further_)[relay::origin_index(leg) - 1U].get() : nullptr;
}

SessionDriver::LegSocket& SessionDriver::socket_for_dial(Leg leg) {
  WEIR_ASSERT(leg != Leg::kClient && relay::origin_index(leg) < relay::kOriginLegsMax);
  if (LegSocket* present = find(leg)) return *present;
  if (!further_) further_ = std::make_unique<FurtherLegs>();
  auto& place = (*further_)[relay::origin_index(leg) - 1U];
  place = std::make_unique<LegSocket>(*this, leg);
  return *place;
}

Outbox& SessionDriver::outbox(const LegSocket& leg) {
  if (leg.is_client()) return context_.client_outbox;
  if (leg.name == Leg::kOrigin) return context_.origin_outbox;
  const std::size_t index = relay::origin_index(leg.name) - 1U;
  if (index >= context_.further_outboxes.size()) context_.further_outboxes.resize(index + 1);
  auto& place = context_.further_outboxes[index];
  if (!place) place = std::make_unique<Outbox>();
  return *place;
}

std::size_t SessionDriver::queued_for_client() const {
  return client_.queue ? client_.queue->size() : 0;
}

std::size_t SessionDriver::queued_for_origins() const {
  std::size_t bytes = kept_ + (origin_.queue ? origin_.queue->size() : 0);
  if (!further_) return bytes;
  for (const auto& leg : *further_) bytes += leg && leg->queue ? leg->queue->size() : 0;
  return bytes;
}

void SessionDriver::check_progress(MonotonicTime now) {
  if (over()) return;
  LegSocket* slow = nullptr;
  for_each_leg([&](LegSocket& leg) {
    if (leg.congested && slow == nullptr) slow = &leg;
  });
  if (slow == nullptr) {
    congested_since_ = MonotonicTime::max();
  } else if (congested_since_ == MonotonicTime::max()) {
    congested_since_ = now;
  } else if (now - congested_since_ > kCongestedMax) {
    bump(context_.stats.too_slow);
    leg_ended(*slow, LegEnd::kTimedOut);
  }
}

// --- a turn

template <class F>
void SessionDriver::call(F&& session_call) {
  WEIR_ASSERT(!in_call_);
  in_call_ = true;
  session_call(*session_);
  in_call_ = false;
  settle();
}

void SessionDriver::settle() {
  for_each_leg([this](LegSocket& leg) { send_outbox(leg); });
  if (finishing_) end();
}

void SessionDriver::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  context_.scheduled.push_back(this);
  context_.post_work();
}

void SessionDriver::run_scheduled() {
  scheduled_ = false;
  if (over()) return;
  for_each_leg([this](LegSocket& leg) {
    if (over() || !leg.dial_end) return;
    const LegEnd end = *std::exchange(leg.dial_end, std::nullopt);
    call([&](relay::RelaySession& s) { s.on_leg_closed(leg.name, end, context_.clock.now()); });
  });
  for_each_leg([this](LegSocket& leg) {
    if (over()) return;
    flush_queue(leg);
    pump(leg);
  });
  if (!over() && finishing_) end();
}

/// Called once, with the session's last words sent or queued. The session goes at once, the sockets
/// end in the lingering set, and the driver itself waits for the end of the batch.
void SessionDriver::end() {
  WEIR_ASSERT(!in_call_);
  const CloseMode mode = aborting_ ? CloseMode::kAbort : CloseMode::kFlush;
  session_.reset();
  context_.origin_blocks.count_elsewhere(std::exchange(kept_, 0), 0);
  context_.timers.cancel(*this);
  for_each_leg([&](LegSocket& leg) {
    drop_dial(leg);
    release_leg(leg, mode);
  });
  context_.finished.emplace_back(this);
  context_.post_work();
}

void SessionDriver::release_leg(LegSocket& leg, CloseMode mode) {
  if (leg.fd < 0) return;
  const int fd = std::exchange(leg.fd, -1);
  std::unique_ptr<SendQueue> queue = std::move(leg.queue);
  if (mode == CloseMode::kAbort) {
    close_with_reset(fd);
  } else if (leg.connecting || leg.write_broken) {
    ::close(fd);
  } else {
    context_.lingering->take(fd, std::move(queue), leg.read_ended);
  }
  leg.readable = leg.hung_up = leg.connecting = leg.read_ended = leg.write_broken = false;
  leg.congested = false;
  leg.quick_acks = kQuickAckReads;
}

// --- SessionIo

void SessionDriver::send_view(Leg leg, std::span<const std::uint8_t> bytes) {
  WEIR_ASSERT(in_call_);
  const LegSocket* target = find(leg);
  if (!finishing_ && target != nullptr && target->fd >= 0) outbox(*target).add_view(bytes);
}

void SessionDriver::send_copy(Leg leg, std::span<const std::uint8_t> bytes) {
  LegSocket* target = find(leg);
  const bool usable = target != nullptr && (target->fd >= 0 || target->lookup != 0);
  if (finishing_ || !usable || bytes.empty()) return;
  if (in_call_ && target->fd >= 0) {
    outbox(*target).add_copy(bytes);
    return;
  }
  enqueue(*target, bytes);
  schedule();
}

void SessionDriver::close(Leg leg, CloseMode mode) {
  LegSocket* target = find(leg);
  if (finishing_ || target == nullptr) return;
  if (in_call_) send_outbox(*target);
  drop_dial(*target);
  const bool was_congested = target->congested;
  release_leg(*target, mode);
  // Another leg may have been waiting for this one.
  if (was_congested) schedule();
}

void SessionDriver::wake_at(std::optional<MonotonicTime> when) {
  if (finishing_) return;
  wakes_ = when.value_or(MonotonicTime::max());
  context_.timers.set(*this, when);
  if (when && *when < context_.armed_for) context_.post_work();
}

bool SessionDriver::client_is(std::string_view address) {
  const auto parts = parse_host_port(address);
  const auto client = parts ? IpAddress::parse(parts->host) : std::nullopt;
  if (!client) return true;
  const MonotonicTime now = context_.clock.now();
  auto answer = context_.totals.gate.admit(*client, now);
  if (answer.large_share) context_.admission_log->large_share(*client);
  ticket_ = std::move(answer.ticket);
  if (!answer.refusal) return true;
  context_.admission_log->refused(*answer.refusal, *client, now);
  // Counted as that: a refusal is not one more failed identification, of nobody's address.
  stopping_ = true;
  return false;
}

void SessionDriver::keeps(std::size_t bytes, relay::WhileKept client) {
  context_.origin_blocks.count_elsewhere(kept_, bytes);
  const bool fewer = bytes < std::exchange(kept_, bytes);
  const bool other = client != std::exchange(while_kept_, client);
  // The client may have been held back for them.
  if (fewer || other) schedule();
}

void SessionDriver::identified() {
  identified_ = true;
  ticket_.identified();
}

/// Not when the client just went away, as the checks of balancers do.
void SessionDriver::note_failed_identification() {
  if (identified_ || stopping_ || client_.fd < 0 || client_.read_ended) return;
  bump(context_.stats.failed_identifications);
  const MonotonicTime now = context_.clock.now();
  if (ticket_.failed(now)) context_.admission_log->shut_out(ticket_.address(), now);
}

void SessionDriver::finish(std::string_view reason) {
  if (finishing_) return;
  context_.session_over(reason);
  note_failed_identification();
  finishing_ = true;
  if (!in_call_) schedule();
}

// --- events

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
