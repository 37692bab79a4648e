#include "dataplane/relay/stream_session.h"

#include <algorithm>
#include <utility>

#include "dataplane/relay/session_limits.h"

namespace weir::relay {

std::optional<MonotonicTime> earliest(std::optional<MonotonicTime> a,
                                      std::optional<MonotonicTime> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

StreamSession::StreamSession(const SessionContext& context, MessageSink& client_sink,
                             StreamFacts facts, StreamKey stream)
    : context_(context), client_sink_(client_sink), facts_(std::move(facts)) {
  info_.id = context.session_of(facts_.number);
  info_.stream = std::move(stream);
  info_.intent = facts_.request.intent;
  info_.client_address = context.identity.client_address;
  info_.client_agent = facts_.connect.agent();
  info_.connected_at = context.identity.connected_at;
  context_.resolver.session_started(info_, *this);
}

StreamSession::~StreamSession() {
  end("session dropped");
}

void StreamSession::end(std::string reason, EndTold told) {
  if (over_) return;
  over_ = true;
  end_reason_ = std::move(reason);
  end_told_ = told;
  subscription_.reset();
  drop_leg(CloseMode::kFlush);
  if (close_request_ && close_request_->closed) {
    auto closed = std::move(close_request_->closed);
    closed();
  }
  close_request_.reset();
  context_.resolver.session_ended(info_.id, end_reason_);
}

void StreamSession::refuse(std::string_view code, std::string_view description,
                           std::string reason) {
  client_sink_.send_command(rtmp::on_status("error", code, description), client_stream());
  end(std::move(reason), EndTold::kByStatus);
}

void StreamSession::dial(routing::Route route, std::uint32_t chunk_size, MonotonicTime now) {
  drop_leg(CloseMode::kAbort);
  info_.origin = route.origin;
  info_.incarnation = route.incarnation;
  info_.epoch = route.epoch;
  leg_ = std::make_unique<ClientConversation>(context_, std::move(route), facts_, chunk_size);
  leg_->dial(now);
  change_state(routing::SessionInfo::State::kConnecting);
}

void StreamSession::drop_leg(CloseMode mode) {
  if (!leg_) return;
  leg_->close(mode);
  leg_.reset();
}

void StreamSession::change_state(routing::SessionInfo::State state) {
  info_.state = state;
  context_.resolver.session_changed(info_);
}

void StreamSession::watch() {
  subscription_ = context_.resolver.watch(
      info_.stream, info_.intent, [this, guard = guard()](const routing::RouteUpdate& update) {
        if (guard.expired()) return;
        update_ = std::make_unique<routing::RouteUpdate>(update);
        wake_now();
      });
}

void StreamSession::close_session(Close reason, Callback<void()> closed) {
  if (over_) {
    if (closed) closed();
    return;
  }
  if (close_request_ && close_request_->closed) {
    // Asked twice: both are told.
    auto first = std::make_shared<Callback<void()>>(std::move(close_request_->closed));
    auto second = std::make_shared<Callback<void()>>(std::move(closed));
    closed = [first, second] {
      (*first)();
      if (*second) (*second)();
    };
  }
  close_request_ = CloseRequest{reason, std::move(closed)};
  wake_now();
}

void StreamSession::wake_now() {
  urgent_ = true;
  context_.io.wake_at(MonotonicTime{});
}

std::optional<MonotonicTime> StreamSession::deadline() const {
  if (urgent_) return MonotonicTime{};
  return leg_ ? leg_->deadline() : std::nullopt;
}

void StreamSession::count_origin_bytes(std::size_t bytes, MonotonicTime now) {
  leg_->control().received(bytes, leg_->sink());
  if (noted_at_ && now - *noted_at_ < kNoteBytesInterval) return;
  noted_at_ = now;
  context_.resolver.note_bytes_from(leg_->route().incarnation);
}

void StreamSession::on_origin_connected(MonotonicTime now) {
  if (!leg_) return;
  on_origin_event(leg_->on_connected(now), now);
}

void StreamSession::on_origin_closed(LegEnd end, MonotonicTime now) {
  if (!leg_) return;
  on_origin_event(leg_->on_closed(end, now), now);
}

bool StreamSession::insert_to_client(const rtmp::MessageHeader&, rtmp::Bytes) {
  return false;
}

}  // namespace weir::relay
