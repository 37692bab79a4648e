#include "dataplane/relay/publish_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "dataplane/protocol/rtmp/chunk_writer.h"
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
    static_cast<void>(
        session_.splice_.insert(moved, payload, session_.relay_, session_.facts_.index));
  }

 private:
  PublishSession& session_;
};

PublishSession::PublishSession(const SessionContext& context, MessageSink& client_sink,
                               ChunkSplice& splice, SpliceHandler& relay, StreamFacts facts,
                               StreamKey stream)
    : StreamSession(context, client_sink, std::move(facts), std::move(stream)),
      splice_(splice),
      relay_(relay),
      early_chunk_size_(splice.source().chunk_size()) {
  // The stream id that every common origin gives to the first stream; corrected before the first
  // byte leaves if this one gives another.
  splice_.set_output(
      {.chunk_size = early_chunk_size_, .stream_id_from = client_stream(), .stream_id_to = 1},
      facts_.index);
}

PublishSession::~PublishSession() = default;

void PublishSession::start(MonotonicTime now) {
  last_client_bytes_ = now;
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
  routing::AcquireRequest request{.session = info_.id, .stream = info_.stream};
  if (failed_) request.failed = *failed_;
  context_.resolver.acquire(std::move(request), [this, guard = guard()](AcquireAnswer answer) {
    if (guard.expired() || over()) return;
    answer_ = std::make_unique<AcquireAnswer>(std::move(answer));
    wake_now();
  });
}

void PublishSession::take_answer(MonotonicTime now) {
  const AcquireAnswer answer = std::move(*std::exchange(answer_, nullptr));
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
  dial(std::move(acquired.route), early_chunk_size_, now);
  take_update();
}

void PublishSession::take_update() {
  if (update_) {
    auto route = std::move(std::exchange(update_, nullptr)->route);
    newest_ = route ? std::make_unique<routing::Route>(*std::move(route)) : nullptr;
  }
  // Between two placements of our own any news of the stream is news of a moment ago.
  if (state_ == State::kAcquiring || !newest_ || !epoch_ || !epoch_->is_set()) return;
  const auto news = std::exchange(newest_, nullptr);
  if (news->epoch <= *epoch_) return;
  if (news->holder_session != info_.id) {
    if (close_request_) return;
    close_request_ = CloseRequest{Close::kFenced, {}};
    wake_now();
    return;
  }
  epoch_ = info_.epoch = news->epoch;
  info_.incarnation = news->incarnation;
  if (leg_) leg_->adopt(*news);
  change_state(info_.state);
}

void PublishSession::on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) {
  if (!leg_) return;
  count_origin_bytes(bytes.size(), now);
  while (!bytes.empty() && leg_ && !over()) on_origin_event(leg_->next(bytes, now), now);
}

