#include "dataplane/relay/rtmp_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "common/base/stream_key.h"
#include "dataplane/relay/play_session.h"
#include "dataplane/relay/publish_session.h"
#include "dataplane/relay/session_limits.h"

namespace weir::relay {

static_assert(kStreamsMax <= kOriginLegsMax && kStreamsMax <= kSpliceOutputsMax &&
              kStreamsMax <= 8);  // to_start_

RtmpSession::RtmpSession(SessionIo& io, routing::RouteResolver& resolver, Random& random,
                         const RtmpSessionConfig& config, SessionIdentity identity)
    : context_{io, resolver, random, config, std::move(identity)},
      client_writer_(io, Leg::kClient),
      client_(context_, *this) {}

RtmpSession::~RtmpSession() = default;

void RtmpSession::on_start(MonotonicTime now) {
  now_ = now;
  client_.start(now);
  settle();
}

void RtmpSession::send(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  if (finished_) return;
  for (const auto& stream : streams_)
    if (stream && stream->insert_to_client(header, payload)) return;
  client_writer_.send(header, payload);
}

StreamSession* RtmpSession::stream_of(Leg leg) const {
  const std::size_t index = origin_index(leg);
  StreamSession* stream = index < streams_.size() ? streams_[index].get() : nullptr;
  return stream != nullptr && !stream->over() ? stream : nullptr;
}

std::size_t RtmpSession::live_streams() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      streams_, [](const auto& stream) { return stream && !stream->over(); }));
}

void RtmpSession::on_bytes(Leg leg, MonotonicTime now, std::span<const std::uint8_t> bytes) {
  if (finished_) return;
  now_ = now;
  if (leg == Leg::kClient)
    on_client_bytes(bytes);
  else if (StreamSession* stream = stream_of(leg))
    stream->on_origin_bytes(bytes, now);
  settle();
}

void RtmpSession::on_client_bytes(rtmp::Bytes bytes) {
  client_.control().received(bytes.size(), *this);
  while (!splice_ && !failure_ && !bytes.empty())
    on_client_event(client_.next(bytes, context_.random, now_));
  client_.release_message();
  if (splice_ && !failure_ && !bytes.empty() && !splice_->feed(bytes, *this))
    failure_ =
        std::make_unique<std::string>(fmt::format("client: {}", rtmp::to_text(splice_->error())));
  if (failure_) return finish(std::move(*failure_));
  for (const auto& stream : streams_)
    if (stream && !stream->over()) stream->after_client_input(now_);
  bound_kept();
  tell_kept();
  if (kept_ > kEarlyMediaBytesMax) return finish("client sent too much before the origin accepted");
  if (to_start_ != 0) start_streams();
}

void RtmpSession::on_client_event(ClientEvent event) {
  switch (event.kind) {
    case ClientEvent::Kind::kNone:
      break;
    case ClientEvent::Kind::kClientAddress:
      context_.identity.client_address = event.address;
      if (!context_.io.client_is(event.address))
        failure_ = std::make_unique<std::string>("client address has too many");
      break;
    case ClientEvent::Kind::kRequest:
      on_request(std::move(event.request));
      break;
    case ClientEvent::Kind::kStreamCommand:
      on_stream_command(*event.command, event.header.stream_id);
      break;
    case ClientEvent::Kind::kBufferLength:
      for (const auto& stream : streams_)
        if (stream && !stream->over() &&
            (event.buffer.value == 0 || event.buffer.value == stream->request().stream_id))
          stream->on_buffer_length(event.buffer.buffer);
      break;
    case ClientEvent::Kind::kFailed:
      failure_ = std::make_unique<std::string>(std::move(event.reason));
      break;
  }
}

// --- Streams begin

/// Why a request is refused without harm to the other streams; empty: it is not.
std::string_view RtmpSession::objection(const StreamRequest& request) const {
  std::size_t present = 0;
  for (const auto& stream : streams_) {
    if (!stream) continue;
    ++present;  // one that is over as well: its place is free only when the input is done
    if (stream->over() || stream->ending()) continue;
    if (stream->request().stream_id == request.stream_id)
      return "the message stream is in use already";
    // The chunk streams of two origins would meet in one decoder.
    if (!request.publishes() && !stream->publishes())
      return "a connection plays one stream at a time";
  }
  return present >= kStreamsMax ? "the connection carries too many streams" : "";
}

void RtmpSession::on_request(StreamRequest request) {
  const bool publish = request.publishes();
  const auto refuse = [&](std::string_view code, std::string_view text) {
    send_command(rtmp::on_status("error", code, text), request.stream_id);
  };
  if (++requests_ > kStreamRequestsMax) {
    failure_ = std::make_unique<std::string>("client requested too many streams");
    return;
  }
  if (const std::string_view text = objection(request); !text.empty())
    return refuse(publish ? rtmp::status::kPublishBadName : rtmp::status::kPlayFailed, text);
  if (request.more_arguments.size() > kRequestArgumentsBytesMax) {
    refuse(publish ? rtmp::status::kPublishBadName : rtmp::status::kPlayFailed,
           "too much behind the stream name");
    return fail_alone("client sent too much behind the stream name");
  }
  auto key = stream_key_from_rtmp(std::string(client_.connect().tc_url()),
                                  std::string(client_.connect().app()), request.name,
                                  context_.resolver.vhosts());
  if (!key) {
    refuse(publish ? rtmp::status::kPublishBadName : rtmp::status::kPlayStreamNotFound,
           key.error().message);
    return fail_alone(fmt::format("bad stream name: {}", key.error().message));
  }
  if (!std::exchange(identified_, true)) context_.io.identified();
  open_stream(std::move(request), std::move(*key));
}

