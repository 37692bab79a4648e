// Shared values, placements, origins.

#include "controlplane/service/convert.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include "common/rpc/client_address.h"
#include "controlplane/service/limits.h"

namespace weir::service {
namespace {

using namespace std::chrono;

Error field_error(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message), Side::kClient);
}

}  // namespace

void write(WallTime time, google::protobuf::Timestamp* out) {
  const auto nanos = duration_cast<nanoseconds>(time.time_since_epoch());
  *out = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(nanos.count());
}

void write(Duration duration, google::protobuf::Duration* out) {
  *out = google::protobuf::util::TimeUtil::NanosecondsToDuration(
      duration_cast<nanoseconds>(duration).count());
}

Duration read(const google::protobuf::Duration& duration) {
  // What a peer sends may be anything; beyond a year it means nothing here.
  constexpr auto kMost = duration_cast<seconds>(hours(24 * 365)).count();
  if (duration.seconds() > kMost) return seconds(kMost);
  if (duration.seconds() < 0 || duration.nanos() < 0) return {};
  return seconds(duration.seconds()) + nanoseconds(duration.nanos());
}

WallTime read(const google::protobuf::Timestamp& time) {
  constexpr auto kMost = duration_cast<seconds>(years(230)).count();
  const auto whole = seconds(std::clamp<std::int64_t>(time.seconds(), 0, kMost));
  const auto part = nanoseconds(std::clamp(time.nanos(), 0, 999'999'999));
  return WallTime(duration_cast<WallTime::duration>(whole + part));
}

std::optional<Error> first_too_long(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, value] : fields) {
    if (value.size() > kNameBytesMax) {
      return field_error(fmt::format("{}: is longer than {} bytes", name, kNameBytesMax));
    }
  }
  return std::nullopt;
}

void write(const Epoch& epoch, pb::Epoch* out) {
  out->set_generation(epoch.generation);
  out->set_counter(epoch.counter);
}

void write(const Revision& revision, pb::Revision* out) {
  out->set_generation(revision.generation);
  out->set_number(revision.number);
}

Epoch read(const pb::Epoch& epoch) {
  return {epoch.generation(), epoch.counter()};
}

pb::Protocol write(model::Protocol protocol) {
  switch (protocol) {
    case model::Protocol::kRtmp:
      return pb::PROTOCOL_RTMP;
    case model::Protocol::kHttp:
      return pb::PROTOCOL_HTTP;
    case model::Protocol::kSrt:
      return pb::PROTOCOL_SRT;
    case model::Protocol::kWebrtc:
      return pb::PROTOCOL_WEBRTC;
  }
  WEIR_UNREACHABLE("protocol");
}

model::Protocol read(pb::Protocol protocol) {
  switch (protocol) {
    case pb::PROTOCOL_HTTP:
      return model::Protocol::kHttp;
    case pb::PROTOCOL_SRT:
      return model::Protocol::kSrt;
    case pb::PROTOCOL_WEBRTC:
      return model::Protocol::kWebrtc;
    default:
      return model::Protocol::kRtmp;
  }
}

pb::OriginKind write(model::OriginKind kind) {
  switch (kind) {
    case model::OriginKind::kGeneric:
      return pb::ORIGIN_KIND_GENERIC;
    case model::OriginKind::kNginxRtmp:
      return pb::ORIGIN_KIND_NGINX_RTMP;
    case model::OriginKind::kSrs:
      return pb::ORIGIN_KIND_SRS;
  }
  WEIR_UNREACHABLE("origin kind");
}

model::OriginKind read(pb::OriginKind kind) {
  switch (kind) {
    case pb::ORIGIN_KIND_NGINX_RTMP:
      return model::OriginKind::kNginxRtmp;
    case pb::ORIGIN_KIND_SRS:
      return model::OriginKind::kSrs;
    default:
      return model::OriginKind::kGeneric;
  }
}

