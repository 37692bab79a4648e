#include "origin-agent/app/origin_fleet.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "origin-agent/app/limits.h"
#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

/// Most connections of an SRS whose configuration says nothing about them.
constexpr std::uint32_t kSrsConnectionsDefault = 1000;
/// What is told of them: SRS counts the agent's own among them, too, and the first one beyond them
/// may cost it its listener.
std::uint32_t told_connections(std::uint32_t connections_max) {
  const std::uint32_t margin =
      std::max(kSrsConnectionsMarginMin, connections_max / kSrsConnectionsMarginFraction);
  return connections_max - std::min(margin, connections_max / 2);
}

/// Numbers one after another are far from each other within the second, however many there are.
double phase_of(std::size_t origin) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  return std::fmod(static_cast<double>(origin) * kGoldenRatio, 1.0);
}

}  // namespace

OriginSpec OriginFleet::spec_of(const Watched& watched) {
  OriginSpec spec = watched.settings.spec;
  if (spec.kind == OriginKind::kSrs) {
    std::uint32_t& connections = spec.capacity.connections;
    if (connections == 0)
      connections = watched.found.connections_max.value_or(kSrsConnectionsDefault);
    connections = told_connections(connections);
  }
  spec.software = watched.found.software;
  return spec;
}

std::size_t OriginFleet::add(OriginSettings settings) {
  Watched watched{std::move(settings), {}, nullptr, nullptr};
  watched.source = around_.make_source(watched.settings);
  const std::size_t origin = around_.driver.add_origin(spec_of(watched));
  around_.metrics.add_origin(origin, watched.settings.spec.id);
  MonitorFacts facts;
  facts.origin = origin;
  facts.cores = watched.settings.cores;
  facts.look_interval = watched.settings.look_interval;
  facts.phase = phase_of(origin);
  facts.memory_bytes = around_.memory_bytes;
  watched.monitor = std::make_unique<OriginMonitor>(
      facts, *watched.source, around_.table, around_.executor, around_.clock, around_.driver);
  const auto& added = origins_.emplace(origin, std::move(watched)).first->second;
  if (started_) added.monitor->start();
  return origin;
}

void OriginFleet::start() {
  started_ = true;
  for (const auto& [origin, watched] : origins_) {
    watched.monitor->start(
        std::chrono::duration_cast<Duration>(kFirstLooksSpread * phase_of(origin)));
  }
}

void OriginFleet::change(std::size_t origin, OriginSettings settings) {
  Watched& watched = origins_.at(origin);
  const bool asked_elsewhere = !is_asked_alike(watched.settings, settings);
  watched.settings = std::move(settings);
  if (asked_elsewhere && watched.monitor) {
    auto source = around_.make_source(watched.settings);
    watched.monitor->use(*source);
    watched.source = std::move(source);
  }
  around_.driver.change_origin(origin, spec_of(watched));
}

void OriginFleet::announced(std::size_t origin, const ProcessIdentity& life) {
  const Watched& watched = origins_.at(origin);
  if (!watched.monitor) return;
  watched.source->announced(life);
  watched.monitor->look();
}

void OriginFleet::hinted(std::size_t origin) {
  const Watched& watched = origins_.at(origin);
  if (!watched.monitor) return;
  watched.source->hinted();
  watched.monitor->look();
}

std::optional<ProcessIdentity> OriginFleet::certain_life(std::size_t origin) const {
  const Watched& watched = origins_.at(origin);
  return watched.monitor ? watched.monitor->certain_life() : std::nullopt;
}

void OriginFleet::retire(std::size_t origin) {
  Watched& watched = origins_.at(origin);
  if (!std::exchange(watched.monitor, nullptr)) return;
  watched.source.reset();
  around_.driver.process_failed(origin, VerdictReason::kProcessGone, around_.clock.now(),
                                "another server registered from its address");
}

bool OriginFleet::remove(std::size_t origin) {
  if (around_.driver.reporter().has_unsaid_verdict(origin)) return false;
  origins_.erase(origin);
  around_.metrics.remove_origin(origin);
  around_.driver.remove_origin(origin);
  return true;
}

void OriginFleet::facts_found(std::size_t origin, const FoundFacts& facts) {
  Watched& watched = origins_.at(origin);
  if (facts.software != watched.found.software && !facts.software.empty()) {
    logger_.with("origin", watched.settings.spec.id.str()).info("is {}", facts.software);
  }
  watched.found = facts;
  around_.driver.change_origin(origin, spec_of(watched));
}

}  // namespace weir::agent
