// Origins and what agents say and hear.

#include <utility>

#include "controlplane/service/convert.h"

namespace weir::service {
namespace {

model::Capacity read(const pb::OriginCapacity& capacity) {
  return {capacity.streams(), capacity.egress_bits_per_second(), capacity.cores(),
          capacity.connections()};
}

model::Load read(const pb::OriginLoad& load) {
  model::Load out;
  out.cpu_utilization = load.cpu_utilization();
  out.mem_utilization = load.mem_utilization();
  out.streams = load.streams();
  out.players = load.players();
  out.connections = load.connections();
  out.ingress_bits_per_second = load.ingress_bits_per_second();
  out.egress_bits_per_second = load.egress_bits_per_second();
  out.ingress_bytes_total = load.ingress_bytes_total();
  out.egress_bytes_total = load.egress_bytes_total();
  out.open_files = load.open_files();
  out.open_files_max = load.open_files_max();
  if (load.has_probe_time()) out.probe_time = service::read(load.probe_time());
  return out;
}

void write(const model::Load& load, pb::OriginLoad* out) {
  out->set_cpu_utilization(load.cpu_utilization);
  out->set_mem_utilization(load.mem_utilization);
  out->set_streams(load.streams);
  out->set_players(load.players);
  out->set_connections(load.connections);
  out->set_ingress_bits_per_second(load.ingress_bits_per_second);
  out->set_egress_bits_per_second(load.egress_bits_per_second);
  out->set_ingress_bytes_total(load.ingress_bytes_total);
  out->set_egress_bytes_total(load.egress_bytes_total);
  out->set_open_files(load.open_files);
  out->set_open_files_max(load.open_files_max);
  if (load.probe_time) service::write(*load.probe_time, out->mutable_probe_time());
}

/// A stream whose name cannot be a key was not published through this cluster: it is left out.
std::optional<core::ReportedStream> read(const pb::ReportedStream& stream) {
  auto key = parse_stream_key(stream.stream());
  if (!key) return std::nullopt;
  return core::ReportedStream{std::move(*key),
                              stream.tag(),
                              stream.ingress_bits_per_second(),
                              stream.egress_bits_per_second(),
                              stream.players(),
                              stream.tag_unread()};
}

template <class Streams>
std::vector<core::ReportedStream> read_streams(const Streams& streams) {
  std::vector<core::ReportedStream> out;
  for (const auto& stream : streams) {
    if (auto reported = read(stream)) out.push_back(std::move(*reported));
  }
  return out;
}

core::OriginSeen read(const pb::OriginSeen& seen) {
  core::OriginSeen out;
  out.own = OriginId(seen.origin());
  out.description.id = OriginId(seen.claimed_id().empty() ? seen.origin() : seen.claimed_id());
  out.description.kind = service::read(seen.kind());
  for (const auto& endpoint : seen.endpoints()) {
    out.description.endpoints.push_back(service::read(endpoint));
  }
  out.description.zone = seen.zone();
  out.description.labels = {seen.labels().begin(), seen.labels().end()};
  out.description.capacity = read(seen.capacity());
  out.description.software_version = seen.software_version();
  out.process = seen.process();
  out.incarnation = IncarnationId(seen.incarnation());
  out.probe_answered = seen.probe_answered();
  out.streams = read_streams(seen.streams());
  out.streams_known = seen.streams_known();
  return out;
}

core::AgentHello read(const pb::AgentHello& hello) {
  core::AgentHello out;
  out.agent = AgentId(hello.agent());
  out.instance = hello.instance();
  out.version = hello.version();
  out.hostname = hello.host().hostname();
  for (const auto& origin : hello.origins()) out.origins.push_back(read(origin));
  out.generation_seen = hello.generation_seen();
  out.attach = hello.attach();
  return out;
}

core::LoadReport read(const pb::LoadReport& report) {
  core::LoadReport out;
  out.sequence = report.sequence();
  out.window = service::read(report.window());
  for (const auto& origin : report.origins()) {
    core::OriginReport of;
    of.origin = OriginId(origin.origin());
    of.incarnation = IncarnationId(origin.incarnation());
    of.load = read(origin.load());
    of.streams = read_streams(origin.streams());
    of.streams_complete = origin.streams_complete();
    of.stream_readings = origin.stream_readings();
    for (const auto& ended : origin.ended_streams()) {
      if (auto key = parse_stream_key(ended)) of.ended_streams.push_back(std::move(*key));
    }
    out.origins.push_back(std::move(of));
  }
  return out;
}

core::OriginVerdict read(const pb::OriginVerdict& verdict) {
  return {OriginId(verdict.origin()), IncarnationId(verdict.incarnation()),
          verdict.reason() == pb::VERDICT_REASON_PROCESS_GONE ? core::VerdictReason::kProcessGone
                                                              : core::VerdictReason::kProbesFailed,
          service::read(verdict.evidence_age())};
}

pb::OriginState write(model::OriginState state) {
  switch (state) {
    case model::OriginState::kAlive:
      return pb::ORIGIN_STATE_ALIVE;
    case model::OriginState::kSuspect:
      return pb::ORIGIN_STATE_SUSPECT;
    case model::OriginState::kDead:
      return pb::ORIGIN_STATE_DEAD;
  }
  WEIR_UNREACHABLE("origin state");
}

void write(const core::OriginMarks& marks, pb::OriginOrders* out) {
  out->set_draining(marks.drain.has_value());
  if (marks.drain) {
    out->set_drain_reason(marks.drain->reason);
    if (marks.drain->deadline) {
      service::write(*marks.drain->deadline, out->mutable_drain_deadline());
    }
  }
  out->set_weight(marks.weight);
  out->set_cordon_etag(etag_of(marks.cordon_revision));
  out->set_drain_etag(etag_of(marks.drain_revision));
  out->set_weight_etag(etag_of(marks.weight_revision));
}

/// Writes each alternative of AgentDown into its field.
struct AgentWriter {
  pb::OriginServiceAttachResponse& out;

