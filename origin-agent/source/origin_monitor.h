#pragma once
// OriginMonitor: watches one origin and says what matters: a process that answers, one that is
// gone, one that answers no more; its streams and its load.
//
// Purpose: the liveness rules of design 6 in one place for every adapter. Exit is told by the
// kernel at once; a frozen process by three unanswered probes in a row; a new process is told only
// after it answered a probe. Threading: one thread, that of the executor. Lifetime: source, table,
// executor, clock and listener outlive it; nothing is called after its destruction.

#include <cstddef>
#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "origin-agent/source/limits.h"
#include "origin-agent/source/origin_source.h"

namespace weir::agent {

/// What looks find out about the server itself.
struct FoundFacts {
  std::optional<std::uint32_t> connections_max;
  std::string software;  ///< name and version
  bool operator==(const FoundFacts&) const = default;
};

/// `origin` is the number in MonitorFacts.
class MonitorListener {
 public:
  virtual ~MonitorListener() = default;
  virtual void process_seen(std::size_t origin, const ProcessIdentity& process) = 0;
  /// Before the first process_seen: a process is there, its first probe failed.
  virtual void process_unanswered(std::size_t origin, const ProcessIdentity& process) = 0;
  /// A look found no process.
  virtual void process_absent(std::size_t origin, const std::string& why) = 0;
  virtual void process_failed(std::size_t origin, VerdictReason reason, MonotonicTime evidence,
                              const std::string& why) = 0;
  virtual void streams_read(std::size_t origin, std::vector<ReportedStream> streams) = 0;
  virtual void load_read(std::size_t origin, const LoadSample& load) = 0;
  /// Something not known before.
  virtual void facts_found(std::size_t origin, const FoundFacts& facts) = 0;
};

struct MonitorFacts {
  std::size_t origin = 0;  ///< number that the listener is told
  double cores = 1;        ///< the server can use
  Duration look_interval = kObserveInterval;
  /// Of this origin among all of the agent, 0 to 1: when within a second it is looked at and
  /// probed, so that hundreds are not asked at one instant.
  double phase = 0;
  std::uint64_t memory_bytes = 0;
};

class OriginMonitor {
 public:
  OriginMonitor(MonitorFacts facts, OriginSource& source, ProcessTable& table, Executor& executor,
                const Clock& clock, MonitorListener& listener);
  ~OriginMonitor();
  OriginMonitor(const OriginMonitor&) = delete;
  OriginMonitor& operator=(const OriginMonitor&) = delete;

  void start(Duration after = {});
  /// Looks now instead of at the next turn, or once more after the look under way: something was
  /// heard about the origin.
  void look();
  /// Asks another source from now on: the origin's addresses changed. Called before the former one
  /// is destroyed.
  void use(OriginSource& source);
  /// The watched process, when this host shows it or the server named it at the last look.
  std::optional<ProcessIdentity> certain_life() const;

 private:
  enum class State {
    kSearching,  ///< no process known
    kProving,    ///< a process is known and has not answered since it appeared or failed
    kServing,    ///< it answers
  };

  void observe();
  void observe_after(Duration delay);
  void observed(Observation observation);
  void take_process(const Observation& observation);
  void take_load(const Observation& observation);
  void take_facts(Observation& observation);
  Duration pause(Duration interval, bool& spread) const;
  bool may_be_alive(const ProcessIdentity& process) const;
  bool replaces_watched(const ProcessIdentity& candidate);
  void watch(const ProcessIdentity& process);
  std::unique_ptr<ExitWatch> watch_exit(const ProcessIdentity& process);
  void process_gone(const std::string& why);

  void probe();
  void take_proof(MonotonicTime when);
  void probe_next();
  void probe_after(Duration delay);
  void probed(const ProcessIdentity& process, const probe::ProbeResult& result);
  void probe_failed(const ProcessIdentity& process, const probe::ProbeResult& result);
  bool eager() const;
  template <class Function>
  auto guarded(Function function);

  const MonitorFacts facts_;
  OriginSource* source_;
  ProcessTable& table_;
  Executor& executor_;
  const Clock& clock_;
  MonitorListener& listener_;

  State state_ = State::kSearching;
  std::optional<ProcessIdentity> process_;
  std::unique_ptr<ExitWatch> exit_watch_;
  LoadSampler sampler_;
  FoundFacts found_;
  int failures_ = 0;
  bool looks_spread_ = false;
  bool probes_spread_ = false;
  bool first_probe_told_ = false;
  bool vouched_ = false;      ///< the last look was told by the server itself who serves
  MonotonicTime last_proof_;  ///< of the process being alive: an answer to a probe or a look
  MonotonicTime eager_until_;
  bool observing_ = false;
  bool look_again_ = false;
  bool probing_ = false;
  MonotonicTime observe_started_;
  MonotonicTime probe_started_;
  TimerId observe_timer_ = 0;
  TimerId probe_timer_ = 0;
  std::optional<Duration> probe_time_;
  // Completions that come after the monitor is gone find this expired.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::agent
