#include "dataplane/relay/play_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/listen_address.h"
#include "dataplane/protocol/amf/writer.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {

using rtmp::MessageType;

PlaySession::PlaySession(const SessionContext& context, MessageSink& client_sink,
                         LegWriter& client_writer, StreamFacts facts, StreamKey stream)
    : StreamSession(context, client_sink, std::move(facts), std::move(stream)),
      client_writer_(client_writer) {}

PlaySession::~PlaySession() {
  drop_splice(CloseMode::kFlush);
}

void PlaySession::start(MonotonicTime now) {
  now_ = now;
  wait_for_publisher(now);
  // Whether the stream runs is told soon, and players of one that does need no seat.
  if (no_seat_) wait_until_ = now + kSeatlessWait;
  watch();
}

void PlaySession::wait_for_publisher(MonotonicTime now) {
  drop_splice(CloseMode::kFlush);
  state_ = State::kWaiting;
  retry_at_.reset();
  patience_until_.reset();
  next_ping_ = now + kWaitPingInterval;
  take_seat();
  if (context_.config.play_wait > Duration::zero()) wait_until_ = now + context_.config.play_wait;
  if (info_.incarnation.empty()) return;
  info_.origin = {};
  info_.incarnation = {};
  change_state(routing::SessionInfo::State::kWaiting);
}

void PlaySession::take_seat() {
  no_seat_.reset();
  admission::WaitingRoom* room = context_.config.waiting_room;
  const auto parts = parse_host_port(info_.client_address);
  if (room == nullptr || !parts) return;
  const auto address = IpAddress::parse(parts->host).value_or(IpAddress{});
  auto answer = room->enter(info_.stream, address);
  if (auto* seat = std::get_if<admission::WaitingRoom::Seat>(&answer)) {
    seat_ = std::move(*seat);
  } else {
    no_seat_ = std::get<admission::WaitingRefusal>(answer);
  }
}

void PlaySession::refuse_seatless() {
  static constexpr std::array<std::string_view, 3> kWhere{"for this stream", "of this address",
                                                          "here"};
  refuse(rtmp::status::kPlayStreamNotFound, "too many players wait for a publisher",
         fmt::format("too many players wait: {}",
                     kWhere.at(static_cast<std::size_t>(no_seat_.value()))));
}

void PlaySession::take_update(MonotonicTime now) {
  if (ending()) return;
  auto route = std::move(std::exchange(update_, nullptr)->route);
  if (!route) {
    route_.reset();
    if (had_media()) return end_play("the stream has ended");
    if (state_ != State::kWaiting) wait_for_publisher(now);
    if (no_seat_) refuse_seatless();
    return;
  }
  const bool new_epoch = !route_ || route_->epoch != route->epoch;
  // The epoch is kept when an origin only got a new incarnation around a running stream.
  const bool same_owner = route_ && (route_->incarnation == route->incarnation ||
                                     (leg_ && !new_epoch && route->epoch.is_set()));
  const bool now_publishing =
      state_ == State::kRetrying && route->state == routing::PlacementState::kPublishing;
  route_ = std::move(route);
  if (new_epoch) {
    patience_until_.reset();
    drops_ = 0;
  }
  if (same_owner && leg_) {
    // A new holder at the same origin, too: servers keep their players over that.
    leg_->adopt(*route_);
    if (new_epoch || info_.incarnation != route_->incarnation) {
      info_.epoch = route_->epoch;
      info_.incarnation = route_->incarnation;
      change_state(info_.state);
    }
    return;
  }
  if (had_media()) return end_play("the stream moved to another origin");
  if (state_ != State::kRetrying || !same_owner || new_epoch || now_publishing) try_origin(now);
}

void PlaySession::try_origin(MonotonicTime now) {
  drop_splice(CloseMode::kAbort);
  seat_.leave();
  wait_until_.reset();
  retry_at_.reset();
  accepted_at_.reset();
  state_ = State::kTrying;
  dial(*route_, 0, now);
}