core::ContactOutcome read(pb::ContactOutcome outcome) {
  switch (outcome) {
    case pb::CONTACT_OUTCOME_REFUSED:
      return core::ContactOutcome::kRefused;
    case pb::CONTACT_OUTCOME_RESET:
      return core::ContactOutcome::kReset;
    case pb::CONTACT_OUTCOME_TIMED_OUT:
      return core::ContactOutcome::kTimedOut;
    case pb::CONTACT_OUTCOME_UNREACHABLE:
      return core::ContactOutcome::kUnreachable;
    case pb::CONTACT_OUTCOME_TURNED_AWAY:
      return core::ContactOutcome::kTurnedAway;
    // Not said: no evidence against the origin.
    default:
      return core::ContactOutcome::kAnswered;
  }
}

void write(const model::Endpoint& endpoint, pb::Endpoint* out) {
  out->set_protocol(write(endpoint.protocol));
  out->set_address(endpoint.address);
  out->set_client_address(rpc::to_proto(endpoint.client_address));
}

model::Endpoint read(const pb::Endpoint& endpoint) {
  return {read(endpoint.protocol()), endpoint.address(),
          rpc::from_proto(endpoint.client_address())};
}

void write(const model::Holder& holder, pb::Holder* out) {
  if (const auto* session = std::get_if<model::SessionHolder>(&holder)) {
    out->mutable_client_session()->set_forwarder(session->forwarder.str());
    out->mutable_client_session()->set_session(session->session.str());
  } else if (const auto* external = std::get_if<model::ExternalHolder>(&holder)) {
    out->mutable_external()->set_name(external->name);
  } else {
    out->mutable_direct();
  }
}

Result<model::Holder> read(const pb::Holder& holder) {
  switch (holder.holder_case()) {
    case pb::Holder::kClientSession: {
      const auto& session = holder.client_session();
      if (session.forwarder().empty() || session.session().empty()) {
        return field_error("holder.client_session: forwarder and session are required");
      }
      if (auto why = first_too_long({{"holder.client_session.forwarder", session.forwarder()},
                                     {"holder.client_session.session", session.session()}})) {
        return *why;
      }
      return model::Holder(
          model::SessionHolder{ForwarderId(session.forwarder()), SessionId(session.session())});
    }
    case pb::Holder::kExternal:
      if (holder.external().name().empty()) return field_error("holder.external.name is required");
      if (auto why = first_too_long({{"holder.external.name", holder.external().name()}})) {
        return *why;
      }
      return model::Holder(model::ExternalHolder{holder.external().name()});
    case pb::Holder::kDirect:
      return model::Holder(model::DirectHolder{});
    case pb::Holder::HOLDER_NOT_SET:
      break;
  }
  return field_error("holder is required");
}

pb::PlacementState write(model::PlacementState state) {
  switch (state) {
    case model::PlacementState::kBound:
      return pb::PLACEMENT_STATE_BOUND;
    case model::PlacementState::kPublishing:
      return pb::PLACEMENT_STATE_PUBLISHING;
    case model::PlacementState::kOrphaned:
      return pb::PLACEMENT_STATE_ORPHANED;
  }
  WEIR_UNREACHABLE("placement state");
}

void write(const model::Placement& placement, pb::Placement* out) {
  out->set_origin(placement.origin.str());
  out->set_incarnation(placement.incarnation.str());
  write(placement.holder, out->mutable_holder());
  write(placement.epoch, out->mutable_epoch());
  write(placement.revision, out->mutable_revision());
  out->set_state(write(placement.state));
  write(placement.bind_time, out->mutable_bind_time());
  write(placement.update_time, out->mutable_update_time());
  out->set_verdict(placement.verdict);
}

void write(const core::Route& route, pb::Route* out) {
  write(route.placement, out->mutable_placement());
  for (const auto& endpoint : route.endpoints) write(endpoint, out->add_endpoints());
  out->set_origin_kind(write(route.origin_kind));
}

void write(const core::PlacementBook::Entry& entry, pb::Placement* out) {
  out->set_origin(entry.origin.str());
  out->set_incarnation(entry.incarnation.str());
  auto* holder = out->mutable_holder();
  if (entry.forwarder != nullptr) {
    auto* session = holder->mutable_client_session();
    session->set_forwarder(entry.forwarder->str());
    session->set_session(entry.holder.data(), entry.holder.size());
  } else if (entry.is_external) {
    holder->mutable_external()->set_name(entry.holder.data(), entry.holder.size());
  } else {
    holder->mutable_direct();
  }
  write(entry.epoch, out->mutable_epoch());
  write(entry.revision, out->mutable_revision());
  out->set_state(write(entry.state));
  write(entry.bind_time, out->mutable_bind_time());
  write(entry.update_time, out->mutable_update_time());
  out->set_verdict(entry.verdict.data(), entry.verdict.size());
}