void PublishSession::on_origin_event(const OriginEvent& event, MonotonicTime now) {
  if (state_ == State::kTrying && leg_->request_sent()) published_to_ = leg_->route().incarnation;
  switch (event.kind) {
    case OriginEvent::Kind::kNone:
    case OriginEvent::Kind::kSent:
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
  if (state_ == State::kEnding) return finish_ending();
  end("origin lost");
}

void PublishSession::fail_origin(ContactOutcome outcome) {
  failed_ = std::make_unique<routing::AcquireRequest::Failed>(routing::AcquireRequest::Failed{
      .incarnation = leg_->route().incarnation, .epoch = leg_->route().epoch, .outcome = outcome});
  held_start_.reset();
  drop_leg(CloseMode::kAbort);
  acquire();
}

void PublishSession::dial_again_at(MonotonicTime when) {
  again_ = std::make_unique<routing::Route>(leg_->route());
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
  // It answers, and only does not want this stream: no failed dial.
  if (now + busy_backoff_ >= *busy_until_) return fail_origin(ContactOutcome::kAnswered);
  dial_again_at(now + busy_backoff_);
  busy_backoff_ = std::min(busy_backoff_ * 2, kBusyRetryMax);
}

void PublishSession::on_origin_message(const rtmp::Message& message, MonotonicTime now) {
  if (!rtmp::is_command(message.header.type)) return;
  const auto command = rtmp::parse_command(message);
  if (!command || command->name != "onStatus") return;
  const auto info = rtmp::status_info(*command);
  // An origin's own address is nothing to a client that found us.
  if (!info || info->code == rtmp::status::kReconnectRequest) return;
  if (state_ == State::kTrying) {
    if (info->is_error())
      return on_refused(std::string(info->code), std::string(info->description), now);
    if (info->code != rtmp::status::kPublishStart) return;
    if (!players_until_ || now >= *players_until_) return on_accepted(message, now);
    held_start_ = std::make_unique<HeldStart>(
        HeldStart{message.header, {message.payload.begin(), message.payload.end()}});
    return;
  }
  client_sink_.send({.type = message.header.type,
                     .stream_id = client_stream(),
                     .chunk_stream = rtmp::kStatusChunkStream},
                    message.payload);
  if (state_ == State::kEnding && info->code == rtmp::status::kUnpublishSuccess) finish_ending();
}

void PublishSession::on_accepted(const rtmp::Message& status, MonotonicTime now) {
  leg_->accepted();
  state_ = State::kActive;
  gaps_ = std::make_unique<OriginGaps>(*this);
  leg_->set_sink(gaps_.get());
  if (!early_media_) {
    // Nothing but chunk sizes can be kept, and the origin knows the present one.
    splice_.set_output({.chunk_size = leg_->writer().chunk_size(),
                        .stream_id_from = client_stream(),
                        .stream_id_to = leg_->stream_id()},
                       facts_.index);
  } else {
    rename_early(leg_->stream_id());
    // The leg was opened with the chunk size that it begins in: nginx-rtmp loses what it has read
    // behind a size that shrinks.
    WEIR_ASSERT(leg_->writer().chunk_size() == early_chunk_size_);
    context_.io.send_copy(leg_->leg(), early_);
    last_media_ = now;
  }
  std::vector<std::uint8_t>().swap(early_);
  last_client_bytes_ = now;

  if (!facts_.request.fc_publish.empty())
    client_sink_.send_command(rtmp::on_fc_publish("onFCPublish", rtmp::status::kPublishStart,
                                                  "Started publishing stream."));
  client_sink_.send({.type = status.header.type,
                     .stream_id = client_stream(),
                     .chunk_stream = rtmp::kStatusChunkStream},
                    status.payload);
  std::vector<std::uint8_t>().swap(facts_.request.more_arguments);
  leg_->settled();
  change_state(routing::SessionInfo::State::kActive);
}

void PublishSession::after_client_input(MonotonicTime now) {
  last_client_bytes_ = now;
  const std::uint64_t media = splice_.counters(facts_.index).media_bytes;
  if (media != media_seen_ && state_ == State::kActive) last_media_ = now;
  media_seen_ = media;
  if (early_overflow_) return leave("client sent too much before the origin accepted");
  if (end_after_input_ && state_ != State::kEnding)
    begin_ending("client ended its stream", EndTold::kByClient, now);
}

void PublishSession::on_timer(MonotonicTime now) {
  take_urgent();
  if (update_) take_update();
  if (close_request_ && state_ != State::kEnding) {
    const Close why = close_request_->reason;
    begin_ending(why == Close::kFenced   ? "fenced: a newer epoch has another holder"
                 : why == Close::kKicked ? "ended by order"
                                         : "taken over",
                 EndTold::kByCloseOnly, now);
    if (over()) return;
  }
  if (answer_) take_answer(now);
  if (over()) return;
  if (state_ == State::kEnding) {
    if (now >= ending_until_) finish_ending();
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
    const auto start = std::exchange(held_start_, nullptr);
    return on_accepted({start->header, start->payload}, now);
  }
  if (leg_) on_origin_event(leg_->on_timer(now), now);
  if (over() || state_ != State::kWaiting || now < *retry_at_) return;
  if (!again_) return acquire();
  state_ = State::kTrying;
  retry_at_.reset();
  dial(std::move(*std::exchange(again_, nullptr)), early_chunk_size_, now);
}

std::optional<MonotonicTime> PublishSession::deadline() const {
  auto when = StreamSession::deadline();
  if (state_ == State::kEnding) return earliest(when, ending_until_);
  if (state_ == State::kActive) return earliest(when, last_client_bytes_ + kPublisherIdleTimeout);
  when = earliest(when, earliest(hold_until_, next_ping_));
  if (held_start_) when = earliest(when, players_until_);
  return earliest(when, retry_at_);
}

void PublishSession::begin_ending(std::string reason, EndTold told, MonotonicTime now) {
  if (state_ != State::kActive || !between_chunks()) return end(std::move(reason), told);
  leg_->send_farewell();
  state_ = State::kEnding;
  ending_reason_ = std::move(reason);
  ending_told_ = told;
  ending_until_ = now + kOriginCloseTimeout;
}

void PublishSession::finish_ending() {
  if (state_ == State::kEnding) end(std::move(ending_reason_), ending_told_);
}

void PublishSession::leave(std::string reason) {
  if (over()) return;
  if (state_ == State::kActive && between_chunks()) leg_->send_farewell();
  end(std::move(reason));
}

routing::SessionActivity PublishSession::activity() const {
  if (state_ != State::kActive && state_ != State::kEnding) return {};
  return {.media_bytes = splice_.counters(facts_.index).media_bytes, .last_media = last_media_};
}

// --- From the client, through its splice ---

bool PublishSession::origin_listens() const {
  return leg_ && (state_ == State::kActive || state_ == State::kEnding);
}

void PublishSession::relay_view(rtmp::Bytes bytes) {
  if (origin_listens())
    context_.io.send_view(leg_->leg(), bytes);
  else
    keep_early(bytes);
}

void PublishSession::relay_copy(rtmp::Bytes bytes) {
  if (origin_listens())
    context_.io.send_copy(leg_->leg(), bytes);
  else
    keep_early(bytes);
}

void PublishSession::keep_early(rtmp::Bytes bytes) {
  if (over()) return;
  if (early_.size() + bytes.size() > kEarlyMediaBytesMax) {
    early_overflow_ = true;
    return;
  }
  early_.insert(early_.end(), bytes.begin(), bytes.end());
}

void PublishSession::refuse_early() {
  refuse(rtmp::status::kStreamFailed, "too much was sent before an origin accepted the stream",
         "client sent too much before the origin accepted");
}

/// What was kept names the stream as most origins do. Only format 0 headers name it at all, and the
/// name has a fixed place in them.
void PublishSession::rename_early(std::uint32_t stream_id) {
  const std::uint32_t believed = splice_.output(facts_.index).stream_id_to;
  if (believed == stream_id) return;
  constexpr std::size_t kBeforeStreamId = 7;  // time, length, type
  rtmp::ChunkDecoder decoder;
  std::vector<std::uint8_t> size;
  rtmp::write_message(size, rtmp::set_chunk_size(early_chunk_size_), rtmp::kChunkSizeDefault);
  for (rtmp::Bytes rest(size); !rest.empty();) static_cast<void>(decoder.next(rest));
  rtmp::Bytes rest(early_);
  while (!rest.empty()) {
    const rtmp::ChunkEvent event = decoder.next(rest);
    if (event.kind == rtmp::ChunkEvent::Kind::kError) break;
    const bool names = event.kind == rtmp::ChunkEvent::Kind::kHeader &&
                       event.format == rtmp::ChunkFormat::kFull &&
                       decoder.stream(event.slot).stream_id == believed;
    if (!names) continue;
    WEIR_ASSERT(event.in_input);  // the splice writes whole headers
    std::uint8_t* name = early_.data() + (event.bytes.data() - early_.data()) +
                         rtmp::basic_header_bytes(event.bytes[0]) + kBeforeStreamId;
    for (int shift = 0; shift < 32; shift += 8)
      *name++ = static_cast<std::uint8_t>(stream_id >> shift);
  }
  splice_.rename_stream(stream_id, facts_.index);
}

SpliceAction PublishSession::on_client_message() {
  if (ending() || over()) return SpliceAction::kDrop;
  if (state_ != State::kActive) early_media_ = true;
  return SpliceAction::kPass;
}

void PublishSession::on_client_command(const rtmp::Command& command, MonotonicTime) {
  // Within the splice: what it has not sent yet goes first.
  if (command.name == "FCUnpublish" || command.name == "deleteStream" ||
      command.name == "closeStream")
    end_after_input_ = true;
}

}  // namespace weir::relay
