#include "tests/support/cluster/sim_agent.h"

#include <algorithm>
#include <utility>

namespace weir::cluster {
namespace {

constexpr double kBitsPerSecond = 2e6;  ///< of every simulated stream

void put_stream(const std::string& name, const Leg& leg, pb::ReportedStream& out) {
  out.set_stream(name);
  out.set_tag(leg.tag());
  out.set_ingress_bits_per_second(kBitsPerSecond);
}

}  // namespace

SimAgent::SimAgent(World& world, std::string id, std::string instance,
                   std::vector<SimOrigin*> origins, std::uint32_t capacity)
    : world_(world),
      id_(std::move(id)),
      instance_(std::move(instance)),
      origins_(std::move(origins)),
      capacity_(capacity),
      attachment_(world, id_, world.random.below(world.replicas.size()),
                  {[this](std::uint64_t attach) { return hello(attach); },
                   [this](const Down& down) { message(down); }, [this] { on_attached(); },
                   [this] { sequence_ = 0; }}) {}

void SimAgent::fill(const SimOrigin& origin, pb::OriginSeen& seen) const {
  seen.set_origin(origin.name());
  seen.set_kind(pb::ORIGIN_KIND_NGINX_RTMP);
  auto& endpoint = *seen.add_endpoints();
  endpoint.set_protocol(pb::PROTOCOL_RTMP);
  endpoint.set_address(origin.address());
  seen.mutable_capacity()->set_streams(capacity_);
  seen.set_streams_known(true);
  seen.set_claimed_id(origin.name());
  seen.set_software_version("simulated");
  if (!origin.running()) return;
  seen.set_process(origin.process());
  seen.set_probe_answered(true);
  const auto known = incarnations_.find(origin.process());
  if (known != incarnations_.end()) seen.set_incarnation(known->second);
  for (const auto& [name, leg] : origin.legs()) put_stream(name, leg, *seen.add_streams());
}

SimAgent::Up SimAgent::hello(std::uint64_t attach) const {
  Up up;
  auto& hello = *up.mutable_hello();
  hello.set_agent(id_);
  hello.set_instance(instance_);
  hello.set_version("simulated");
  hello.set_generation_seen(attachment_.generation_seen());
  hello.set_attach(attach);
  for (const SimOrigin* origin : origins_) fill(*origin, *hello.add_origins());
  return up;
}

void SimAgent::on_attached() {
  report_due_ = world_.clock.now();
  snapshot_due_ = report_due_;
  // Started since the hello was made.
  for (const SimOrigin* origin : origins_) {
    if (!origin->running() || !origin->incarnation.empty()) continue;
    Up up;
    fill(*origin, *up.mutable_origin_seen());
    attachment_.send(std::move(up));
  }
}

void SimAgent::message(const Down& message) {
  if (message.has_welcome()) {
    const auto& interval = message.welcome().report_interval();
    interval_ =
        std::chrono::seconds(interval.seconds()) + std::chrono::nanoseconds(interval.nanos());
    attachment_.welcome(message.welcome().generation());
  } else if (message.has_heartbeat()) {
    attachment_.note_generation(message.heartbeat().generation());
  } else if (message.has_origin_accepted()) {
    accepted(message.origin_accepted());
  } else if (message.has_stream_epoch()) {
    told(message.stream_epoch());
  }
}

void SimAgent::accepted(const pb::OriginAccepted& accepted) {
  for (SimOrigin* origin : origins_) {
    if (origin->name() != accepted.origin() || origin->process() != accepted.process()) continue;
    if (accepted.incarnation().empty() || origin->incarnation == accepted.incarnation()) return;
    origin->incarnation = accepted.incarnation();
    incarnations_[accepted.process()] = accepted.incarnation();
    snapshot_due_ = world_.clock.now();
    world_.history.write({.kind = history::Kind::kLife,
                          .who = id_,
                          .origin = origin->name(),
                          .incarnation = origin->incarnation,
                          .outcome = "up"});
  }
}

void SimAgent::told(const pb::StreamEpoch& told) {
  const Epoch epoch = epoch_of(told.epoch());
  const std::string holder = holder_of(told.holder());
  world_.history.write({.kind = history::Kind::kTold,
                        .who = id_,
                        .number = attachment_.count(),
                        .replica = attachment_.replica(),
                        .stream = told.stream(),
                        .holder = holder,
                        .epoch = epoch,
                        .outcome = "epoch"});
  for (SimOrigin* origin : origins_)
    origin->drop_older(told.stream(), epoch, history::why::kDropped);
}

void SimAgent::tick() {
  attachment_.tick();
  if (!attachment_.attached() || world_.clock.now() < report_due_) return;
  report_due_ = world_.clock.now() + interval_;
  report();
}

void SimAgent::report() {
  const bool complete = world_.clock.now() >= snapshot_due_;
  if (complete) snapshot_due_ = world_.clock.now() + kSnapshotEvery;
  Up up;
  auto& report = *up.mutable_report();
  report.set_sequence(++sequence_);
  report.mutable_window()->set_seconds(1);
  ++readings_;
  for (SimOrigin* origin : origins_) {
    if (!origin->running() || origin->incarnation.empty()) continue;
    auto& entry = *report.add_origins();
    entry.set_origin(origin->name());
    entry.set_incarnation(origin->incarnation);
    entry.set_streams_complete(complete);
    entry.set_stream_readings(readings_);
    const auto count = static_cast<double>(origin->legs().size());
    auto& load = *entry.mutable_load();
    load.set_cpu_utilization(std::min(0.9, count / capacity_));
    load.set_mem_utilization(-1);
    load.set_streams(static_cast<std::uint32_t>(origin->legs().size()));
    load.set_connections(load.streams());
    load.set_ingress_bits_per_second(count * kBitsPerSecond);
    const auto changes = origin->take_changes();
    if (complete) {
      for (const auto& [name, leg] : origin->legs()) put_stream(name, leg, *entry.add_streams());
      continue;
    }
    for (const std::string& name : changes) {
      const auto leg = origin->legs().find(name);
      if (leg != origin->legs().end()) {
        put_stream(name, leg->second, *entry.add_streams());
      } else {
        entry.add_ended_streams(name);
      }
    }
  }
  attachment_.send(std::move(up));
}

bool SimAgent::registered() const {
  return attachment_.attached() && std::ranges::all_of(origins_, [](const SimOrigin* origin) {
           return !origin->running() || !origin->incarnation.empty();
         });
}

void SimAgent::kill_origin(SimOrigin& origin) {
  if (!origin.running()) return;
  const std::string incarnation = origin.incarnation;
  origin.die();
  world_.history.write({.kind = history::Kind::kLife,
                        .who = id_,
                        .origin = origin.name(),
                        .incarnation = incarnation,
                        .outcome = "dead"});
  if (!incarnation.empty()) {
    Up up;
    auto& verdict = *up.mutable_verdict();
    verdict.set_origin(origin.name());
    verdict.set_incarnation(incarnation);
    verdict.set_reason(pb::VERDICT_REASON_PROCESS_GONE);
    attachment_.send(std::move(up));
  }
  world_.executor.run_after(kRespawnAfter, [this, &origin] { revive(origin); });
}

void SimAgent::revive(SimOrigin& origin) {
  origin.start_again();
  Up up;
  fill(origin, *up.mutable_origin_seen());
  attachment_.send(std::move(up));
}

}  // namespace weir::cluster