void write(const core::PlacementBook::Entry& entry, const model::OriginDescription& origin,
           model::Protocol protocol, pb::Route* out) {
  write(entry, out->mutable_placement());
  for (const bool wanted : {true, false}) {
    for (const auto& endpoint : origin.endpoints) {
      if ((endpoint.protocol == protocol) == wanted) write(endpoint, out->add_endpoints());
    }
  }
  out->set_origin_kind(write(origin.kind));
}

Result<core::AcquireQuery> read(const pb::AcquirePlacementRequest& request) {
  core::AcquireQuery query;
  auto stream = parse_stream_key(request.stream());
  if (!stream) return field_error("stream: " + stream.error().message);
  query.stream = std::move(*stream);
  auto holder = read(request.holder());
  if (!holder) return holder.error();
  if (std::holds_alternative<model::DirectHolder>(*holder)) {
    return field_error("holder: a direct publisher cannot ask for a placement");
  }
  query.holder = std::move(*holder);
  if (auto why = first_too_long({{"failed.incarnation", request.failed().incarnation()},
                                 {"request_id", request.request_id()},
                                 {"zone", request.zone()}})) {
    return *why;
  }
  query.protocol = read(request.protocol());
  if (request.has_failed()) {
    query.failed = core::AcquireQuery::Failed{IncarnationId(request.failed().incarnation()),
                                              read(request.failed().epoch()),
                                              read(request.failed().outcome())};
  }
  query.declared_bits_per_second = request.declared_bits_per_second();
  query.request_id = request.request_id();
  query.zone = request.zone();
  return query;
}

void write(const core::Acquired& acquired, pb::AcquirePlacementResponse* out) {
  write(acquired.route, out->mutable_route());
  out->set_after_takeover(acquired.after_takeover);
  out->set_players_wait(acquired.players_wait);
}

void write(const core::StreamInfo& stream, pb::Stream* out) {
  const std::string& key = stream.placement.stream.str();
  out->set_name("streams/" + key);
  out->set_key(key);
  out->set_pinned_origin(stream.pin.str());
  if (stream.placement.epoch.is_set()) write(stream.placement, out->mutable_placement());
  out->set_publisher_count(stream.sessions.publishers);
  out->set_player_count(stream.sessions.players);
  out->set_split(!stream.split_at.empty());
  for (const auto& origin : stream.split_at) out->add_split_origins(origin.str());
  if (!stream.load) return;
  auto* load = out->mutable_load();
  load->set_ingress_bits_per_second(stream.load->ingress_bits_per_second);
  load->set_egress_bits_per_second(stream.load->egress_bits_per_second);
  load->set_players(stream.load->players);
  write(stream.load_age, load->mutable_age());
}

void write(const placement::DecisionRecord& record, pb::DecisionRecord* out) {
  out->set_stream(record.stream.str());
  write(record.decide_time, out->mutable_decide_time());
  out->set_policy(record.policy);
  for (const auto& candidate : record.candidates) {
    auto* to = out->add_candidates();
    to->set_origin(candidate.origin.str());
    to->set_incarnation(candidate.incarnation.str());
    to->set_pending_streams(candidate.pending_streams);
    if (candidate.data_age) write(*candidate.data_age, to->mutable_data_age());
    if (candidate.rejected_by != placement::Rejection::kNone) {
      to->set_rejected_by(std::string(placement::to_string(candidate.rejected_by)));
      continue;
    }
    to->set_score(candidate.score);
    to->set_predicted_utilization(candidate.predicted_utilization);
    to->set_bottleneck(std::string(placement::to_string(candidate.bottleneck)));
  }
  out->set_winner(record.winner.str());
  if (record.epoch.is_set()) write(record.epoch, out->mutable_epoch());
  out->mutable_reservation()->set_streams(record.reservation.streams);
  out->mutable_reservation()->set_bits_per_second(record.reservation.bits_per_second);
  out->set_verdict(record.verdict);
}

}  // namespace weir::service