/// A request was refused for what it says: without another stream the connection has no use.
void RtmpSession::fail_alone(std::string reason) {
  if (live_streams() == 0) failure_ = std::make_unique<std::string>(std::move(reason));
}

void RtmpSession::open_stream(StreamRequest request, StreamKey key) {
  std::size_t index = 0;
  while (index < streams_.size() && streams_[index]) ++index;
  if (index == streams_.size()) {
    streams_.reserve(index + 1);  // one at a time: nearly every client has one
    streams_.emplace_back();
  }
  WEIR_ASSERT(index < kStreamsMax);
  StreamFacts facts{.connect = client_.connect(),
                    .request = std::move(request),
                    .number = requests_,
                    .index = static_cast<std::uint8_t>(index)};
  MessageSink& sink = *this;
  SpliceHandler& relay = *this;
  if (facts.request.publishes()) {
    if (!splice_) splice_ = std::make_unique<ChunkSplice>(client_.release_assembler());
    streams_[index] = std::make_unique<PublishSession>(context_, sink, *splice_, relay,
                                                       std::move(facts), std::move(key));
  } else {
    streams_[index] = std::make_unique<PlaySession>(context_, sink, client_writer_,
                                                    std::move(facts), std::move(key));
  }
  idle_until_ = MonotonicTime::max();
  to_start_ |= static_cast<std::uint8_t>(1U << index);
}

/// Only now, when the ends that came with them have been carried out: a client may end a stream and
/// publish it again in one segment.
void RtmpSession::start_streams() {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if ((to_start_ >> i & 1U) == 0 || !streams_[i] || streams_[i]->over()) continue;
    StreamSession& fresh = *streams_[i];
    for (const auto& other : streams_) {
      if (!other || other.get() == &fresh || !other->ending()) continue;
      const bool same_name = other->stream() == fresh.stream();
      if (!same_name && other->request().stream_id != fresh.request().stream_id) continue;
      if (same_name && other->publishes() && fresh.publishes())
        static_cast<PublishSession&>(fresh).follow(other->incarnation());
      other->finish_ending();
    }
    fresh.start(now_);
  }
  to_start_ = 0;
}

// --- From the client

void RtmpSession::on_stream_command(const rtmp::Command& command, std::uint32_t stream_id) {
  if (command.name == "FCUnpublish" && command.transaction != 0)
    send_command(rtmp::empty_result(command.transaction));
  StreamSession* target = command_target(command, stream_id);
  if (target != nullptr) target->on_client_command(command, now_);
}

StreamSession* RtmpSession::command_target(const rtmp::Command& command,
                                           std::uint32_t stream_id) const {
  const auto find = [this](auto&& meant) -> StreamSession* {
    for (const auto& stream : streams_)
      if (stream && !stream->over() && !stream->ending() && meant(*stream)) return stream.get();
    return nullptr;
  };
  if (command.name == "deleteStream") {
    const auto id = command.argument(1);
    if (!id || !id->is_number()) return nullptr;
    return find([&](const StreamSession& s) { return s.request().stream_id == id->number; });
  }
  if (command.name != "FCUnpublish")
    return find([&](const StreamSession& s) { return s.request().stream_id == stream_id; });
  // By name; encoders that alter it can only mean the one stream that they have.
  const std::string_view name = command.string_argument(1);
  StreamSession* named = find([&](const StreamSession& s) {
    return s.publishes() && (s.request().fc_publish == name || s.request().name == name);
  });
  const auto publishers = std::ranges::count_if(streams_, [](const auto& stream) {
    return stream && stream->publishes() && !stream->over() && !stream->ending();
  });
  if (named != nullptr || publishers > 1) return named;
  return find([](const StreamSession& s) { return s.publishes(); });
}

SpliceChoice RtmpSession::on_message(const rtmp::MessageHeader& header) {
  if (rtmp::is_protocol_control(header.type) || rtmp::is_command(header.type))
    return SpliceAction::kCollect;
  StreamSession* only = nullptr;
  std::size_t only_index = 0;
  std::size_t candidates = 0;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    StreamSession* stream = streams_[i].get();
    if (stream == nullptr || !stream->publishes() || stream->over() || stream->ending()) continue;
    if (stream->request().stream_id == header.stream_id)
      return {stream->on_client_message(), static_cast<OutputIndex>(i)};
    only = stream;
    only_index = i;
    ++candidates;
  }
  // Some encoders send data for message stream 0, or one that they never created.
  if (candidates != 1 || client_.created(header.stream_id)) return SpliceAction::kDrop;
  return {only->on_client_message(), static_cast<OutputIndex>(only_index)};
}

