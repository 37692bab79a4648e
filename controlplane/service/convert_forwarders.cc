// Forwarders, their sessions, what they say and hear; the cluster.

#include <utility>

#include "common/base/utf8.h"
#include "controlplane/service/convert.h"
#include "controlplane/service/limits.h"

namespace weir::service {
namespace {

Error field_error(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message), Side::kClient);
}

Result<core::ClientSession> read(const pb::Session& session, const ForwarderId& forwarder) {
  core::ClientSession out;
  if (session.id().empty()) return field_error("a session has no id");
  if (auto why = first_too_long({{"session.id", session.id()},
                                 {"session.forwarder", session.forwarder()},
                                 {"session.origin", session.origin()},
                                 {"session.incarnation", session.incarnation()},
                                 {"session.client_address", session.client_address()}})) {
    return *why;
  }
  out.id = SessionId(session.id());
  out.forwarder = forwarder;
  auto stream = parse_stream_key(session.stream());
  if (!stream) return field_error("session " + session.id() + ": " + stream.error().message);
  out.stream = std::move(*stream);
  out.intent =
      session.intent() == pb::INTENT_PUBLISH ? core::Intent::kPublish : core::Intent::kPlay;
  switch (session.state()) {
    case pb::SESSION_STATE_CONNECTING:
      out.state = core::SessionState::kConnecting;
      break;
    case pb::SESSION_STATE_ACTIVE:
      out.state = core::SessionState::kActive;
      break;
    default:
      out.state = core::SessionState::kWaiting;
      break;
  }
  out.protocol = service::read(session.protocol());
  out.client_address = session.client_address();
  out.client_agent = to_utf8(session.client_agent(), kClientAgentBytesMax);
  out.origin = OriginId(session.origin());
  out.incarnation = IncarnationId(session.incarnation());
  out.epoch = service::read(session.epoch());
  out.create_time = service::read(session.create_time());
  out.media_bytes = session.media_bytes();
  if (session.has_media_idle()) out.media_idle = service::read(session.media_idle());
  return out;
}

Result<std::vector<StreamKey>> read_keys(
    const google::protobuf::RepeatedPtrField<std::string>& streams) {
  std::vector<StreamKey> out;
  for (const auto& text : streams) {
    auto key = parse_stream_key(text);
    if (!key) return field_error("stream: " + key.error().message);
    out.push_back(std::move(*key));
  }
  return out;
}

Result<core::ForwarderUp> read(const pb::ForwarderHello& hello) {
  if (auto why = first_too_long({{"hello.forwarder", hello.forwarder()},
                                 {"hello.instance", hello.instance()},
                                 {"hello.version", hello.version()},
                                 {"hello.zone", hello.zone()}})) {
    return *why;
  }
  core::ForwarderHello out;
  out.forwarder = ForwarderId(hello.forwarder());
  out.instance = hello.instance();
  out.version = hello.version();
  out.zone = hello.zone();
  for (const auto& listener : hello.listeners()) out.listeners.push_back(service::read(listener));
  for (const auto& session : hello.sessions()) {
    auto read_session = read(session, out.forwarder);
    if (!read_session) return read_session.error();
    out.sessions.push_back(std::move(*read_session));
  }
  auto interests = read_keys(hello.interests());
  if (!interests) return interests.error();
  out.interests = std::move(*interests);
  out.generation_seen = hello.generation_seen();
  out.attach = hello.attach();
  out.unidentified = hello.unidentified();
  return core::ForwarderUp(std::move(out));
}

Result<core::ForwarderUp> read(const pb::SessionChanges& changes) {
  core::SessionChanges out;
  for (const auto& session : changes.upserted()) {
    // Whose session it is, the core knows from the stream it came on.
    auto read_session = read(session, ForwarderId(session.forwarder()));
    if (!read_session) return read_session.error();
    out.upserted.push_back(std::move(*read_session));
  }
  for (const auto& end : changes.ended()) {
    out.ended.push_back({SessionId(end.session()), to_utf8(end.reason(), kReasonBytesMax)});
  }
  return core::ForwarderUp(std::move(out));
}

Result<core::ForwarderUp> read(const pb::RouteInterest& interest) {
  auto add = read_keys(interest.add());
  if (!add) return add.error();
  auto remove = read_keys(interest.remove());
  if (!remove) return remove.error();
  return core::ForwarderUp(core::RouteInterest{std::move(*add), std::move(*remove)});
}

Result<core::ForwarderUp> read(const pb::SessionAnswer& answer) {
  core::SessionAnswer out;
  out.query = answer.query();
  for (const auto& facts : answer.sessions()) {
    core::SessionFacts fact{SessionId(facts.session()), std::nullopt, facts.waiting()};
    if (facts.has_media_idle()) fact.media_idle = service::read(facts.media_idle());
    out.sessions.push_back(std::move(fact));
  }
  return core::ForwarderUp(std::move(out));
}

