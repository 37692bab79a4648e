// Bulletins and broadcasts; mail is in mail_codec.cc.

#include "controlplane/peering/peer_codec.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/stream_key.h"
#include "controlplane/peering/peer_values.h"

namespace weir::peering {
namespace {

double finite(double value) {
  return std::isfinite(value) ? value : 0;
}

void write(const model::Load& load, wire::Load* out) {
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
  if (load.probe_time) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(*load.probe_time).count();
    out->set_probe_time_us(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 1)));
  }
}

model::Load read(const wire::Load& load) {
  model::Load out;
  out.cpu_utilization = std::clamp(finite(load.cpu_utilization()), -1.0, 1'000.0);
  out.mem_utilization = std::clamp(finite(load.mem_utilization()), -1.0, 1'000.0);
  out.streams = load.streams();
  out.players = load.players();
  out.connections = load.connections();
  out.ingress_bits_per_second = std::max(finite(load.ingress_bits_per_second()), 0.0);
  out.egress_bits_per_second = std::max(finite(load.egress_bits_per_second()), 0.0);
  out.ingress_bytes_total = load.ingress_bytes_total();
  out.egress_bytes_total = load.egress_bytes_total();
  out.open_files = load.open_files();
  out.open_files_max = load.open_files_max();
  if (load.probe_time_us() != 0) {
    const auto us = std::min(load.probe_time_us(), kMillisecondsMax);
    out.probe_time = std::chrono::microseconds(static_cast<std::int64_t>(us));
  }
  return out;
}

void write(const core::PeerAgent& agent, wire::Agent* out) {
  out->set_agent(agent.agent.str());
  out->set_instance(agent.instance);
  out->set_attach(agent.attach);
  out->set_silence_ms(to_ms(agent.silence));
  out->set_attached_ms(to_ms(agent.attached_for));
  out->set_rejected(agent.rejected);
  out->set_waiting(agent.waiting);
  for (const core::PeerOrigin& origin : agent.origins) {
    auto* to = out->add_origins();
    to->set_origin(origin.origin.str());
    to->set_incarnation(origin.incarnation.str());
    to->set_running(origin.running);
    to->set_probe_answered(origin.probe_answered);
    if (!origin.load) continue;
    write(*origin.load, to->mutable_load());
    to->set_load_age_ms(to_ms(origin.load_age));
  }
}

core::PeerAgent read(const wire::Agent& agent) {
  core::PeerAgent out;
  out.agent = AgentId(agent.agent());
  out.instance = agent.instance();
  out.attach = agent.attach();
  out.silence = from_ms(agent.silence_ms());
  out.attached_for = from_ms(agent.attached_ms());
  out.rejected = agent.rejected();
  out.waiting = agent.waiting();
  for (const wire::Origin& origin : agent.origins()) {
    if (!is_word(origin.origin())) continue;
    core::PeerOrigin& to = out.origins.emplace_back();
    to.origin = OriginId(origin.origin());
    to.incarnation = IncarnationId(origin.incarnation());
    to.running = origin.running();
    to.probe_answered = origin.probe_answered();
    if (!origin.has_load()) continue;
    to.load = read(origin.load());
    to.load_age = from_ms(origin.load_age_ms());
  }
  return out;
}

void write(const core::PeerForwarder& forwarder, wire::Forwarder* out) {
  out->set_forwarder(forwarder.forwarder.str());
  out->set_instance(forwarder.instance);
  out->set_attach(forwarder.attach);
  out->set_silence_ms(to_ms(forwarder.silence));
  out->set_attached_ms(to_ms(forwarder.attached_for));
  out->set_version(forwarder.version);
  out->set_zone(forwarder.zone);
  for (const model::Endpoint& endpoint : forwarder.listeners) {
    auto* to = out->add_listeners();
    to->set_protocol(to_wire(endpoint.protocol));
    to->set_address(endpoint.address);
  }
  out->set_create_time_ms(to_ms(forwarder.first_attached));
  out->set_unidentified(forwarder.unidentified);
  out->set_publishers(forwarder.publishers);
  out->set_players(forwarder.players);
  for (const auto& incarnation : forwarder.active_incarnations) {
    out->add_active_incarnations(incarnation.str());
  }
}

core::PeerForwarder read(const wire::Forwarder& forwarder) {
  core::PeerForwarder out;
  out.forwarder = ForwarderId(forwarder.forwarder());
  out.instance = forwarder.instance();
  out.attach = forwarder.attach();
  out.silence = from_ms(forwarder.silence_ms());
  out.attached_for = from_ms(forwarder.attached_ms());
  out.version = forwarder.version();
  out.zone = forwarder.zone();
  for (const wire::Endpoint& endpoint : forwarder.listeners()) {
    out.listeners.push_back({protocol_from_wire(endpoint.protocol()), endpoint.address()});
  }
  out.first_attached = wall_from_ms(forwarder.create_time_ms());
  out.unidentified = forwarder.unidentified();
  out.publishers = forwarder.publishers();
  out.players = forwarder.players();
  for (const auto& incarnation : forwarder.active_incarnations()) {
    if (is_word(incarnation)) out.active_incarnations.emplace_back(incarnation);
  }
  return out;
}

core::Severity severity(std::uint32_t number) {
  if (number == 0) return core::Severity::kInfo;
  return number == 1 ? core::Severity::kWarning : core::Severity::kError;
}

}  // namespace

std::string ProtoPeerCodec::encode(const core::Bulletin& bulletin) const {
  wire::Bulletin out;
  out.set_instance(bulletin.instance);
  out.set_version(bulletin.version);
  out.set_sequence(bulletin.sequence);
  out.set_generation(bulletin.generation);
  out.set_uptime_ms(to_ms(bulletin.uptime));
  out.set_store_age_ms(to_ms(bulletin.store_age));
  out.set_store_trouble(bulletin.store_trouble);
  for (const auto& agent : bulletin.agents) write(agent, out.add_agents());
  for (const auto& forwarder : bulletin.forwarders) write(forwarder, out.add_forwarders());
  for (const core::PeerProbe& probe : bulletin.probes) {
    auto* to = out.add_probes();
    to->set_origin(probe.origin.str());
    to->set_incarnation(probe.incarnation.str());
    to->set_number(probe.number);
    to->set_outcome(to_wire(probe.outcome));
  }
  for (const StreamKey& stream : bulletin.players_wait) out.add_players_wait(stream.str());
  return out.SerializeAsString();
}

std::optional<core::Bulletin> ProtoPeerCodec::decode_bulletin(std::string_view bytes) const {
  wire::Bulletin in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  if (!is_word(in.instance())) return std::nullopt;
  core::Bulletin out;
  out.instance = in.instance();
  out.version = in.version();
  out.sequence = in.sequence();
  out.generation = in.generation();
  out.uptime = from_ms(in.uptime_ms());
  out.store_age = from_ms(in.store_age_ms());
  out.store_trouble = in.store_trouble();
  for (const auto& agent : in.agents()) {
    if (is_word(agent.agent())) out.agents.push_back(read(agent));
  }
  for (const auto& forwarder : in.forwarders()) {
    if (is_word(forwarder.forwarder())) out.forwarders.push_back(read(forwarder));
  }
  for (const wire::Probe& probe : in.probes()) {
    if (!is_word(probe.origin())) continue;
    out.probes.push_back({OriginId(probe.origin()), IncarnationId(probe.incarnation()),
                          probe.number(), from_wire(probe.outcome())});
  }
  for (const auto& stream : in.players_wait()) {
    if (auto key = parse_stream_key(stream)) out.players_wait.push_back(std::move(*key));
  }
  return out;
}

std::string ProtoPeerCodec::encode(const core::Broadcast& broadcast) const {
  wire::Broadcast out;
  out.set_instance(broadcast.instance);
  for (const core::PeerDial& dial : broadcast.dials) {
    auto* to = out.add_dials();
    to->set_forwarder(dial.forwarder.str());
    to->set_incarnation(dial.incarnation.str());
    to->set_outcome(to_wire(dial.outcome));
    to->set_count(dial.count);
  }
  for (const core::PeerCharge& charge : broadcast.charges) {
    auto* to = out.add_charges();
    to->set_incarnation(charge.incarnation.str());
    to->set_streams(charge.streams);
    to->set_bits_per_second(charge.bits_per_second);
  }
  for (const core::Event& event : broadcast.events) {
    auto* to = out.add_events();
    to->set_time_ms(to_ms(event.time));
    to->set_type(event.type);
    to->set_severity(static_cast<std::uint32_t>(event.severity));
    to->set_subject(event.subject);
    to->set_message(event.message);
    for (const auto& [key, value] : event.attributes) (*to->mutable_attributes())[key] = value;
  }
  out.set_introduce(broadcast.introduce);
  return out.SerializeAsString();
}

std::optional<core::Broadcast> ProtoPeerCodec::decode_broadcast(std::string_view bytes) const {
  wire::Broadcast in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  if (!is_word(in.instance())) return std::nullopt;
  core::Broadcast out;
  out.instance = in.instance();
  out.introduce = in.introduce();
  for (const wire::Dial& dial : in.dials()) {
    if (!is_word(dial.forwarder()) || !is_word(dial.incarnation())) continue;
    out.dials.push_back({ForwarderId(dial.forwarder()), IncarnationId(dial.incarnation()),
                         from_wire(dial.outcome()), std::max(dial.count(), 1U)});
  }
  for (const wire::Charge& charge : in.charges()) {
    const double bits = finite(charge.bits_per_second());
    if (!is_word(charge.incarnation()) || charge.streams() == 0 || bits < 0) continue;
    out.charges.push_back({IncarnationId(charge.incarnation()), charge.streams(), bits});
  }
  for (const wire::Event& event : in.events()) {
    if (!is_word(event.type())) continue;
    core::Event& to = out.events.emplace_back();
    to.time = wall_from_ms(event.time_ms());
    to.type = event.type();
    to.severity = severity(event.severity());
    to.subject = event.subject();
    to.message = event.message();
    to.attributes.insert(event.attributes().begin(), event.attributes().end());
  }
  return out;
}

}  // namespace weir::peering
