#include "origin-agent/source/origin_monitor.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "origin-agent/source/limits.h"

namespace weir::agent {
namespace {

/// Clock ticks of /proc start times: USER_HZ, 100 on every Linux that matters here.
constexpr std::uint64_t kTicksPerSecond = 100;

}  // namespace

template <class Function>
auto OriginMonitor::guarded(Function function) {
  return
      [guard = std::weak_ptr<int>(alive_), function = std::move(function)](auto&&... args) mutable {
        if (!guard.expired()) function(std::forward<decltype(args)>(args)...);
      };
}

OriginMonitor::OriginMonitor(MonitorFacts facts, OriginSource& source, ProcessTable& table,
                             Executor& executor, const Clock& clock, MonitorListener& listener)
    : facts_(facts),
      source_(&source),
      table_(table),
      executor_(executor),
      clock_(clock),
      listener_(listener) {}

OriginMonitor::~OriginMonitor() {
  executor_.cancel(observe_timer_);
  executor_.cancel(probe_timer_);
}

void OriginMonitor::start(Duration after) {
  eager_until_ = clock_.now() + after + kEagerFor;
  if (after <= Duration::zero()) return observe();
  observe_after(after);
}

void OriginMonitor::look() {
  if (observing_) {
    look_again_ = true;
    return;
  }
  executor_.cancel(observe_timer_);
  observe();
}

void OriginMonitor::use(OriginSource& source) {
  // What the former one was asked will never be answered.
  alive_ = std::make_shared<int>();
  source_ = &source;
  observing_ = probing_ = look_again_ = vouched_ = false;
  executor_.cancel(observe_timer_);
  executor_.cancel(probe_timer_);
  if (process_) exit_watch_ = watch_exit(*process_);
  observe();
  probe();
}

Duration OriginMonitor::pause(Duration interval, bool& spread) const {
  if (eager()) return kEagerInterval;
  // The first turn of a serving origin is shorter, by its phase: so all that follow it keep apart
  // from the other origins' turns.
  if (state_ != State::kServing || std::exchange(spread, true)) return interval;
  return std::chrono::duration_cast<Duration>(interval * (0.5 + facts_.phase / 2));
}

bool OriginMonitor::eager() const {
  return state_ != State::kServing && clock_.now() < eager_until_;
}

// ---- looking
// --------------------------------------------------------------------------------------

void OriginMonitor::observe_after(Duration delay) {
  executor_.cancel(observe_timer_);
  observe_timer_ = executor_.run_after(std::max(delay, Duration::zero()), [this] { observe(); });
}

void OriginMonitor::observe() {
  if (observing_) return;
  observing_ = true;
  observe_started_ = clock_.now();
  source_->observe(process_, guarded([this](Observation o) { observed(std::move(o)); }));
}

void OriginMonitor::observed(Observation observation) {
  observing_ = false;
  vouched_ = false;
  if (observation.taken_over && process_ && !certain_life())
    process_gone("another server answers where it did");
  take_process(observation);
  if (process_ && observation.process && is_same_life(*process_, *observation.process)) {
    vouched_ = observation.answered_at.has_value();
    if (observation.answered_at) take_proof(*observation.answered_at);
    // Reading figures is most of what a look costs, which counts with hundreds of idle origins.
    if (!observation.resting) take_load(observation);
    take_facts(observation);
    if (observation.streams) {
      listener_.streams_read(facts_.origin, std::move(*observation.streams));
    }
  }
  const Duration next =
      observe_started_ + pause(facts_.look_interval, looks_spread_) - clock_.now();
  observe_after(std::exchange(look_again_, false) ? Duration::zero() : next);
}

void OriginMonitor::take_process(const Observation& observation) {
  if (!observation.process) {
    if (!process_) listener_.process_absent(facts_.origin, observation.trouble);
    return;
  }
  if (process_ && is_same_life(*process_, *observation.process)) return;
  // An answer that was under way while its process exited.
  if (!may_be_alive(*observation.process)) return;
  if (!process_) {
    watch(*observation.process);
  } else if (replaces_watched(*observation.process)) {
    process_gone(fmt::format("process {} serves instead", to_text(*observation.process)));
    watch(*observation.process);
  }
}

bool OriginMonitor::may_be_alive(const ProcessIdentity& process) const {
  return !process.is_visible() || table_.is_alive(process);
}

std::optional<ProcessIdentity> OriginMonitor::certain_life() const {
  const bool shown = process_ && process_->is_visible() && table_.is_alive(*process_);
  return shown || vouched_ ? process_ : std::nullopt;
}

bool OriginMonitor::replaces_watched(const ProcessIdentity& candidate) {
  if (!may_be_alive(*process_)) return true;
  // Of a process that /proc does not show all that is known is what serves now.
  if (!process_->is_visible()) return true;
  // What is seen to run is not ended by what somebody says.
  if (!candidate.is_visible()) return false;
  if (process_->pid == candidate.pid) return true;
  // A reload starts a new worker while the old one finishes its sessions. Several workers that take
  // turns in answering are something else: they began together, and none replaces another.
  return candidate.start_ticks > process_->start_ticks + kTicksPerSecond;
}

void OriginMonitor::watch(const ProcessIdentity& process) {
  process_ = process;
  state_ = State::kProving;
  failures_ = 0;
  first_probe_told_ = false;
  probe_time_.reset();
  sampler_.reset();
  eager_until_ = clock_.now() + kEagerFor;
  found_ = FoundFacts();
  exit_watch_ = watch_exit(process);
  probe();
}

std::unique_ptr<ExitWatch> OriginMonitor::watch_exit(const ProcessIdentity& process) {
  if (!process.is_visible()) return nullptr;
  return table_.watch_exit(process, guarded([this, process] {
                             if (process_ == process) process_gone("the process exited");
                           }));
}

void OriginMonitor::process_gone(const std::string& why) {
  state_ = State::kSearching;
  vouched_ = false;
  exit_watch_.reset();
  process_.reset();
  executor_.cancel(probe_timer_);
  eager_until_ = clock_.now() + kEagerFor;
  listener_.process_failed(facts_.origin, VerdictReason::kProcessGone, clock_.now(), why);
  if (!observing_) observe_after(Duration::zero());
}

void OriginMonitor::take_load(const Observation& observation) {
  RawReading reading;
  reading.cores = facts_.cores;
  reading.memory_bytes = facts_.memory_bytes;
  reading.ingress_bytes = observation.ingress_bytes;
  reading.egress_bytes = observation.egress_bytes;
  reading.players = observation.players;
  reading.connections = observation.connections;
  reading.probe_time = probe_time_;
  if (observation.streams)
    reading.streams = static_cast<std::uint32_t>(observation.streams->size());
  reading.used_cores = observation.used_cores;
  reading.resident_bytes = observation.resident_bytes;
  const auto usage = process_->is_visible() ? table_.usage(*process_) : std::nullopt;
  if (usage) {
    reading.cpu_seconds = usage->cpu_seconds;
    reading.resident_bytes = usage->resident_bytes;
    reading.open_files = usage->open_files;
    reading.open_files_max = usage->open_files_max;
  }
  sampler_.update(clock_.now(), reading);
  listener_.load_read(facts_.origin, sampler_.sample());
}

void OriginMonitor::take_facts(Observation& observation) {
  FoundFacts found = found_;
  if (observation.connections_max) found.connections_max = observation.connections_max;
  if (!observation.software.empty()) found.software = std::move(observation.software);
  if (found == found_) return;
  found_ = std::move(found);
  listener_.facts_found(facts_.origin, found_);
}

// ---- probing
// --------------------------------------------------------------------------------------

void OriginMonitor::probe_after(Duration delay) {
  executor_.cancel(probe_timer_);
  probe_timer_ = executor_.run_after(std::max(delay, Duration::zero()), [this] { probe(); });
}

void OriginMonitor::probe() {
  if (probing_ || !process_) return;
  probing_ = true;
  probe_started_ = clock_.now();
  source_->probe(guarded([this, process = *process_](const probe::ProbeResult& result) {
    probing_ = false;
    probed(process, result);
  }));
}

void OriginMonitor::probed(const ProcessIdentity& process, const probe::ProbeResult& result) {
  if (!process_) return;
  if (process_ != process) {
    // The answer is about a process that is gone; ask about the present one.
    probe_after(Duration::zero());
    return;
  }
  if (result.outcome == probe::Outcome::kAnswered) {
    failures_ = 0;
    first_probe_told_ = true;
    probe_time_ = result.elapsed;
    last_proof_ = clock_.now();
    if (state_ == State::kProving) {
      state_ = State::kServing;
      listener_.process_seen(facts_.origin, process);
    }
  } else {
    probe_failed(process, result);
  }
  probe_next();
}

void OriginMonitor::probe_failed(const ProcessIdentity& process, const probe::ProbeResult& result) {
  // Full is not dead: it counts as a doubt, never as the last one. But whoever stands in front of a
  // dead server closes at once, too: that it lives has to be known from elsewhere.
  const bool full = result.outcome == probe::Outcome::kTurnedAway && certain_life();
  if (!full || failures_ == 0) ++failures_;
  if (!std::exchange(first_probe_told_, true)) {
    listener_.process_unanswered(facts_.origin, process);
  }
  // Told once for each series: in kProving too, for an origin that was frozen when the agent came.
  if (full || failures_ != kProbeFailuresMax) return;
  // Frozen, not starting: there is nothing to be eager about.
  if (state_ == State::kServing) eager_until_ = clock_.now();
  state_ = State::kProving;
  listener_.process_failed(facts_.origin, VerdictReason::kProbesFailed, clock_.now(),
                           fmt::format("{} probes in a row failed: {}", failures_, result.message));
}

void OriginMonitor::take_proof(MonotonicTime when) {
  if (when <= last_proof_) return;
  last_proof_ = when;
  // Once in doubt only the listener itself counts. Its first turn keeps it apart from the others.
  if (state_ == State::kServing && failures_ == 0 && probes_spread_ && !probing_) probe_next();
}

void OriginMonitor::probe_next() {
  const MonotonicTime now = clock_.now();
  if (state_ != State::kServing || failures_ > 0) {
    const Duration interval = eager() ? Duration(kEagerInterval) : Duration(kProbeRetryInterval);
    return probe_after(probe_started_ + interval - now);
  }
  const MonotonicTime due = last_proof_ + pause(kProbeInterval, probes_spread_);
  probe_after(std::min(due, probe_started_ + kProbeIntervalMax) - now);
}

}  // namespace weir::agent