void PlaySession::retry(std::string_view code, std::string_view text, MonotonicTime now) {
  // A leg that was accepted and stayed is a new beginning; an origin that takes players only to
  // drop them is not.
  if (accepted_at_ && now - *accepted_at_ >= kPlayAcceptedFor) patience_until_.reset();
  if (!patience_until_) {
    patience_until_ = now + kPlayRetryTotal;
    backoff_ = kPlayRetryFirst;
  }
  if (now + backoff_ >= *patience_until_)
    return refuse(code, text, fmt::format("origin does not serve the stream: {} {}", code, text));
  drop_splice(CloseMode::kAbort);
  state_ = State::kRetrying;
  // Jittered: a popular stream's players must not come back in one burst.
  retry_at_ = now + backoff_ / 2 +
              Duration(static_cast<Duration::rep>(
                  context_.random.below(static_cast<std::uint64_t>(backoff_.count() / 2))));
  backoff_ = std::min(backoff_ * 2, kPlayRetryMax);
}

/// The origin closed behind `play`, without a word. SRS refuses so, after Play.Start even; a
/// process that dies closes, too, but does not take the next one.
void PlaySession::dropped(MonotonicTime now) {
  if (accepted_at_ && now - *accepted_at_ >= kPlayAcceptedFor) drops_ = 0;
  const bool publishing = route_ && route_->state == routing::PlacementState::kPublishing;
  if (publishing && ++drops_ >= kPlayDropsMax)
    return refuse(rtmp::status::kPlayFailed, "refused by the origin",
                  "origin refused: it closes behind play");
  retry(rtmp::status::kPlayFailed, "the origin closed", now);
}

void PlaySession::on_origin_bytes(rtmp::Bytes bytes, MonotonicTime now) {
  now_ = now;
  if (!leg_) return;
  count_origin_bytes(bytes.size(), now);
  while (!bytes.empty() && leg_ && !splice_ && !over())
    on_origin_event(leg_->next(bytes, now), now);
  if (splice_ && !over() && !bytes.empty()) feed_splice(bytes, now);
}

void PlaySession::feed_splice(rtmp::Bytes bytes, MonotonicTime now) {
  const bool before = had_media();
  const std::uint64_t media = splice_->counters().media_bytes;
  const bool sound = splice_->feed(bytes, *this);
  if (splice_->counters().media_bytes != media) last_media_ = now;
  if (refusal_) return on_origin_event(*std::exchange(refusal_, nullptr), now);
  if (ending() && between_messages()) return finish_ending();
  if (!sound) return end(fmt::format("origin: {}", rtmp::to_text(splice_->error())));
  if (before || !had_media()) return;
  change_state(routing::SessionInfo::State::kActive);
}

void PlaySession::on_origin_event(const OriginEvent& event, MonotonicTime now) {
  now_ = now;
  if (ending()) {
    if (event.kind == OriginEvent::Kind::kLost) finish_ending();
    return;
  }
  switch (event.kind) {
    case OriginEvent::Kind::kNone:
    case OriginEvent::Kind::kMessage:
      return;
    case OriginEvent::Kind::kSent:
      return begin_splice();
    case OriginEvent::Kind::kFailed:
      return retry(rtmp::status::kPlayFailed, "the origin does not answer", now);
    case OriginEvent::Kind::kHindered:
      return retry(rtmp::status::kPlayFailed, "the relay is at its limits", now);
    case OriginEvent::Kind::kLost:
      if (had_media()) return end("origin closed the player's leg");
      return dropped(now);
    case OriginEvent::Kind::kRefused:
      break;
  }
  // Some origins refuse players of a stream whose publisher is still on its way.
  const bool not_yet = route_ && route_->state != routing::PlacementState::kPublishing &&
                       event.code == rtmp::status::kPlayStreamNotFound;
  if (not_yet) return retry(event.code, event.text, now);
  const std::string_view code =
      event.code.empty() ? rtmp::status::kPlayFailed : std::string_view(event.code);
  drop_splice(CloseMode::kFlush);
  refuse(code, event.text, fmt::format("origin refused: {} {}", code, event.text));
}

void PlaySession::begin_splice() {
  splice_.emplace(leg_->release_assembler(), SpliceOutput{.chunk_size = client_writer_.chunk_size(),
                                                          .stream_id_from = leg_->stream_id(),
                                                          .stream_id_to = client_stream()});
}

