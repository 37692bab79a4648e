#pragma once
// ReportDriver: runs the Reporter: its wake-ups on the executor, its actions on the link, what the
// monitors find out into it.
//
// Threading: one thread, that of the executor.
// Lifetime: executor, clock, link and observer outlive it.

#include <set>
#include <string>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/telemetry/log.h"
#include "origin-agent/client/attach_link.h"
#include "origin-agent/report/epoch_table.h"
#include "origin-agent/report/reporter.h"
#include "origin-agent/source/origin_monitor.h"

namespace weir::agent {

/// What app/ wants to know: the state to save, and figures for metrics.
class DriverObserver {
 public:
  virtual ~DriverObserver() = default;
  virtual void state_changed(const SavedState& state) = 0;
  virtual void attached_changed(bool attached) = 0;
  virtual void origin_answering(std::size_t origin, bool answering) = 0;
  virtual void verdict_given(std::size_t origin, VerdictReason reason) = 0;
  virtual void load_sampled(std::size_t origin, const LoadSample& load) = 0;
  virtual void facts_found(std::size_t origin, const FoundFacts& facts) = 0;
};

class ReportDriver final : public MonitorListener, public AttachLinkListener {
 public:
  ReportDriver(Reporter reporter, AttachLink& link, Executor& executor, const Clock& clock,
               EpochTable& epochs, DriverObserver& observer);
  ~ReportDriver() override;
  ReportDriver(const ReportDriver&) = delete;
  ReportDriver& operator=(const ReportDriver&) = delete;

  /// Attaches once every origin was looked at, after a moment in any case.
  void start();
  void stop();
  const Reporter& reporter() const { return reporter_; }
  // Origins that come and go (Reporter says what each means).
  std::size_t add_origin(OriginSpec spec);
  void change_origin(std::size_t origin, OriginSpec spec);
  /// Its monitor is gone by then.
  void remove_origin(std::size_t origin);
  /// What must outlive a restart changed: the observer is told the state within kSaveDelay.
  void save_soon();

  void process_seen(std::size_t origin, const ProcessIdentity& process) override;
  void process_unanswered(std::size_t origin, const ProcessIdentity& process) override;
  void process_absent(std::size_t origin, const std::string& why) override;
  void process_failed(std::size_t origin, VerdictReason reason, MonotonicTime evidence,
                      const std::string& why) override;
  void streams_read(std::size_t origin, std::vector<ReportedStream> streams) override;
  void load_read(std::size_t origin, const LoadSample& load) override;
  void facts_found(std::size_t origin, const FoundFacts& facts) override;

  void link_received(const DownMessage& message) override;
  void link_closed(const std::string& why, endpoints::Failure failure) override;

 private:
  /// Carries out what the reporter wants and sleeps until it wants more.
  void pump();
  void act(ReporterAction& action);
  void save();
  log::Logger logger_of(std::size_t origin) const;

  Reporter reporter_;
  AttachLink& link_;
  Executor& executor_;
  const Clock& clock_;
  EpochTable& epochs_;
  DriverObserver& observer_;
  log::Logger logger_;
  TimerId wakeup_ = 0;
  TimerId first_looks_ = 0;
  TimerId saving_ = 0;
  bool stopped_ = false;
  bool pumping_ = false;
  bool attached_ = false;
  log::Every unreachable_line_;
  std::set<std::size_t> absence_told_;
};

}  // namespace weir::agent
