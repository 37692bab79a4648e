#include "dataplane/relay/client_conversation.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "dataplane/protocol/amf/writer.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {

using routing::ContactOutcome;
using rtmp::Command;
using rtmp::Message;

namespace {

// Transactions of our own calls; the order in which they are sent.
constexpr double kConnect = 1;
constexpr double kReleaseStream = 2;
constexpr double kFcPublish = 3;
constexpr double kCreateStream = 4;
constexpr double kRequest = 5;
constexpr double kFcUnpublish = 6;
constexpr double kDeleteStream = 7;

ContactOutcome outcome_of(LegEnd end) {
  switch (end) {
    case LegEnd::kRefused:
      return ContactOutcome::kRefused;
    case LegEnd::kUnreachable:
      return ContactOutcome::kUnreachable;
    case LegEnd::kTimedOut:
      return ContactOutcome::kTimedOut;
    case LegEnd::kNoResources:  // of a dial only, which tells it apart
    case LegEnd::kFin:          // before its first answer: as good as a reset
    case LegEnd::kReset:
      break;
  }
  return ContactOutcome::kReset;
}

rtmp::Dialect dialect_of(routing::OriginKind kind) {
  return kind == routing::OriginKind::kNginxRtmp ? rtmp::Dialect::kNginxRtmp
                                                 : rtmp::Dialect::kSpecification;
}

}  // namespace

ClientConversation::ClientConversation(const SessionContext& context, routing::Route route,
                                       const StreamFacts& stream, std::uint32_t chunk_size)
    : context_(context),
      route_(std::move(route)),
      stream_(stream),
      chunk_size_(chunk_size),
      writer_(context.io, origin_leg(stream.index)),
      sink_(&writer_),
      assembler_(std::make_unique<rtmp::MessageAssembler>(dialect_of(route_.origin_kind))) {
  WEIR_ASSERT(!route_.rtmp_endpoints.empty());
}

void ClientConversation::dial(MonotonicTime now) {
  pass_ = context_.resolver.dial_gate().enter(route_.incarnation, stream_.request.intent,
                                              [&io = context_.io] { io.wake_at(MonotonicTime{}); });
  if (pass_.state() == routing::DialGate::Pass::State::kGranted) return begin_dial(now);
  phase_ = Phase::kQueued;
  deadline_ = now + kDialQueuedMax;
}

std::optional<MonotonicTime> ClientConversation::deadline() const {
  const bool turn =
      phase_ == Phase::kQueued && pass_.state() != routing::DialGate::Pass::State::kWaiting;
  return turn ? MonotonicTime{} : deadline_;
}

void ClientConversation::begin_dial(MonotonicTime now) {
  phase_ = Phase::kDialing;
  dial_began_ = now;
  deadline_ = now + context_.config.dial_timeout;
  open_ = true;
  const routing::RtmpEndpoint& endpoint = route_.rtmp_endpoints[endpoint_];
  opening_ = client_address_prefix(endpoint.client_address, context_.identity.client_address,
                                   endpoint.address);
  context_.io.dial(leg(), endpoint.address);
}

void ClientConversation::drop_leg(CloseMode mode) {
  if (std::exchange(open_, false)) context_.io.close(leg(), mode);
}

void ClientConversation::close(CloseMode mode) {
  drop_leg(mode);
  pass_.leave();
  phase_ = Phase::kOver;
  deadline_.reset();
}

OriginEvent ClientConversation::on_connected(MonotonicTime) {
  phase_ = Phase::kHandshake;
  std::vector<std::uint8_t> bytes = std::exchange(opening_, {});
  handshake_.start(context_.random, bytes);
  context_.io.send_copy(leg(), bytes);
  return {};
}

OriginEvent ClientConversation::dial_failed(ContactOutcome outcome, MonotonicTime now) {
  context_.resolver.report_dial(route_.incarnation, outcome, now - dial_began_);
  if (++endpoint_ < route_.rtmp_endpoints.size()) {
    handshake_ = {};
    heard_ = false;
    begin_dial(now);
    return {};
  }
  if (outcome == ContactOutcome::kTimedOut) pass_.unanswered();
  pass_.leave();
  phase_ = Phase::kOver;
  deadline_.reset();
  return {.kind = OriginEvent::Kind::kFailed, .outcome = outcome};
}

OriginEvent ClientConversation::refused(std::string code, std::string text) {
  close(CloseMode::kFlush);
  return {.kind = OriginEvent::Kind::kRefused, .code = std::move(code), .text = std::move(text)};
}

