// What comes down from the control plane.

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "common/rpc/client_address.h"
#include "common/rpc/reasons.h"
#include "common/rpc/status.h"
#include "dataplane/routing/grpc/convert.h"

namespace weir::routing {
namespace {

namespace pb = control::v1;
using std::chrono::milliseconds;

constexpr milliseconds kRetryAfterDefault{200};
/// However long a server asks us to wait, an encoder is held only for seconds.
constexpr milliseconds kRetryAfterMax{2'000};

Epoch epoch_of(const pb::Epoch& message) {
  return Epoch{message.generation(), message.counter()};
}

Revision revision_of(const pb::Revision& message) {
  return Revision{message.generation(), message.number()};
}

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
  return CloseCommand{
      .session = SessionId(message.session()),
      .reason = message.reason() == pb::CLOSE_REASON_TAKEN_OVER ? SessionControl::Close::kTakenOver
                : message.reason() == pb::CLOSE_REASON_KICKED   ? SessionControl::Close::kKicked
                                                                : SessionControl::Close::kFenced,
      .query = message.query()};
}

Downward session_query(const pb::SessionQuery& message) {
  SessionQuery query{.query = message.query(), .sessions = {}};
  for (const std::string& id : message.sessions()) query.sessions.emplace_back(id);
  return query;
}

}  // namespace

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
  if (name == reason::kShuttingDown ||
      (name.empty() && (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
                        status.error_code() == grpc::StatusCode::CANCELLED)))
    return Unreachable{rpc::describe(status), rpc::failure_of(status)};
  Duration delay = kRetryAfterDefault;
  if (details && details->retry_delay) delay = *details->retry_delay;
  return RetryLater{.retry_after = std::min<Duration>(delay, kRetryAfterMax),
                    .reason = name.empty() ? "INTERNAL" : name,
                    .elsewhere = name == reason::kStoreUnavailable};
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