  void operator()(const core::AgentWelcome& welcome) const {
    auto* to = out.mutable_welcome();
    to->set_replica(welcome.replica.str());
    to->set_generation(welcome.generation);
    service::write(welcome.report_interval, to->mutable_report_interval());
    service::write(welcome.snapshot_interval, to->mutable_snapshot_interval());
  }
  void operator()(const core::OriginAccepted& accepted) const {
    auto* to = out.mutable_origin_accepted();
    to->set_origin(accepted.origin.str());
    to->set_accepted_origin(accepted.accepted_origin.str());
    to->set_process(accepted.process);
    to->set_incarnation(accepted.incarnation.str());
    to->set_rejection(accepted.rejection);
  }
  void operator()(const core::ReportAck& ack) const {
    out.mutable_report_ack()->set_sequence(ack.sequence);
  }
  void operator()(const core::ReplicaHeartbeat& heartbeat) const {
    auto* to = out.mutable_heartbeat();
    to->set_generation(heartbeat.generation);
    to->set_stale(heartbeat.stale);
    to->set_settling(heartbeat.settling);
  }
  void operator()(const core::StreamEpoch& epoch) const {
    auto* to = out.mutable_stream_epoch();
    to->set_stream(epoch.stream.str());
    service::write(epoch.epoch, to->mutable_epoch());
    service::write(epoch.holder, to->mutable_holder());
  }
};

}  // namespace

std::string etag_of(const Revision& revision) {
  return revision == Revision{} ? std::string() : format_as(revision);
}

void write(const core::OriginInfo& origin, pb::Origin* out) {
  const auto& record = origin.record;
  const auto& description = record.description;
  out->set_name("origins/" + description.id.str());
  out->set_id(description.id.str());
  out->set_incarnation(record.incarnation.str());
  out->set_state(write(origin.state));
  out->set_state_reason(origin.state_reason);
  out->set_cordoned(origin.marks.cordon.has_value());
  out->set_cordon_reason(origin.marks.cordon.value_or(""));
  write(origin.marks, out->mutable_orders());
  out->set_kind(write(description.kind));
  for (const auto& endpoint : description.endpoints) write(endpoint, out->add_endpoints());
  out->set_zone(description.zone);
  out->mutable_labels()->insert(description.labels.begin(), description.labels.end());
  out->set_agent(description.agent.str());
  auto* capacity = out->mutable_capacity();
  capacity->set_streams(description.capacity.streams);
  capacity->set_egress_bits_per_second(description.capacity.egress_bits_per_second);
  capacity->set_cores(description.capacity.cores);
  capacity->set_connections(description.capacity.connections);
  if (origin.load) {
    write(*origin.load, out->mutable_load());
    write(origin.load_age, out->mutable_load_age());
  }
  out->set_placed_streams(origin.placed_streams);
  if (record.first_seen != WallTime{}) write(record.first_seen, out->mutable_create_time());
  write(record.revision, out->mutable_revision());
  out->set_software_version(description.software_version);
  for (const auto& forwarder : origin.penalized_forwarders) {
    out->add_penalized_forwarders(forwarder.str());
  }
}

model::OriginDescription read(const pb::RegisterOriginRequest& request) {
  model::OriginDescription out;
  out.id = OriginId(request.origin_id());
  out.kind = read(request.kind());
  for (const auto& endpoint : request.endpoints()) out.endpoints.push_back(read(endpoint));
  out.zone = request.zone();
  out.labels = {request.labels().begin(), request.labels().end()};
  out.capacity = read(request.capacity());
  return out;
}

Result<core::AgentUp> read(const pb::OriginServiceAttachRequest& request) {
  switch (request.message_case()) {
    case pb::OriginServiceAttachRequest::kHello:
      return core::AgentUp(read(request.hello()));
    case pb::OriginServiceAttachRequest::kReport:
      return core::AgentUp(read(request.report()));
    case pb::OriginServiceAttachRequest::kOriginSeen:
      return core::AgentUp(read(request.origin_seen()));
    case pb::OriginServiceAttachRequest::kOriginForgotten:
      return core::AgentUp(core::OriginForgotten{OriginId(request.origin_forgotten().origin())});
    case pb::OriginServiceAttachRequest::kVerdict:
      return core::AgentUp(read(request.verdict()));
    // A message of a newer version is a sign of life at least.
    case pb::OriginServiceAttachRequest::kHeartbeat:
    case pb::OriginServiceAttachRequest::MESSAGE_NOT_SET:
      break;
  }
  return core::AgentUp(core::AgentHeartbeat{});
}

pb::OriginServiceAttachResponse write(const core::AgentDown& message) {
  pb::OriginServiceAttachResponse out;
  std::visit(AgentWriter{out}, message);
  return out;
}

}  // namespace weir::service