OriginEvent ClientConversation::on_closed(LegEnd end, MonotonicTime now) {
  const Phase phase = std::exchange(phase_, Phase::kOver);
  deadline_.reset();
  open_ = false;
  switch (phase) {
    case Phase::kDialing:
      if (end == LegEnd::kNoResources) {
        pass_.leave();
        return {.kind = OriginEvent::Kind::kHindered};
      }
      return dial_failed(outcome_of(end), now);
    case Phase::kHandshake:
      // SRS at its max_connections accepts and closes: it is full, not dead.
      if (!heard_ && (end == LegEnd::kFin || end == LegEnd::kReset))
        return dial_failed(ContactOutcome::kTurnedAway, now);
      return dial_failed(outcome_of(end), now);
    case Phase::kConnecting:
    case Phase::kCreating:
    case Phase::kStarted:
      // Once publish or play was sent the end of the leg is an answer to it, of whatever kind.
      if (request_sent_) return {.kind = OriginEvent::Kind::kLost, .outcome = outcome_of(end)};
      // nginx-rtmp closes in an orderly way when it does not know the application.
      if (end == LegEnd::kFin)
        return refused(std::string(rtmp::status::kConnectRejected), "the origin closed");
      return {.kind = OriginEvent::Kind::kFailed, .outcome = outcome_of(end)};
    case Phase::kQueued:
    case Phase::kOver:
      break;
  }
  return {};
}

OriginEvent ClientConversation::on_timer(MonotonicTime now) {
  if (phase_ == Phase::kQueued && pass_.state() == routing::DialGate::Pass::State::kGranted) {
    begin_dial(now);
    return {};
  }
  if (!deadline() || now < *deadline()) return {};
  if (phase_ == Phase::kQueued) {
    // It was not dialled: nothing is known of it but that others are wanted.
    close(CloseMode::kAbort);
    return {.kind = OriginEvent::Kind::kFailed, .outcome = ContactOutcome::kAnswered};
  }
  if (phase_ <= Phase::kHandshake) {
    drop_leg(CloseMode::kAbort);
    return dial_failed(ContactOutcome::kTimedOut, now);
  }
  close(CloseMode::kAbort);
  // What it was asked for may wait for a hook: its dial was answered all the same.
  return {.kind = OriginEvent::Kind::kFailed,
          .outcome = request_sent_ ? ContactOutcome::kAnswered : ContactOutcome::kTimedOut};
}

OriginEvent ClientConversation::next(rtmp::Bytes& input, MonotonicTime now) {
  if (phase_ == Phase::kOver) {
    input = {};
    return {};
  }
  if (phase_ == Phase::kHandshake) {
    heard_ = true;
    std::vector<std::uint8_t> bytes;
    const auto step = handshake_.feed(input, bytes);
    if (!bytes.empty()) context_.io.send_copy(leg(), bytes);
    if (step == rtmp::HandshakeStep::kNeedMore) return {};
    if (step == rtmp::HandshakeStep::kFailed) {
      input = {};
      drop_leg(CloseMode::kAbort);
      return dial_failed(ContactOutcome::kReset, now);
    }
    pass_.answered();
    pass_.leave();
    context_.resolver.report_dial(route_.incarnation, ContactOutcome::kAnswered, now - dial_began_);
    phase_ = Phase::kConnecting;
    deadline_ = now + kOriginAnswerTimeout;
    send_connect();
    if (takes_flights()) {
      // Two round trips less. SRS numbers its one stream 1, and its hooks hold up the reading.
      send_create_stream();
      send_request();
    }
  }
  while (!input.empty()) {
    const auto message = assembler_->next(input);
    if (!message) {
      if (assembler_->error() == rtmp::ChunkError::kNone) return {};
      input = {};
      return refused({}, fmt::format("origin: {}", rtmp::to_text(assembler_->error())));
    }
    if (OriginEvent event = handle(*message, now); event.kind != OriginEvent::Kind::kNone)
      return event;
  }
  return {};
}

void ClientConversation::adopt(const routing::Route& route) {
  const bool keeps_endpoints = !route_.rtmp_endpoints.empty();
  route_ = route;
  if (!keeps_endpoints) settled();
}

rtmp::MessageAssembler ClientConversation::release_assembler() {
  rtmp::MessageAssembler assembler = std::move(*assembler_);
  assembler_.reset();
  return assembler;
}

