#include "dataplane/relay/publish_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {

using routing::AcquireAnswer;
using routing::ContactOutcome;
using rtmp::MessageType;

class PublishSession::OriginGaps final : public MessageSink {
 public:
  using MessageSink::send;
  explicit OriginGaps(PublishSession& session) : session_(session) {}
  void send(const rtmp::MessageHeader& header, rtmp::Bytes payload) override {
    rtmp::MessageHeader moved = header;
    moved.chunk_stream = rtmp::kPrivateChunkStream;
    // Control stays on its fixed chunk stream; anything else would make one of the client's dirty.
    if (rtmp::is_protocol_control(header.type)) moved.chunk_stream = rtmp::kControlChunkStream;
    // False: the origin has not read for long and is about to be given up.
    static_cast<void>(session_.splice_.insert(moved, payload, session_));
  }

 private:
  PublishSession& session_;
};

PublishSession::PublishSession(const SessionContext& context, ServerConversation& client,
                               MessageSink& client_sink, StreamKey stream)
    : StreamSession(context, client, client_sink, std::move(stream)),
      splice_(client.release_assembler(),
              // The stream id that every common origin gives to the first stream; corrected before
              // the first byte leaves if this one gives another.
              {.stream_id_from = client.facts().request.stream_id, .stream_id_to = 1}) {}

PublishSession::~PublishSession() = default;

void PublishSession::start(MonotonicTime now) {
  now_ = last_client_bytes_ = now;
  hold_until_ = now + context_.config.publish_hold;
  next_ping_ = now + kHoldPingInterval;
  watch();
  acquire();
}

void PublishSession::acquire() {
  state_ = State::kAcquiring;
  retry_at_.reset();
  busy_until_.reset();
  again_.reset();
  players_until_.reset();
  held_start_.reset();
  context_.resolver.acquire({.session = info_.id, .stream = info_.stream, .failed = failed_},
                            [this, guard = guard()](AcquireAnswer answer) {
                              if (guard.expired() || over()) return;
                              answer_ = std::move(answer);
                              wake_now();
                            });
}

void PublishSession::take_answer(MonotonicTime now) {
  const AcquireAnswer answer = *std::exchange(answer_, std::nullopt);
  if (state_ != State::kAcquiring) return;
  if (const auto* acquired = std::get_if<routing::Acquired>(&answer)) {
    on_acquired(*acquired, now);
  } else if (const auto* held = std::get_if<routing::Held>(&answer)) {
    refuse(rtmp::status::kPublishBadName, "the stream is already published",
           fmt::format("stream held: by {}", held->holder));
  } else if (const auto* later = std::get_if<routing::RetryLater>(&answer)) {
    state_ = State::kWaiting;
    retry_at_ = now + std::max(later->retry_after, kAcquireRetryMin);
  } else {
    refuse(rtmp::status::kPublishBadName, "the stream name is not accepted",
           fmt::format("rejected: {}", std::get<routing::Rejected>(answer).reason));
  }
}

void PublishSession::on_acquired(routing::Acquired acquired, MonotonicTime now) {
  failed_.reset();
  epoch_ = acquired.route.epoch;
  if (acquired.after_takeover || acquired.route.incarnation == published_to_) {
    busy_until_ = now + kBusyRetryTotal;
    busy_backoff_ = kBusyRetryFirst;
  }
  players_until_.reset();
  if (acquired.players_wait) players_until_ = now + kPlayerHeadStart;
  state_ = State::kTrying;
  dial(std::move(acquired.route), splice_.source().chunk_size(), now);
  take_update();
}

void PublishSession::take_update() {
  if (update_) newest_ = std::exchange(update_, std::nullopt)->route;
  // Between two placements of our own any news of the stream is news of a moment ago.
  if (state_ == State::kAcquiring || !newest_ || !epoch_ || !epoch_->is_set()) return;
  if (newest_->epoch <= *epoch_) return;
  if (newest_->holder_session != info_.id) {
    if (close_request_) return;
    close_request_ = CloseRequest{Close::kFenced, {}};
    wake_now();
    return;
  }
  epoch_ = info_.epoch = newest_->epoch;
  info_.incarnation = newest_->incarnation;
  if (leg_) leg_->adopt(*newest_);
  change_state(info_.state);
}

void PublishSession::on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) {
  now_ = now;
  if (!leg_) return;
  count_origin_bytes(bytes.size(), now);
  while (!bytes.empty() && leg_ && !over()) on_origin_event(leg_->next(bytes, now), now);
}

void PublishSession::on_origin_event(const OriginEvent& event, MonotonicTime now) {
  now_ = now;
  switch (event.kind) {
    case OriginEvent::Kind::kNone:
      return;
    case OriginEvent::Kind::kSent:
      published_to_ = leg_->route().incarnation;
      return;
    case OriginEvent::Kind::kMessage:
      return on_origin_message(event.message, now);
    case OriginEvent::Kind::kFailed:
      if (state_ == State::kTrying) return fail_origin(event.outcome);
      break;
    case OriginEvent::Kind::kHindered:
      return dial_again_at(now + kResourcesRetry);
    case OriginEvent::Kind::kRefused:
    case OriginEvent::Kind::kLost:
      if (state_ == State::kTrying)
        return on_refused(event.code, event.text.empty() ? "refused by the origin" : event.text,
                          now);
      break;
  }
  // No error status: an encoder reconnects by itself only after a plain disconnect.
  end(state_ == State::kEnding ? ending_reason_ : "origin lost");
}

