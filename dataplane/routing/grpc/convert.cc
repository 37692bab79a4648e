#include "dataplane/routing/grpc/convert.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <google/protobuf/util/time_util.h>

#include "common/base/utf8.h"
#include "common/rpc/client_address.h"
#include "common/rpc/reasons.h"
#include "common/rpc/status.h"

namespace weir::routing {
namespace {

namespace pb = control::v1;
using google::protobuf::util::TimeUtil;
using std::chrono::milliseconds;

constexpr milliseconds kRetryAfterDefault{200};
/// However long a server asks us to wait, an encoder is held only for seconds.
constexpr milliseconds kRetryAfterMax{2'000};

std::string clean(std::string_view foreign) {
  return to_utf8(foreign, kForeignTextBytesMax);
}

pb::Epoch* new_epoch(const Epoch& epoch) {
  auto* message = new pb::Epoch;  // owned by the message it is handed to
  message->set_generation(epoch.generation);
  message->set_counter(epoch.counter);
  return message;
}

Epoch epoch_of(const pb::Epoch& message) {
  return Epoch{message.generation(), message.counter()};
}

Revision revision_of(const pb::Revision& message) {
  return Revision{message.generation(), message.number()};
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

OriginKind kind_of(pb::OriginKind kind) {
  switch (kind) {
    case pb::ORIGIN_KIND_NGINX_RTMP:
      return OriginKind::kNginxRtmp;
    case pb::ORIGIN_KIND_SRS:
      return OriginKind::kSrs;
    default:
      return OriginKind::kGeneric;
  }
}

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

PlacementState state_of(pb::PlacementState state) {
  switch (state) {
    case pb::PLACEMENT_STATE_PUBLISHING:
      return PlacementState::kPublishing;
    case pb::PLACEMENT_STATE_ORPHANED:
      return PlacementState::kOrphaned;
    default:
      return PlacementState::kBound;
  }
}

template <class Endpoints>
std::vector<RtmpEndpoint> rtmp_endpoints_of(const Endpoints& endpoints) {
  std::vector<RtmpEndpoint> found;
  for (const pb::Endpoint& endpoint : endpoints) {
    if (endpoint.protocol() == pb::PROTOCOL_RTMP && !endpoint.address().empty())
      found.emplace_back(endpoint.address(), rpc::from_proto(endpoint.client_address()));
  }
  return found;
}

std::optional<RouteUpdate> route_update(const pb::RouteUpdate& message) {
  auto stream = parse_stream_key(message.stream());
  if (!stream) return std::nullopt;
  RouteUpdate update;
  update.stream = std::move(*stream);
  update.revision = revision_of(message.revision());
  if (message.has_route()) {
    update.route = from_proto(message.route());
    if (!update.route) return std::nullopt;
    // Where only the placement says how old the fact is, that is its age.
    if (!message.has_revision()) update.revision = update.route->revision;
  }
  return update;
}

RouteUpdates route_updates(const pb::RouteUpdates& message) {
  RouteUpdates found;
  for (const pb::RouteUpdate& update : message.updates()) {
    if (auto one = route_update(update)) found.updates.push_back(std::move(*one));
  }
  return found;
}

AcquireReplies acquire_replies(const pb::AcquireAnswers& message) {
  AcquireReplies replies;
  for (const pb::AcquireAnswer& answer : message.answers()) {
    grpc::Status status;
    if (answer.has_refused())
      status = grpc::Status(static_cast<grpc::StatusCode>(answer.refused().code()),
                            answer.refused().message(), answer.refused().SerializeAsString());
    replies.entries.push_back({answer.number(), to_reply(status, answer.placed())});
  }
  return replies;
}

Downward close_command(const pb::CloseSession& message) {
  return CloseCommand{.session = SessionId(message.session()),
                      .reason = message.reason() == pb::CLOSE_REASON_TAKEN_OVER
                                    ? SessionControl::Close::kTakenOver
                                    : SessionControl::Close::kFenced,
                      .query = message.query()};
}

Downward session_query(const pb::SessionQuery& message) {
  SessionQuery query{.query = message.query(), .sessions = {}};
  for (const std::string& id : message.sessions()) query.sessions.emplace_back(id);
  return query;
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

AcquireReply to_reply(const grpc::Status& status, const pb::AcquirePlacementResponse& response) {
  namespace reason = rpc::reason;
  if (status.ok()) {
    auto route = from_proto(response.route());
    // An owner that cannot be dialled by RTMP: ask again, the table may be behind.
    if (!route) return RetryLater{kRetryAfterDefault, "NO_RTMP_ENDPOINT"};
    return Acquired{std::move(*route), response.after_takeover(), response.players_wait()};
  }
  const auto details = rpc::details_of(status);
  const std::string name = rpc::reason_of(status);
  if (name == reason::kStreamHeld) {
    Held held;
    if (details) {
      if (const auto it = details->metadata.find("holder"); it != details->metadata.end())
        held.holder = it->second;
    }
    return held;
  }
  if (name == reason::kInvalidField) return Rejected{status.error_message()};
  if (name.empty() && (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                       status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
                       status.error_code() == grpc::StatusCode::CANCELLED))
    return Unreachable{rpc::describe(status)};
  if (name == reason::kShuttingDown) return Unreachable{rpc::describe(status)};
  Duration delay = kRetryAfterDefault;
  if (details && details->retry_delay) delay = *details->retry_delay;
  return RetryLater{std::min<Duration>(delay, kRetryAfterMax), name.empty() ? "INTERNAL" : name};
}

std::optional<Route> from_proto(const pb::Route& message) {
  Route route;
  const pb::Placement& placement = message.placement();
  route.rtmp_endpoints = rtmp_endpoints_of(message.endpoints());
  if (route.rtmp_endpoints.empty()) return std::nullopt;
  route.origin = OriginId(placement.origin());
  route.incarnation = IncarnationId(placement.incarnation());
  route.origin_kind = kind_of(message.origin_kind());
  route.epoch = epoch_of(placement.epoch());
  route.revision = revision_of(placement.revision());
  route.state = state_of(placement.state());
  route.holder_session = SessionId(placement.holder().client_session().session());
  return route;
}

std::optional<Downward> from_proto(const pb::ForwarderServiceAttachResponse& message) {
  switch (message.message_case()) {
    case pb::ForwarderServiceAttachResponse::kWelcome: {
      const pb::ForwarderWelcome& welcome = message.welcome();
      return Welcome{.replica = ReplicaId(welcome.replica()),
                     .generation = welcome.generation(),
                     .vhosts = {welcome.vhosts().begin(), welcome.vhosts().end()},
                     .takes_acquires = welcome.takes_acquires()};
    }
    case pb::ForwarderServiceAttachResponse::kRouteUpdate:
      return route_update(message.route_update());
    case pb::ForwarderServiceAttachResponse::kCloseSession:
      return close_command(message.close_session());
    case pb::ForwarderServiceAttachResponse::kSessionQuery:
      return session_query(message.session_query());
    case pb::ForwarderServiceAttachResponse::kHeartbeat:
      return ReplicaHeartbeat{.generation = message.heartbeat().generation(),
                              .stale = message.heartbeat().stale(),
                              .settling = message.heartbeat().settling()};
    case pb::ForwarderServiceAttachResponse::kClaimAnswer:
      return ClaimVerdict{.session = SessionId(message.claim_answer().session()),
                          .granted = message.claim_answer().granted(),
                          .epoch = epoch_of(message.claim_answer().epoch())};
    case pb::ForwarderServiceAttachResponse::kOriginTable:
      return from_proto(message.origin_table());
    case pb::ForwarderServiceAttachResponse::kAcquireAnswers:
      return acquire_replies(message.acquire_answers());
    case pb::ForwarderServiceAttachResponse::kRouteUpdates:
      return route_updates(message.route_updates());
    case pb::ForwarderServiceAttachResponse::MESSAGE_NOT_SET:
      break;
  }
  return std::nullopt;
}

OriginTableUpdate from_proto(const pb::OriginTable& message) {
  OriginTableUpdate table{.revision = revision_of(message.revision()),
                          .complete = message.complete(),
                          .origins = {},
                          .removed = {}};
  for (const pb::OriginTableEntry& entry : message.origins()) {
    table.origins.push_back(OriginEntry{.origin = OriginId(entry.origin()),
                                        .incarnation = IncarnationId(entry.incarnation()),
                                        .kind = kind_of(entry.kind()),
                                        .rtmp_endpoints = rtmp_endpoints_of(entry.endpoints()),
                                        .placeable = entry.placeable(),
                                        .dead = entry.dead(),
                                        .zone = entry.zone()});
  }
  for (const std::string& origin : message.removed()) table.removed.emplace_back(origin);
  return table;
}

}  // namespace weir::routing