void PlaySession::drop_splice(CloseMode mode) {
  if (splice_) client_writer_.set_chunk_size(splice_->output().chunk_size);
  splice_.reset();
  drop_leg(mode);
}

bool PlaySession::insert_to_client(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  if (!splice_) return false;
  // False: the player has not read for long; it does without our message.
  static_cast<void>(splice_->insert(header, payload, *this));
  return true;
}

void PlaySession::on_timer(MonotonicTime now) {
  now_ = now;
  take_urgent();
  if (ending()) {
    if (now >= ending_until_) finish_ending();
    return;
  }
  if (close_request_)
    return end(close_request_->reason == Close::kFenced   ? "fenced"
               : close_request_->reason == Close::kKicked ? "ended by order"
                                                          : "taken over");
  if (update_) take_update(now);
  if (over()) return;
  if (leg_) on_origin_event(leg_->on_timer(now), now);
  if (over()) return;
  if (state_ == State::kRetrying && now >= *retry_at_) return try_origin(now);
  if (state_ != State::kWaiting) return;
  if (wait_until_ && now >= *wait_until_ && no_seat_) return refuse_seatless();
  if (wait_until_ && now >= *wait_until_)
    return refuse(rtmp::status::kPlayStreamNotFound, "nobody publishes the stream",
                  "nobody published the stream in time");
  if (now < next_ping_) return;
  next_ping_ = now + kWaitPingInterval;
  client_sink_.send(rtmp::user_control({.event = rtmp::UserEvent::kPingRequest}));
}

std::optional<MonotonicTime> PlaySession::deadline() const {
  const auto when = StreamSession::deadline();
  if (ending()) return earliest(when, ending_until_);
  if (state_ == State::kWaiting) return earliest(when, earliest(wait_until_, next_ping_));
  return earliest(when, retry_at_);
}

void PlaySession::end_play(std::string reason) {
  client_sink_.send(
      rtmp::user_control({.event = rtmp::UserEvent::kStreamEof, .value = client_stream()}));
  client_sink_.send_command(rtmp::on_status("status", rtmp::status::kPlayUnpublishNotify,
                                            "The stream is no longer published."),
                            client_stream());
  end(std::move(reason), between_messages() ? EndTold::kByStatus : EndTold::kByCloseOnly);
}

void PlaySession::begin_ending(std::string reason, MonotonicTime now) {
  if (leg_ && leg_->request_sent()) leg_->send_farewell();
  if (between_messages()) return end(std::move(reason), EndTold::kByClient);
  state_ = State::kEnding;
  ending_reason_ = std::move(reason);
  ending_until_ = now + kOriginCloseTimeout;
}

void PlaySession::finish_ending() {
  if (!ending()) return;
  // A message that nobody completes spoils the connection for every other stream.
  end(std::move(ending_reason_), between_messages() ? EndTold::kByClient : EndTold::kByCloseOnly);
}

void PlaySession::leave(std::string reason) {
  if (over()) return;
  if (leg_ && leg_->request_sent()) leg_->send_farewell();
  end(std::move(reason));
}

routing::SessionActivity PlaySession::activity() const {
  return {.media_bytes = splice_ ? splice_->counters().media_bytes : 0, .last_media = last_media_};
}

// --- From the player ---

void PlaySession::on_buffer_length(std::uint32_t milliseconds) {
  facts_.request.buffer_ms = milliseconds;
  if (leg_ && leg_->request_sent())
    leg_->writer().send(rtmp::user_control({.event = rtmp::UserEvent::kSetBufferLength,
                                            .value = leg_->stream_id(),
                                            .buffer = milliseconds}));
}

void PlaySession::on_client_command(const rtmp::Command& command, MonotonicTime now) {
  now_ = now;
  if (over() || ending()) return;
  if (command.name == "deleteStream") return begin_ending("player deleted its stream", now);
  if (command.name == "closeStream") return begin_ending("player closed its stream", now);
  if (!leg_ || !leg_->request_sent() || command.name == "FCUnpublish") return;
  // pause, seek, receiveAudio, receiveVideo. Nobody waits for their results: transaction 0.
  std::vector<std::uint8_t> payload;
  amf::Writer(payload).string(command.name).number(0).raw(command.arguments);
  leg_->writer().send_command(payload, leg_->stream_id());
}