Result<core::ForwarderUp> read(const pb::ForwarderHeartbeat& heartbeat) {
  core::ForwarderHeartbeat out;
  for (const auto& incarnation : heartbeat.active_incarnations()) {
    out.active_incarnations.emplace_back(incarnation);
  }
  out.unidentified = heartbeat.unidentified();
  return core::ForwarderUp(std::move(out));
}

Result<core::ForwarderUp> read(const pb::ClaimRequest& claim) {
  auto stream = parse_stream_key(claim.stream());
  if (!stream) return field_error("claim: " + stream.error().message);
  if (auto why = first_too_long(
          {{"claim.session", claim.session()}, {"claim.incarnation", claim.incarnation()}})) {
    return *why;
  }
  return core::ForwarderUp(core::ClaimRequest{SessionId(claim.session()), std::move(*stream),
                                              IncarnationId(claim.incarnation()),
                                              service::read(claim.epoch())});
}

struct ForwarderWriter {
  pb::ForwarderServiceAttachResponse& out;

  void operator()(const core::ForwarderWelcome& welcome) const {
    auto* to = out.mutable_welcome();
    to->set_replica(welcome.replica.str());
    to->set_generation(welcome.generation);
    for (const auto& vhost : welcome.vhosts) to->add_vhosts(vhost);
    to->set_takes_acquires(true);
  }
  void operator()(const core::RouteUpdate& update) const {
    auto* to = out.mutable_route_update();
    to->set_stream(update.stream.str());
    if (update.route) service::write(*update.route, to->mutable_route());
    service::write(update.revision, to->mutable_revision());
  }
  void operator()(const core::CloseSession& close) const {
    auto* to = out.mutable_close_session();
    to->set_session(close.session.str());
    to->set_reason(close.reason == core::CloseReason::kTakenOver ? pb::CLOSE_REASON_TAKEN_OVER
                   : close.reason == core::CloseReason::kKicked  ? pb::CLOSE_REASON_KICKED
                                                                 : pb::CLOSE_REASON_FENCED);
    to->set_query(close.query);
  }
  void operator()(const core::SessionQuery& query) const {
    auto* to = out.mutable_session_query();
    to->set_query(query.query);
    for (const auto& session : query.sessions) to->add_sessions(session.str());
  }
  void operator()(const core::ReplicaHeartbeat& heartbeat) const {
    auto* to = out.mutable_heartbeat();
    to->set_generation(heartbeat.generation);
    to->set_stale(heartbeat.stale);
    to->set_settling(heartbeat.settling);
  }
  void operator()(const core::ClaimAnswer& answer) const {
    auto* to = out.mutable_claim_answer();
    to->set_session(answer.session.str());
    to->set_granted(answer.granted);
    if (answer.epoch.is_set()) service::write(answer.epoch, to->mutable_epoch());
  }
  void operator()(const core::OriginTable& table) const {
    auto* to = out.mutable_origin_table();
    service::write(table.revision, to->mutable_revision());
    to->set_complete(table.complete);
    for (const auto& entry : table.origins) {
      auto* origin = to->add_origins();
      origin->set_origin(entry.origin.str());
      origin->set_incarnation(entry.incarnation.str());
      origin->set_kind(service::write(entry.kind));
      for (const auto& endpoint : entry.endpoints) {
        service::write(endpoint, origin->add_endpoints());
      }
      origin->set_placeable(entry.placeable);
      origin->set_dead(entry.dead);
      origin->set_zone(entry.zone);
    }
    for (const auto& removed : table.removed) to->add_removed(removed.str());
  }
};

}  // namespace

Result<core::ForwarderUp> read(const pb::ForwarderServiceAttachRequest& request) {
  switch (request.message_case()) {
    case pb::ForwarderServiceAttachRequest::kHello:
      return read(request.hello());
    case pb::ForwarderServiceAttachRequest::kSessions:
      return read(request.sessions());
    case pb::ForwarderServiceAttachRequest::kDial:
      return core::ForwarderUp(core::DialReport{IncarnationId(request.dial().incarnation()),
                                                read(request.dial().outcome()),
                                                read(request.dial().dial_time())});
    case pb::ForwarderServiceAttachRequest::kInterest:
      return read(request.interest());
    case pb::ForwarderServiceAttachRequest::kSessionAnswer:
      return read(request.session_answer());
    case pb::ForwarderServiceAttachRequest::kHeartbeat:
      return read(request.heartbeat());
    case pb::ForwarderServiceAttachRequest::kClaim:
      return read(request.claim());
    case pb::ForwarderServiceAttachRequest::kAcquires:  // forwarder_service.cc
    case pb::ForwarderServiceAttachRequest::MESSAGE_NOT_SET:
      break;
  }
  // A message of a newer version changes nothing here.
  return core::ForwarderUp(core::SessionChanges{});
}