void RtmpSession::on_collected(const rtmp::Message& message) {
  if (!failure_) on_client_event(client_.handle(message, now_));
}

void RtmpSession::send_view(OutputIndex output, rtmp::Bytes bytes) {
  if (StreamSession* stream = streams_[output].get()) stream->relay_view(bytes);
}

void RtmpSession::send_copy(OutputIndex output, rtmp::Bytes bytes) {
  if (StreamSession* stream = streams_[output].get()) stream->relay_copy(bytes);
}

// --- The other events

void RtmpSession::on_origin_connected(Leg leg, MonotonicTime now) {
  if (finished_) return;
  now_ = now;
  if (StreamSession* stream = stream_of(leg)) stream->on_origin_connected(now);
  settle();
}

void RtmpSession::on_leg_closed(Leg leg, LegEnd end, MonotonicTime now) {
  if (finished_) return;
  now_ = now;
  if (leg == Leg::kClient) return finish("client closed");
  if (StreamSession* stream = stream_of(leg)) stream->on_origin_closed(end, now);
  settle();
}

void RtmpSession::on_timer(MonotonicTime now) {
  if (finished_) return;
  now_ = now;
  armed_ = MonotonicTime::max();
  for (const auto& stream : streams_)
    if (stream && !stream->over()) stream->on_timer(now);
  if (const auto phase = client_.deadline(); phase && now >= *phase)
    return finish(std::string(client_.deadline_reason()));
  if (live_streams() == 0 && now >= idle_until_) return finish("client ended its stream");
  settle();
}

void RtmpSession::on_shutdown(MonotonicTime now) {
  if (finished_) return;
  now_ = now;
  if (live_streams() == 0 || !client_.connect().reconnects()) return finish("forwarder stops");
  // It moves to another forwarder when that suits its media, and is served here until then.
  send_command(rtmp::reconnect_request({}, "The server is going away."));
  settle();
}

// --- Ends

void RtmpSession::settle() {
  if (finished_) return;
  bool removed = false;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    StreamSession* stream = streams_[i].get();
    if (stream == nullptr || !stream->over()) continue;
    const bool alone = stream->end_told() == EndTold::kByClient ||
                       (stream->end_told() == EndTold::kByStatus && live_streams() > 0);
    if (!alone) {
      const std::string& reason = stream->end_reason();
      leave_all(fmt::format("the connection closed: {}", reason));
      return finish(reason);
    }
    remove_stream(i);
    removed = true;
  }
  if (removed && live_streams() == 0) idle_until_ = now_ + kIdentifyTimeout;
  if (kept_ != 0) tell_kept();
  arm(deadline());
}

void RtmpSession::remove_stream(std::size_t index) {
  if (streams_[index]->publishes()) splice_->drop_output(static_cast<OutputIndex>(index));
  streams_[index].reset();
}

std::size_t RtmpSession::early_bytes() const {
  std::size_t bytes = 0;
  for (const auto& stream : streams_)
    if (stream && !stream->over()) bytes += stream->early_bytes();
  return bytes;
}

WhileKept RtmpSession::while_kept() const {
  const bool runs = std::ranges::any_of(
      streams_, [](const auto& stream) { return stream && !stream->over() && stream->accepted(); });
  return runs ? WhileKept::kReadOn : WhileKept::kStopReading;
}

void RtmpSession::bound_kept() {
  if (early_bytes() <= kEarlyBytesBesideActiveMax || while_kept() == WhileKept::kStopReading)
    return;
  const auto bytes_of = [](const auto& stream) {
    return stream && !stream->over() ? stream->early_bytes() : 0;
  };
  while (early_bytes() > kEarlyBytesBesideActiveMax)
    (*std::ranges::max_element(streams_, {}, bytes_of))->refuse_early();
}

void RtmpSession::tell_kept() {
  const std::size_t kept = early_bytes();
  const WhileKept client = kept == 0 ? WhileKept::kStopReading : while_kept();
  if (kept == kept_ && client == while_kept_) return;
  kept_ = kept;
  while_kept_ = client;
  context_.io.keeps(kept, client);
}

std::optional<MonotonicTime> RtmpSession::deadline() const {
  auto when = client_.deadline();
  if (idle_until_ != MonotonicTime::max()) when = earliest(when, idle_until_);
  for (const auto& stream : streams_)
    if (stream) when = earliest(when, stream->deadline());
  return when;
}

void RtmpSession::arm(std::optional<MonotonicTime> when) {
  // Only an earlier time is passed on: most deadlines move with every read, and a timer that comes
  // too early costs one look.
  if (!when || armed_ <= *when) return;
  armed_ = *when;
  context_.io.wake_at(when);
}

void RtmpSession::leave_all(const std::string& reason) {
  for (const auto& stream : streams_)
    if (stream && !stream->over()) stream->leave(reason);
}

void RtmpSession::finish(std::string reason) {
  if (finished_) return;
  leave_all(reason);
  finished_ = true;
  context_.io.finish(reason);
}

}  // namespace weir::relay
