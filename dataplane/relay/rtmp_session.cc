#include "dataplane/relay/rtmp_session.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/stream_key.h"
#include "dataplane/relay/play_session.h"
#include "dataplane/relay/publish_session.h"

namespace weir::relay {

RtmpSession::RtmpSession(SessionIo& io, routing::RouteResolver& resolver, Random& random,
                         const RtmpSessionConfig& config, SessionIdentity identity)
    : context_{io, resolver, random, config, std::move(identity)},
      client_writer_(io, Leg::kClient),
      client_(context_, *this) {}

RtmpSession::~RtmpSession() = default;

void RtmpSession::on_start(MonotonicTime now) {
  client_.start(now);
  settle();
}

void RtmpSession::send(const rtmp::MessageHeader& header, rtmp::Bytes payload) {
  if (finished_ || (stream_ && stream_->insert_to_client(header, payload))) return;
  client_writer_.send(header, payload);
}

void RtmpSession::on_bytes(Leg leg, MonotonicTime now, std::span<const std::uint8_t> bytes) {
  if (finished_) return;
  if (leg == Leg::kClient)
    on_client_bytes(bytes, now);
  else if (stream_)
    stream_->on_origin_bytes(bytes, now);
  settle();
}

void RtmpSession::on_client_bytes(rtmp::Bytes bytes, MonotonicTime now) {
  client_.control().received(bytes.size(), *this);
  while (!stream_ && !finished_ && !bytes.empty()) {
    const ClientEvent event = client_.next(bytes, context_.random, now);
    if (event.kind == ClientEvent::Kind::kFailed) return finish(event.reason);
    if (event.kind == ClientEvent::Kind::kClientAddress) {
      context_.identity.client_address = event.address;
      if (!context_.io.client_is(event.address)) return finish("client address has too many");
    }
    if (event.kind == ClientEvent::Kind::kIdentified) identified(now);
  }
  if (stream_ && !stream_->over() && !bytes.empty()) stream_->on_client_bytes(bytes, now);
}

void RtmpSession::identified(MonotonicTime now) {
  const ClientFacts& facts = client_.facts();
  const bool publish = facts.request.intent == routing::Intent::kPublish;
  auto key =
      stream_key_from_rtmp(facts.tc_url, facts.app, facts.request.name, context_.resolver.vhosts());
  if (!key) {
    send_command(
        rtmp::on_status("error",
                        publish ? rtmp::status::kPublishBadName : rtmp::status::kPlayStreamNotFound,
                        key.error().message),
        facts.request.stream_id);
    return finish(fmt::format("bad stream name: {}", key.error().message));
  }
  context_.io.identified();
  MessageSink& sink = *this;
  if (publish)
    stream_ = std::make_unique<PublishSession>(context_, client_, sink, std::move(*key));
  else
    stream_ =
        std::make_unique<PlaySession>(context_, client_, sink, client_writer_, std::move(*key));
  stream_->start(now);
}

void RtmpSession::on_origin_connected(Leg, MonotonicTime now) {
  if (finished_ || !stream_) return;
  stream_->on_origin_connected(now);
  settle();
}

void RtmpSession::on_leg_closed(Leg leg, LegEnd end, MonotonicTime now) {
  if (finished_) return;
  if (leg == Leg::kOrigin) {
    if (stream_) stream_->on_origin_closed(end, now);
  } else if (stream_) {
    stream_->leave("client closed");
  } else {
    return finish("client closed");
  }
  settle();
}

void RtmpSession::on_timer(MonotonicTime now) {
  if (finished_) return;
  armed_.reset();
  if (stream_) {
    stream_->on_timer(now);
  } else if (const auto deadline = client_.deadline(); deadline && now >= *deadline) {
    return finish(client_.deadline_reason());
  }
  settle();
}

void RtmpSession::on_shutdown(MonotonicTime) {
  if (finished_) return;
  if (!stream_) return finish("forwarder stops");
  stream_->leave("forwarder stops");
  settle();
}

void RtmpSession::settle() {
  if (finished_) return;
  if (stream_ && stream_->over()) return finish(*stream_->over());
  arm(stream_ ? stream_->deadline() : client_.deadline());
}

void RtmpSession::arm(std::optional<MonotonicTime> when) {
  // Only an earlier time is passed on: most deadlines move with every read, and a timer that comes
  // too early costs one look.
  if (!when || (armed_ && *armed_ <= *when)) return;
  armed_ = when;
  context_.io.wake_at(when);
}

void RtmpSession::finish(std::string_view reason) {
  finished_ = true;
  context_.io.finish(reason);
}

}  // namespace weir::relay