OriginEvent ClientConversation::handle(const Message& message, MonotonicTime now) {
  if (control_.handle(message, *sink_)) return {};
  if (rtmp::is_command(message.header.type)) {
    const auto command = rtmp::parse_command(message);
    if (!command) return {};
    if (command->name == "_result" || command->name == "_error") return on_answer(*command, now);
    if (command->name == "onStatus" && phase_ != Phase::kStarted) {
      // SRS and others refuse connect this way, too.
      const auto info = rtmp::status_info(*command);
      if (info && info->is_error())
        return refused(std::string(info->code), std::string(info->description));
    }
  }
  if (phase_ != Phase::kStarted) return {};
  return {.kind = OriginEvent::Kind::kMessage, .message = message};
}

OriginEvent ClientConversation::on_answer(const Command& command, MonotonicTime now) {
  if (command.name == "_error") {
    const bool needed = (phase_ == Phase::kConnecting && command.transaction == kConnect) ||
                        (phase_ == Phase::kCreating && command.transaction == kCreateStream);
    if (!needed) return {};
    const auto info = rtmp::status_info(command);
    return refused(std::string(info ? info->code : rtmp::status::kConnectRejected),
                   std::string(info ? info->description : "refused by the origin"));
  }
  if (phase_ == Phase::kConnecting && command.transaction == kConnect) {
    if (!takes_flights()) send_create_stream();
    phase_ = Phase::kCreating;
    deadline_ = now + kOriginAnswerTimeout;
    return {};
  }
  if (phase_ != Phase::kCreating || command.transaction != kCreateStream) return {};
  const auto id = command.argument(1);
  if (!id || !id->is_number() || id->number < 0 || id->number > 0xFFFFFFFF)
    return refused({}, "the origin's createStream result names no stream");
  stream_id_ = static_cast<std::uint32_t>(id->number);
  if (!takes_flights()) send_request();
  phase_ = Phase::kStarted;
  deadline_ = now + kOriginAnswerTimeout;
  return {.kind = OriginEvent::Kind::kSent};
}

std::string ClientConversation::tag() const {
  std::string text = fmt::format("weir:{}/{}", context_.identity.forwarder.str(),
                                 context_.session_of(stream_.number).str());
  // A provisional placement has no epoch, and its publisher is never dropped automatically.
  if (route_.epoch.is_set()) text += fmt::format("/{}", format_as(route_.epoch));
  return text;
}

void ClientConversation::send_connect() {
  // Before anything else, so that the client's chunks can pass as they are later.
  if (chunk_size_ > writer_.chunk_size()) writer_.send(rtmp::set_chunk_size(chunk_size_));
  amf::Reader reader{rtmp::Bytes(stream_.connect.arguments)};
  const auto object = reader.next();
  WEIR_ASSERT(object && object->has_properties());
  const bool tagged = stream_.request.publishes() && context_.config.origin_tag;
  const std::vector<std::uint8_t> patched =
      tagged ? amf::with_property(*object, "swfUrl", amf::encode_string(tag()))
             : std::vector<std::uint8_t>(object->raw.begin(), object->raw.end());
  writer_.send_command(rtmp::connect_command(kConnect, patched, reader.rest()));
}

void ClientConversation::send_create_stream() {
  const StreamRequest& request = stream_.request;
  if (!request.release_stream.empty())
    writer_.send_command(
        rtmp::stream_name_command("releaseStream", kReleaseStream, request.release_stream));
  if (!request.fc_publish.empty()) {
    writer_.send_command(rtmp::stream_name_command("FCPublish", kFcPublish, request.fc_publish));
    fc_published_ = true;
  }
  writer_.send_command(rtmp::create_stream_command(kCreateStream));
}

void ClientConversation::send_request() {
  const StreamRequest& request = stream_.request;
  const bool publish = request.publishes();
  std::vector<std::uint8_t> payload;
  amf::Writer(payload)
      .string(publish ? "publish" : "play")
      .number(kRequest)
      .null()
      .string(request.name)
      .raw(request.more_arguments);
  writer_.send_command(payload, stream_id_);
  if (!publish && request.buffer_ms)
    writer_.send(rtmp::user_control({.event = rtmp::UserEvent::kSetBufferLength,
                                     .value = stream_id_,
                                     .buffer = *request.buffer_ms}));
  request_sent_ = true;
}

void ClientConversation::send_fc_unpublish() {
  if (!std::exchange(fc_published_, false)) return;
  sink_->send_command(
      rtmp::stream_name_command("FCUnpublish", kFcUnpublish, stream_.request.fc_publish));
}

void ClientConversation::send_farewell() {
  send_fc_unpublish();
  sink_->send_command(rtmp::delete_stream_command(kDeleteStream, stream_id_));
}

}  // namespace weir::relay
