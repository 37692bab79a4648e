// What goes up to the control plane.

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include <google/protobuf/util/time_util.h>

#include "common/base/utf8.h"
#include "common/rpc/client_address.h"
#include "dataplane/routing/grpc/convert.h"

namespace weir::routing {
namespace {

namespace pb = control::v1;
using google::protobuf::util::TimeUtil;

std::string clean(std::string_view foreign) {
  return to_utf8(foreign, kForeignTextBytesMax);
}

pb::Epoch* new_epoch(const Epoch& epoch) {
  auto* message = new pb::Epoch;  // owned by the message it is handed to
  message->set_generation(epoch.generation);
  message->set_counter(epoch.counter);
  return message;
}

google::protobuf::Duration duration(Duration value) {
  return TimeUtil::NanosecondsToDuration(
      std::chrono::duration_cast<std::chrono::nanoseconds>(value).count());
}

pb::ContactOutcome outcome(ContactOutcome value) {
  switch (value) {
    case ContactOutcome::kAnswered:
      return pb::CONTACT_OUTCOME_ANSWERED;
    case ContactOutcome::kRefused:
      return pb::CONTACT_OUTCOME_REFUSED;
    case ContactOutcome::kReset:
      return pb::CONTACT_OUTCOME_RESET;
    case ContactOutcome::kTimedOut:
      return pb::CONTACT_OUTCOME_TIMED_OUT;
    case ContactOutcome::kUnreachable:
      return pb::CONTACT_OUTCOME_UNREACHABLE;
    case ContactOutcome::kTurnedAway:
      return pb::CONTACT_OUTCOME_TURNED_AWAY;
  }
  return pb::CONTACT_OUTCOME_UNSPECIFIED;
}

pb::SessionState state(SessionInfo::State value) {
  switch (value) {
    case SessionInfo::State::kWaiting:
      return pb::SESSION_STATE_WAITING;
    case SessionInfo::State::kConnecting:
      return pb::SESSION_STATE_CONNECTING;
    case SessionInfo::State::kActive:
      return pb::SESSION_STATE_ACTIVE;
  }
  return pb::SESSION_STATE_UNSPECIFIED;
}

void fill(const SessionRecord& record, pb::Session& out) {
  const SessionInfo& info = record.info;
  out.set_id(info.id.str());
  out.set_stream(info.stream.str());
  out.set_intent(info.intent == Intent::kPublish ? pb::INTENT_PUBLISH : pb::INTENT_PLAY);
  out.set_state(state(info.state));
  out.set_protocol(pb::PROTOCOL_RTMP);
  out.set_client_address(clean(info.client_address));
  out.set_client_agent(clean(info.client_agent));
  out.set_origin(info.origin.str());
  out.set_incarnation(info.incarnation.str());
  if (info.epoch.is_set()) out.set_allocated_epoch(new_epoch(info.epoch));
  *out.mutable_create_time() = TimeUtil::NanosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::nanoseconds>(info.connected_at.time_since_epoch())
          .count());
  out.set_media_bytes(record.media_bytes);
  if (record.media_idle) *out.mutable_media_idle() = duration(*record.media_idle);
}

void fill_holder(const ForwarderFacts& facts, const SessionId& session, pb::Holder& out) {
  out.mutable_client_session()->set_forwarder(facts.id.str());
  out.mutable_client_session()->set_session(session.str());
}

struct UpwardFiller {
  const ForwarderFacts& forwarder;
  pb::ForwarderServiceAttachRequest& out;

  void operator()(const AcquireBatch& batch) const {
    auto& message = *out.mutable_acquires();
    for (const AcquireBatch::Entry& entry : batch.entries) {
      auto& acquire = *message.add_acquires();
      acquire.set_number(entry.number);
      *acquire.mutable_request() = to_proto(forwarder, entry.request);
    }
  }

