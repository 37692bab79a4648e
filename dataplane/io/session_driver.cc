#include "dataplane/io/session_driver.h"

#include <algorithm>
#include <array>
#include <utility>

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

}  // namespace weir::io