void PublishSession::fail_origin(ContactOutcome outcome) {
  failed_ = {
      .incarnation = leg_->route().incarnation, .epoch = leg_->route().epoch, .outcome = outcome};
  held_start_.reset();
  drop_leg(CloseMode::kAbort);
  acquire();
}

void PublishSession::dial_again_at(MonotonicTime when) {
  again_ = leg_->route();
  drop_leg(CloseMode::kFlush);
  state_ = State::kWaiting;
  retry_at_ = when;
}

void PublishSession::on_refused(std::string code, std::string text, MonotonicTime now) {
  // It had accepted, but the encoder was not told yet: any other origin will do.
  if (held_start_) return fail_origin(ContactOutcome::kReset);
  const bool busy = code.empty() || code == rtmp::status::kPublishBadName;
  if (!busy || !busy_until_) {
    if (code.empty()) code = rtmp::status::kPublishRejected;
    return refuse(code, text, fmt::format("origin refused: {} {}", code, text));
  }
  if (now + busy_backoff_ >= *busy_until_) return fail_origin(ContactOutcome::kRefused);
  dial_again_at(now + busy_backoff_);
  busy_backoff_ = std::min(busy_backoff_ * 2, kBusyRetryMax);
}

void PublishSession::on_origin_message(const rtmp::Message& message, MonotonicTime now) {
  if (!rtmp::is_command(message.header.type)) return;
  const auto command = rtmp::parse_command(message);
  if (!command || command->name != "onStatus") return;
  const auto info = rtmp::status_info(*command);
  if (!info) return;
  if (state_ == State::kTrying) {
    if (info->is_error())
      return on_refused(std::string(info->code), std::string(info->description), now);
    if (info->code != rtmp::status::kPublishStart) return;
    if (!players_until_ || now >= *players_until_) return on_accepted(message, now);
    held_start_ = {message.header, {message.payload.begin(), message.payload.end()}};
    return;
  }
  client_sink_.send({.type = message.header.type,
                     .stream_id = client_.facts().request.stream_id,
                     .chunk_stream = rtmp::kStatusChunkStream},
                    message.payload);
  if (state_ == State::kEnding && info->code == rtmp::status::kUnpublishSuccess)
    end(ending_reason_);
}

void PublishSession::on_accepted(const rtmp::Message& status, MonotonicTime now) {
  leg_->accepted();
  const std::uint32_t stream_id = leg_->stream_id();
  if (stream_id != splice_.output().stream_id_to && early_media_)
    return refuse(rtmp::status::kStreamFailed, "the origin's stream id does not suit early media",
                  "early media for another message stream id");
  state_ = State::kActive;
  gaps_ = std::make_unique<OriginGaps>(*this);
  leg_->set_sink(gaps_.get());
  if (!early_media_) {
    // Nothing but chunk sizes can be kept, and the origin knows the present one.
    splice_.set_output({.chunk_size = leg_->writer().chunk_size(),
                        .stream_id_from = client_.facts().request.stream_id,
                        .stream_id_to = stream_id});
  } else {
    // What was kept begins where a fresh connection does.
    if (leg_->writer().chunk_size() != rtmp::kChunkSizeDefault)
      leg_->writer().send(rtmp::set_chunk_size(rtmp::kChunkSizeDefault));
    context_.io.send_copy(Leg::kOrigin, early_);
    last_media_ = now;
  }
  std::vector<std::uint8_t>().swap(early_);
  last_client_bytes_ = now;

  if (const auto& name = client_.facts().fc_publish)
    client_sink_.send_command(rtmp::on_fc_publish("onFCPublish", rtmp::status::kPublishStart,
                                                  "Started publishing stream."));
  client_sink_.send({.type = status.header.type,
                     .stream_id = client_.facts().request.stream_id,
                     .chunk_stream = rtmp::kStatusChunkStream},
                    status.payload);
  client_.forget_connect();
  change_state(routing::SessionInfo::State::kActive);
}

void PublishSession::on_client_bytes(rtmp::Bytes bytes, MonotonicTime now) {
  now_ = last_client_bytes_ = now;
  const std::uint64_t before = splice_.counters().media_bytes;
  if (!splice_.feed(bytes, *this))
    return leave(fmt::format("client: {}", rtmp::to_text(splice_.error())));
  if (splice_.counters().media_bytes != before && state_ == State::kActive) last_media_ = now;
  if (early_overflow_) return leave("client sent too much before the origin accepted");
  if (end_after_feed_) begin_ending(*std::exchange(end_after_feed_, std::nullopt), now);
}

