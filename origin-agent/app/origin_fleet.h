#pragma once
// OriginFleet: the origins that are watched now, each with its adapter and its monitor.
//
// Purpose: one place where an origin comes, changes and goes, whether configured or registered:
// reporter, metrics, adapter and monitor follow together.
// Threading: the agent's one thread. Nothing here may be called from inside a monitor's call except
// facts_found(). Lifetime: everything it is given outlives it.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/telemetry/log.h"
#include "origin-agent/app/agent_metrics.h"
#include "origin-agent/app/origin_host.h"
#include "origin-agent/app/settings.h"
#include "origin-agent/client/report_driver.h"
#include "origin-agent/source/origin_monitor.h"

namespace weir::agent {

struct FleetSurroundings {
  ReportDriver& driver;
  ProcessTable& table;
  Executor& executor;
  const Clock& clock;
  AgentMetrics& metrics;
  std::function<std::unique_ptr<OriginSource>(const OriginSettings&)> make_source;
  std::uint64_t memory_bytes = 0;
};

class OriginFleet final : public OriginHost {
 public:
  explicit OriginFleet(FleetSurroundings around) : around_(std::move(around)), logger_("agent") {}

  std::size_t add(OriginSettings settings) override;
  void change(std::size_t origin, OriginSettings settings) override;
  void announced(std::size_t origin, const ProcessIdentity& life) override;
  void hinted(std::size_t origin) override;
  std::optional<ProcessIdentity> certain_life(std::size_t origin) const override;
  void retire(std::size_t origin) override;
  bool remove(std::size_t origin) override;
  void save() override { around_.driver.save_soon(); }

  /// Begins to watch what was added so far; later ones begin by themselves.
  void start();
  void facts_found(std::size_t origin, const FoundFacts& facts);

  const OriginSettings& settings(std::size_t origin) const { return origins_.at(origin).settings; }
  std::size_t size() const { return origins_.size(); }

 private:
  struct Watched {
    OriginSettings settings;
    FoundFacts found;
    std::unique_ptr<OriginSource> source;
    std::unique_ptr<OriginMonitor> monitor;  ///< null = retired
  };

  /// What the control plane is told: settings and what was found out.
  static OriginSpec spec_of(const Watched& watched);

  const FleetSurroundings around_;
  log::Logger logger_;
  std::map<std::size_t, Watched> origins_;
  bool started_ = false;
};

}  // namespace weir::agent