  void operator()(const SessionChanges& changes) const {
    auto& message = *out.mutable_sessions();
    for (const SessionRecord& record : changes.upserted) fill(record, *message.add_upserted());
    for (const SessionEnd& end : changes.ended) {
      auto& entry = *message.add_ended();
      entry.set_session(end.session.str());
      entry.set_reason(clean(end.reason));
    }
  }
  void operator()(const DialReport& report) const {
    auto& message = *out.mutable_dial();
    message.set_incarnation(report.incarnation.str());
    message.set_outcome(outcome(report.outcome));
    *message.mutable_dial_time() = duration(report.dial_time);
  }
  void operator()(const InterestChange& change) const {
    auto& message = *out.mutable_interest();
    for (const StreamKey& stream : change.add) message.add_add(stream.str());
    for (const StreamKey& stream : change.remove) message.add_remove(stream.str());
  }
  void operator()(const SessionAnswer& answer) const {
    auto& message = *out.mutable_session_answer();
    message.set_query(answer.query);
    for (const SessionFacts& facts : answer.sessions) {
      auto& entry = *message.add_sessions();
      entry.set_session(facts.session.str());
      if (facts.media_idle) *entry.mutable_media_idle() = duration(*facts.media_idle);
      entry.set_waiting(facts.waiting);
    }
  }
  void operator()(const Heartbeat& heartbeat) const {
    auto& message = *out.mutable_heartbeat();
    for (const IncarnationId& id : heartbeat.active_incarnations)
      message.add_active_incarnations(id.str());
    message.set_unidentified(heartbeat.unidentified);
  }
  void operator()(const Claim& claim) const {
    auto& message = *out.mutable_claim();
    message.set_session(claim.session.str());
    message.set_stream(claim.stream.str());
    message.set_incarnation(claim.incarnation.str());
    message.set_allocated_epoch(new_epoch(claim.epoch));
  }
};

pb::OriginKind kind_of(OriginKind kind) {
  switch (kind) {
    case OriginKind::kNginxRtmp:
      return pb::ORIGIN_KIND_NGINX_RTMP;
    case OriginKind::kSrs:
      return pb::ORIGIN_KIND_SRS;
    case OriginKind::kGeneric:
      break;
  }
  return pb::ORIGIN_KIND_GENERIC;
}

}  // namespace

pb::ForwarderServiceAttachRequest to_proto(const ForwarderFacts& facts, const Hello& hello) {
  pb::ForwarderServiceAttachRequest request;
  auto& message = *request.mutable_hello();
  message.set_forwarder(facts.id.str());
  message.set_instance(facts.instance);
  message.set_version(facts.version);
  message.set_zone(facts.zone);
  for (const std::string& address : facts.rtmp_listeners) {
    auto& endpoint = *message.add_listeners();
    endpoint.set_protocol(pb::PROTOCOL_RTMP);
    endpoint.set_address(address);
  }
  for (const SessionRecord& record : hello.sessions) fill(record, *message.add_sessions());
  for (const StreamKey& stream : hello.interests) message.add_interests(stream.str());
  message.set_generation_seen(hello.generation_seen);
  message.set_unidentified(hello.unidentified);
  message.set_takes_route_updates(true);
  message.set_attach(hello.attach);
  return request;
}

pb::ForwarderServiceAttachRequest to_proto(const ForwarderFacts& facts, const Upward& message) {
  pb::ForwarderServiceAttachRequest request;
  std::visit(UpwardFiller{facts, request}, message);
  return request;
}

pb::AcquirePlacementRequest to_proto(const ForwarderFacts& facts, const AcquireRequest& request) {
  pb::AcquirePlacementRequest message;
  message.set_stream(request.stream.str());
  fill_holder(facts, request.session, *message.mutable_holder());
  message.set_protocol(pb::PROTOCOL_RTMP);
  if (request.failed) {
    auto& failed = *message.mutable_failed();
    failed.set_incarnation(request.failed->incarnation.str());
    failed.set_allocated_epoch(new_epoch(request.failed->epoch));
    failed.set_outcome(outcome(request.failed->outcome));
  }
  message.set_zone(facts.zone);
  message.set_request_id(request.request_id);
  return message;
}

pb::ReleasePlacementRequest to_proto(const ForwarderFacts& facts, const ReleaseRequest& request) {
  pb::ReleasePlacementRequest message;
  message.set_stream(request.stream.str());
  fill_holder(facts, request.session, *message.mutable_holder());
  message.set_allocated_epoch(new_epoch(request.epoch));
  return message;
}

pb::OriginTable to_proto(const OriginTableUpdate& table) {
  pb::OriginTable message;
  message.mutable_revision()->set_generation(table.revision.generation);
  message.mutable_revision()->set_number(table.revision.number);
  message.set_complete(table.complete);
  for (const OriginEntry& origin : table.origins) {
    auto& entry = *message.add_origins();
    entry.set_origin(origin.origin.str());
    entry.set_incarnation(origin.incarnation.str());
    entry.set_kind(kind_of(origin.kind));
    for (const RtmpEndpoint& of : origin.rtmp_endpoints) {
      auto& endpoint = *entry.add_endpoints();
      endpoint.set_protocol(pb::PROTOCOL_RTMP);
      endpoint.set_address(of.address);
      endpoint.set_client_address(rpc::to_proto(of.client_address));
    }
    entry.set_placeable(origin.placeable);
    entry.set_dead(origin.dead);
    entry.set_zone(origin.zone);
  }
  for (const OriginId& origin : table.removed) message.add_removed(origin.str());
  return message;
}

}  // namespace weir::routing