void PublishSession::on_timer(MonotonicTime now) {
  now_ = now;
  take_urgent();
  if (update_) take_update();
  if (close_request_ && state_ != State::kEnding) {
    const bool fenced = close_request_->reason == Close::kFenced;
    begin_ending(fenced ? "fenced: a newer epoch has another holder" : "taken over", now);
    if (over()) return;
  }
  if (answer_) take_answer(now);
  if (over()) return;
  if (state_ == State::kEnding) {
    if (now >= ending_until_) end(ending_reason_);
    return;
  }
  if (state_ == State::kActive) {
    if (now - last_client_bytes_ >= kPublisherIdleTimeout) leave("client sent nothing for long");
    return;
  }
  if (now >= hold_until_)
    return refuse(rtmp::status::kStreamFailed, "no origin accepted the stream in time",
                  "no origin accepted the stream in time");
  if (now >= next_ping_) {
    next_ping_ = now + kHoldPingInterval;
    client_sink_.send(rtmp::user_control({.event = rtmp::UserEvent::kPingRequest}));
  }
  if (held_start_ && now >= *players_until_) {
    const HeldStart start = *std::exchange(held_start_, std::nullopt);
    return on_accepted({start.header, start.payload}, now);
  }
  if (leg_) on_origin_event(leg_->on_timer(now), now);
  if (over() || state_ != State::kWaiting || now < *retry_at_) return;
  if (!again_) return acquire();
  state_ = State::kTrying;
  retry_at_.reset();
  dial(*std::exchange(again_, std::nullopt), splice_.source().chunk_size(), now);
}

std::optional<MonotonicTime> PublishSession::deadline() const {
  auto when = StreamSession::deadline();
  if (state_ == State::kEnding) return earliest(when, ending_until_);
  if (state_ == State::kActive) return earliest(when, last_client_bytes_ + kPublisherIdleTimeout);
  when = earliest(when, earliest(hold_until_, next_ping_));
  if (held_start_) when = earliest(when, players_until_);
  return earliest(when, retry_at_);
}

void PublishSession::begin_ending(std::string reason, MonotonicTime now) {
  if (state_ != State::kActive || !splice_.between_chunks()) return end(std::move(reason));
  leg_->send_farewell();
  state_ = State::kEnding;
  ending_reason_ = std::move(reason);
  ending_until_ = now + kOriginCloseTimeout;
}

void PublishSession::leave(std::string reason) {
  if (over()) return;
  if (state_ == State::kActive && splice_.between_chunks()) leg_->send_farewell();
  end(std::move(reason));
}

routing::SessionActivity PublishSession::activity() const {
  if (state_ != State::kActive && state_ != State::kEnding) return {};
  return {.media_bytes = splice_.counters().media_bytes, .last_media = last_media_};
}

// --- The splice's side ---

bool PublishSession::origin_listens() const {
  return leg_ && (state_ == State::kActive || state_ == State::kEnding);
}

void PublishSession::send_view(OutputIndex, rtmp::Bytes bytes) {
  if (origin_listens())
    context_.io.send_view(Leg::kOrigin, bytes);
  else
    keep_early(bytes);
}

void PublishSession::send_copy(OutputIndex, rtmp::Bytes bytes) {
  if (origin_listens())
    context_.io.send_copy(Leg::kOrigin, bytes);
  else
    keep_early(bytes);
}

void PublishSession::keep_early(rtmp::Bytes bytes) {
  if (early_.size() + bytes.size() > kEarlyMediaBytesMax) {
    early_overflow_ = true;
    return;
  }
  early_.insert(early_.end(), bytes.begin(), bytes.end());
}

SpliceChoice PublishSession::on_message(const rtmp::MessageHeader& header) {
  if (rtmp::is_protocol_control(header.type) || rtmp::is_command(header.type))
    return SpliceAction::kCollect;
  if (state_ == State::kEnding || end_after_feed_) return SpliceAction::kDrop;
  if (state_ != State::kActive) early_media_ = true;
  return SpliceAction::kPass;
}

void PublishSession::on_collected(const rtmp::Message& message) {
  const ClientEvent event = client_.handle(message, now_);
  if (event.kind == ClientEvent::Kind::kFailed) end_after_feed_ = event.reason;
  if (event.kind == ClientEvent::Kind::kStreamCommand)
    on_stream_command(*event.command, event.header);
}

void PublishSession::on_stream_command(const rtmp::Command& command,
                                       const rtmp::MessageHeader& header) {
  if (command.name == "FCUnpublish") {
    if (command.transaction != 0)
      client_sink_.send_command(rtmp::empty_result(command.transaction));
    if (state_ == State::kActive) leg_->send_fc_unpublish();
    return;
  }
  const std::uint32_t ours = client_.facts().request.stream_id;
  const auto id = command.argument(1);
  const bool ends = (command.name == "closeStream" && header.stream_id == ours) ||
                    (command.name == "deleteStream" && id && id->is_number() && id->number == ours);
  if (ends) end_after_feed_ = "client ended its stream";
}

void PublishSession::on_passed(OutputIndex, const rtmp::MessageHeader&, rtmp::Bytes) {}

}  // namespace weir::relay
