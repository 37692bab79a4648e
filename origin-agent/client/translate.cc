#include "origin-agent/client/translate.h"

#include <algorithm>

#include <google/protobuf/util/time_util.h>

#include "common/base/utf8.h"
#include "common/rpc/client_address.h"
#include "origin-agent/client/limits.h"

namespace weir::agent {
namespace {

namespace pb = control::v1;
using google::protobuf::util::TimeUtil;

void set_duration(google::protobuf::Duration* out, Duration value) {
  *out = TimeUtil::NanosecondsToDuration(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::max(value, Duration::zero()))
          .count());
}

Duration duration_of(const google::protobuf::Duration& value) {
  return std::chrono::nanoseconds(TimeUtil::DurationToNanoseconds(value));
}

/// Every text goes through here, whoever made it: protobuf refuses a whole message for one byte
/// that is not UTF-8, and with it the stream that all origins of this agent are on.
std::string plain(std::string text) {
  if (is_utf8(text)) return text;
  return to_utf8(text, kTextBytesMax);
}

pb::OriginKind to_proto(OriginKind kind) {
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

pb::Protocol to_proto(EndpointProtocol protocol) {
  switch (protocol) {
    case EndpointProtocol::kRtmp:
      return pb::PROTOCOL_RTMP;
    case EndpointProtocol::kHttp:
      return pb::PROTOCOL_HTTP;
    case EndpointProtocol::kSrt:
      return pb::PROTOCOL_SRT;
    case EndpointProtocol::kWebrtc:
      return pb::PROTOCOL_WEBRTC;
  }
  return pb::PROTOCOL_UNSPECIFIED;
}

void fill(const ReportedStream& stream, pb::ReportedStream* out) {
  out->set_stream(plain(stream.key));
  // Whoever publishes at the origin chooses it.
  out->set_tag(to_utf8(stream.tag, kTagBytesMax));
  out->set_ingress_bits_per_second(stream.ingress_bits_per_second);
  out->set_egress_bits_per_second(stream.egress_bits_per_second);
  out->set_players(stream.players);
  out->set_tag_unread(stream.tag_unread);
}

void fill(const LoadSample& load, pb::OriginLoad* out) {
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
  if (load.probe_time) set_duration(out->mutable_probe_time(), *load.probe_time);
}

void fill(const OriginSeen& seen, pb::OriginSeen* out) {
  const OriginSpec& spec = *seen.spec;
  out->set_origin(plain(spec.id.str()));
  out->set_claimed_id(plain(spec.claimed_id.str()));
  out->set_kind(to_proto(spec.kind));
  for (const OriginEndpoint& endpoint : spec.endpoints) {
    pb::Endpoint* added = out->add_endpoints();
    added->set_protocol(to_proto(endpoint.protocol));
    added->set_address(plain(endpoint.address));
    added->set_client_address(rpc::to_proto(endpoint.client_address));
  }
  out->set_zone(plain(spec.zone));
  for (const auto& [name, value] : spec.labels)
    (*out->mutable_labels())[plain(name)] = plain(value);
  out->mutable_capacity()->set_streams(spec.capacity.streams);
  out->mutable_capacity()->set_egress_bits_per_second(spec.capacity.egress_bits_per_second);
  out->mutable_capacity()->set_cores(spec.capacity.cores);
  out->mutable_capacity()->set_connections(spec.capacity.connections);
  out->set_process(plain(seen.process));
  out->set_incarnation(plain(seen.incarnation.str()));
  out->set_probe_answered(seen.probe_answered);
  for (const ReportedStream& stream : seen.streams) fill(stream, out->add_streams());
  out->set_streams_known(seen.streams_known);
  out->set_software_version(to_utf8(spec.software, kSoftwareBytesMax));
}

void fill(const Hello& hello, pb::OriginServiceAttachRequest* request) {
  pb::AgentHello* out = request->mutable_hello();
  out->set_agent(plain(hello.agent.str()));
  out->set_instance(plain(hello.instance));
  out->set_version(plain(hello.version));
  out->mutable_host()->set_hostname(plain(hello.host.hostname));
  out->mutable_host()->set_cores(hello.host.cores);
  out->mutable_host()->set_memory_bytes(hello.host.memory_bytes);
  for (const OriginSeen& seen : hello.origins) fill(seen, out->add_origins());
  out->set_generation_seen(hello.generation_seen);
  out->set_attach(hello.attach);
}

void fill(const Report& report, pb::OriginServiceAttachRequest* request) {
  pb::LoadReport* out = request->mutable_report();
  out->set_sequence(report.sequence);
  set_duration(out->mutable_window(), report.window);
  for (const OriginReport& origin : report.origins) {
    pb::OriginReport* added = out->add_origins();
    added->set_origin(plain(origin.origin.str()));
    added->set_incarnation(plain(origin.incarnation.str()));
    fill(origin.load, added->mutable_load());
    for (const ReportedStream& stream : origin.streams) fill(stream, added->add_streams());
    added->set_streams_complete(origin.streams_complete);
    for (const std::string& ended : origin.ended_streams) added->add_ended_streams(plain(ended));
    added->set_stream_readings(origin.stream_readings);
  }
}

void fill(const OriginSeen& seen, pb::OriginServiceAttachRequest* request) {
  fill(seen, request->mutable_origin_seen());
}

void fill(const Verdict& verdict, pb::OriginServiceAttachRequest* request) {
  pb::OriginVerdict* out = request->mutable_verdict();
  out->set_origin(plain(verdict.origin.str()));
  out->set_incarnation(plain(verdict.incarnation.str()));
  out->set_reason(verdict.reason == VerdictReason::kProcessGone ? pb::VERDICT_REASON_PROCESS_GONE
                                                                : pb::VERDICT_REASON_PROBES_FAILED);
  set_duration(out->mutable_evidence_age(), verdict.evidence_age);
}

void fill(const Forgotten& forgotten, pb::OriginServiceAttachRequest* request) {
  request->mutable_origin_forgotten()->set_origin(plain(forgotten.origin.str()));
}

void fill(const Heartbeat&, pb::OriginServiceAttachRequest* request) {
  request->mutable_heartbeat();
}

}  // namespace

pb::OriginServiceAttachRequest to_proto(const UpMessage& message) {
  pb::OriginServiceAttachRequest request;
  std::visit([&](const auto& m) { fill(m, &request); }, message);
  return request;
}

std::optional<DownMessage> from_proto(const pb::OriginServiceAttachResponse& message) {
  switch (message.message_case()) {
    case pb::OriginServiceAttachResponse::kWelcome: {
      const pb::AgentWelcome& in = message.welcome();
      return Welcome{in.replica(), in.generation(), duration_of(in.report_interval()),
                     duration_of(in.snapshot_interval())};
    }
    case pb::OriginServiceAttachResponse::kOriginAccepted: {
      const pb::OriginAccepted& in = message.origin_accepted();
      return Accepted{OriginId(in.origin()), OriginId(in.accepted_origin()), in.process(),
                      IncarnationId(in.incarnation()), in.rejection()};
    }
    case pb::OriginServiceAttachResponse::kReportAck:
      return Ack{message.report_ack().sequence()};
    case pb::OriginServiceAttachResponse::kHeartbeat:
      return ReplicaHeartbeat{message.heartbeat().generation(), message.heartbeat().stale()};
    case pb::OriginServiceAttachResponse::kStreamEpoch: {
      const pb::StreamEpoch& in = message.stream_epoch();
      return StreamEpoch{in.stream(), Epoch{in.epoch().generation(), in.epoch().counter()},
                         in.holder().client_session().session()};
    }
    case pb::OriginServiceAttachResponse::MESSAGE_NOT_SET:
      break;
  }
  return std::nullopt;
}

}  // namespace weir::agent