pb::ForwarderServiceAttachResponse write(const core::ForwarderDown& message) {
  pb::ForwarderServiceAttachResponse out;
  std::visit(ForwarderWriter{out}, message);
  return out;
}

void write(const core::ForwarderInfo& forwarder, pb::Forwarder* out) {
  const auto& record = forwarder.record;
  out->set_name("forwarders/" + record.id.str());
  out->set_id(record.id.str());
  out->set_instance(record.instance);
  out->set_version(record.version);
  out->set_zone(record.zone);
  for (const auto& listener : record.listeners) write(listener, out->add_listeners());
  out->set_attached(forwarder.attached);
  out->set_replica(forwarder.replica.str());
  write(forwarder.last_seen_age, out->mutable_last_seen_age());
  out->set_publishers(forwarder.sessions.publishers);
  out->set_players(forwarder.sessions.players);
  out->set_unidentified(record.unidentified);
  write(record.first_attached, out->mutable_create_time());
}

void write(const core::ClientSession& session, pb::Session* out) {
  out->set_name("sessions/" + session.id.str());
  out->set_id(session.id.str());
  out->set_forwarder(session.forwarder.str());
  out->set_stream(session.stream.str());
  out->set_intent(session.intent == core::Intent::kPublish ? pb::INTENT_PUBLISH : pb::INTENT_PLAY);
  switch (session.state) {
    case core::SessionState::kWaiting:
      out->set_state(pb::SESSION_STATE_WAITING);
      break;
    case core::SessionState::kConnecting:
      out->set_state(pb::SESSION_STATE_CONNECTING);
      break;
    case core::SessionState::kActive:
      out->set_state(pb::SESSION_STATE_ACTIVE);
      break;
  }
  out->set_protocol(write(session.protocol));
  out->set_client_address(session.client_address);
  out->set_client_agent(session.client_agent);
  out->set_origin(session.origin.str());
  out->set_incarnation(session.incarnation.str());
  if (session.epoch.is_set()) write(session.epoch, out->mutable_epoch());
  write(session.create_time, out->mutable_create_time());
  out->set_media_bytes(session.media_bytes);
  if (session.media_idle) write(*session.media_idle, out->mutable_media_idle());
}

namespace {

void write(const core::ReplicaInfo& replica, pb::ReplicaStatus* out) {
  out->set_id(replica.id.str());
  out->set_instance(replica.instance);
  out->set_version(replica.version);
  out->set_answers(replica.answers);
  service::write(replica.age, out->mutable_age());
  service::write(replica.uptime, out->mutable_uptime());
  out->set_stale(replica.stale);
  service::write(replica.store_age, out->mutable_store_age());
  out->set_store_trouble(replica.store_trouble);
  out->set_forwarders_attached(replica.forwarders);
  out->set_agents_attached(replica.agents);
}

}  // namespace

void write(const core::StatusInfo& status, pb::ClusterStatus* out) {
  out->set_replica(status.options.replica.str());
  out->set_version(status.options.version);
  out->set_store(status.options.store_name);
  out->set_generation(status.generation);
  out->set_settling(status.settling);
  out->set_verdicts_frozen(status.verdicts_frozen);
  out->set_origins_alive(status.origins_alive);
  out->set_origins_suspect(status.origins_suspect);
  out->set_origins_dead(status.origins_dead);
  out->set_origins_cordoned(status.origins_cordoned);
  out->set_origins_draining(status.origins_draining);
  out->set_pins(status.pins);
  out->set_records_known(status.records_known);
  out->set_streams_bound(status.streams_bound);
  out->set_streams_publishing(status.streams_publishing);
  out->set_streams_orphaned(status.streams_orphaned);
  out->set_forwarders_attached(status.forwarders_attached);
  out->set_agents_attached(status.agents_attached);
  out->set_publishers(status.sessions.publishers);
  out->set_players(status.sessions.players);
  write(status.uptime, out->mutable_uptime());
  out->set_streams_split(status.streams_split);
  out->set_streams_direct(status.streams_direct);
  out->set_origins_rejected(status.origins_rejected);
  for (const auto& replica : status.replicas) write(replica, out->add_replicas());
  for (const auto& warning : status.warnings) out->add_warnings(warning);
}

void write(const core::Event& event, pb::Event* out) {
  write(event.revision, out->mutable_revision());
  write(event.time, out->mutable_time());
  out->set_type(event.type);
  switch (event.severity) {
    case core::Severity::kInfo:
      out->set_severity(pb::EVENT_SEVERITY_INFO);
      break;
    case core::Severity::kWarning:
      out->set_severity(pb::EVENT_SEVERITY_WARNING);
      break;
    case core::Severity::kError:
      out->set_severity(pb::EVENT_SEVERITY_ERROR);
      break;
  }
  out->set_subject(event.subject);
  out->set_message(event.message);
  out->mutable_attributes()->insert(event.attributes.begin(), event.attributes.end());
}

}  // namespace weir::service