// --- From the origin, through the splice ---

SpliceChoice PlaySession::on_message(const rtmp::MessageHeader& header) {
  if (refusal_) return SpliceAction::kDrop;
  if (rtmp::is_protocol_control(header.type) || rtmp::is_command(header.type))
    return SpliceAction::kCollect;
  if (ending()) return SpliceAction::kDrop;
  if (rtmp::is_media(header.type) && !had_media()) {
    ensure_started();
    leg_->accepted();
    leg_->settled();
    std::vector<std::uint8_t>().swap(facts_.request.more_arguments);
    state_ = State::kActive;
  }
  if (rtmp::is_data(header.type) && !had_media()) return SpliceAction::kCollect;
  return SpliceAction::kPass;
}

void PlaySession::on_collected(const rtmp::Message& message) {
  const OriginEvent event = leg_->handle(message, now_);
  if (event.kind != OriginEvent::Kind::kMessage || ending()) return;
  if (message.header.type == MessageType::kUserControl) {
    if (const auto control = rtmp::parse_user_control(message.payload)) on_user_control(*control);
    return;
  }
  if (rtmp::is_command(message.header.type)) {
    const auto command = rtmp::parse_command(message);
    if (!command || command->name == "onBWDone") return;
    if (command->name == "onStatus") return on_status(message, *command);
    return forward(message);
  }
  // Data before the first media.
  const auto name = amf::Reader(message.payload).next();
  const bool access = name && name->is_string() && name->text == "|RtmpSampleAccess";
  if (access && std::exchange(access_told_, true)) return;
  forward(message);
}

void PlaySession::on_user_control(const rtmp::UserControl& event) {
  if (!event.names_stream()) return;
  if (!had_media()) {
    if (event.event == rtmp::UserEvent::kStreamBegin && std::exchange(began_, true)) return;
    // The player has been told of no stream that could end.
    if (event.event == rtmp::UserEvent::kStreamEof) return;
  }
  rtmp::UserControl translated = event;
  if (event.value == leg_->stream_id()) translated.value = client_stream();
  client_sink_.send(rtmp::user_control(translated));
}

void PlaySession::on_status(const rtmp::Message& message, const rtmp::Command& command) {
  const auto info = rtmp::status_info(command);
  // An origin's own address is nothing to a client that found us.
  if (info && info->code == rtmp::status::kReconnectRequest) return;
  if (!info || had_media()) return forward(message);
  leg_->accepted();
  if (info->is_error()) {
    refusal_ = std::make_unique<OriginEvent>(OriginEvent{.kind = OriginEvent::Kind::kRefused,
                                                         .code = std::string(info->code),
                                                         .text = std::string(info->description)});
    return;
  }
  if (info->code == rtmp::status::kPlayUnpublishNotify) return;
  if (info->code == rtmp::status::kPlayReset && std::exchange(reset_, true)) return;
  if (info->code == rtmp::status::kPlayStart) {
    if (!accepted_at_) accepted_at_ = now_;
    if (started_) return;
    if (!std::exchange(began_, true))
      client_sink_.send(
          rtmp::user_control({.event = rtmp::UserEvent::kStreamBegin, .value = client_stream()}));
    started_ = true;
  }
  forward(message);
}

void PlaySession::ensure_started() {
  if (!std::exchange(began_, true))
    client_sink_.send(
        rtmp::user_control({.event = rtmp::UserEvent::kStreamBegin, .value = client_stream()}));
  if (!std::exchange(started_, true))
    client_sink_.send_command(
        rtmp::on_status("status", rtmp::status::kPlayStart, "Started playing stream."),
        client_stream());
}

void PlaySession::forward(const rtmp::Message& message) {
  rtmp::MessageHeader header = message.header;
  if (header.stream_id == leg_->stream_id()) header.stream_id = client_stream();
  client_sink_.send(header, message.payload);
}

void PlaySession::on_passed(OutputIndex, const rtmp::MessageHeader&, rtmp::Bytes) {}

}  // namespace weir::relay
