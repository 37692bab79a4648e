#include "origin-agent/report/reporter.h"

#include <algorithm>
#include <utility>

#include "common/base/contract.h"
#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

/// Accepted origins arrive one by one: their first reports go together.
constexpr std::chrono::milliseconds kGatherReports{20};

}  // namespace

Reporter::Reporter(ReporterConfig config, SavedState saved, Random& random)
    : config_(std::move(config)),
      saved_(std::move(saved)),
      random_(random),
      report_interval_(kReportIntervalDefault),
      snapshot_interval_(kSnapshotIntervalDefault) {
  WEIR_ASSERT(config_.endpoints > 0);
  for (const OriginSpec& spec : config_.origins) add_origin(spec);
}

Reporter::OriginState& Reporter::state(std::size_t origin) {
  const auto found = states_.find(origin);
  WEIR_ASSERT(found != states_.end());
  return found->second;
}

// ---- origins
// --------------------------------------------------------------------------------------

std::size_t Reporter::add_origin(OriginSpec spec) {
  WEIR_ASSERT(states_.size() < kOriginsMax);
  const std::size_t number = next_number_++;
  const bool is_new = numbers_.emplace(spec.id, number).second;
  WEIR_ASSERT(is_new);
  states_[number].spec = std::make_shared<const OriginSpec>(std::move(spec));
  ++unseen_;
  return number;
}

void Reporter::change_origin(MonotonicTime now, std::size_t origin, OriginSpec spec) {
  OriginState& s = state(origin);
  WEIR_ASSERT(spec.id == s.spec->id);
  if (spec == *s.spec) return;
  s.spec = std::make_shared<const OriginSpec>(std::move(spec));
  if (link_open() && s.answering) send_seen(now, s);
  tick(now);
}

void Reporter::remove_origin(MonotonicTime now, std::size_t origin) {
  OriginState& s = state(origin);
  mark_looked_at(s);
  offer_at(*states_.find(origin), MonotonicTime::max());
  const OriginId id = s.spec->id;
  numbers_.erase(id);
  saved_.origins.erase(id);
  states_.erase(origin);
  if (link_open()) send(now, Forgotten{id});
  actions_.push_back(SaveState{});
  tick(now);
}

bool Reporter::has_unsaid_verdict(std::size_t origin) const {
  const auto& verdict = states_.at(origin).verdict;
  return verdict && !verdict->incarnation.empty() && !(verdict->sent && attached());
}

void Reporter::mark_looked_at(OriginState& origin) {
  if (!std::exchange(origin.looked_at, true)) --unseen_;
}

void Reporter::looked_at(MonotonicTime now, std::size_t origin) {
  OriginState& s = state(origin);
  if (s.looked_at) return;
  mark_looked_at(s);
  const auto known = saved_.origins.find(s.spec->id);
  if (known == saved_.origins.end()) return;
  if (known->second.process == s.process) {
    s.incarnation = known->second.incarnation;
  } else {
    // It went while this agent was away.
    s.verdict = PendingVerdict{known->second.process, known->second.incarnation,
                               VerdictReason::kProcessGone, now, false};
  }
}

void Reporter::offer_at(Entry& entry, MonotonicTime when) {
  auto& [number, origin] = entry;
  if (origin.offer_again == when) return;
  if (origin.offer_again != MonotonicTime::max()) offers_.erase({origin.offer_again, number});
  origin.offer_again = when;
  if (when != MonotonicTime::max()) offers_.emplace(when, number);
}

void Reporter::process_seen(MonotonicTime now, std::size_t origin, const ProcessIdentity& process) {
  OriginState& s = state(origin);
  const std::string text = to_text(process);
  const bool same = s.process == text;
  if (same && s.answering) return;
  // A successor says by being there that the one before it is gone.
  if (!same && s.looked_at) process_failed(now, origin, VerdictReason::kProcessGone, now);
  s.answering = true;
  if (!same) {
    s.process = text;
    s.incarnation = IncarnationId();
  }
  s.accepted = false;
  offer_at(*states_.find(origin), MonotonicTime::max());
  s.offer_delay = kRejectedRetryInitial;
  looked_at(now, origin);
  if (link_open()) send_seen(now, s);
  tick(now);
}

void Reporter::process_unanswered(MonotonicTime now, std::size_t origin,
                                  const ProcessIdentity& process) {
  OriginState& s = state(origin);
  if (s.looked_at) return;
  s.process = to_text(process);
  looked_at(now, origin);
  tick(now);
}

void Reporter::process_absent(MonotonicTime now, std::size_t origin) {
  OriginState& s = state(origin);
  if (s.looked_at) return;
  looked_at(now, origin);
  if (link_open()) send_verdict(now, s);
  tick(now);
}

void Reporter::process_failed(MonotonicTime now, std::size_t origin, VerdictReason reason,
                              MonotonicTime evidence) {
  OriginState& s = state(origin);
  if (s.process.empty()) return;
  const bool known_to_others = s.answering || !s.incarnation.empty();
  if (known_to_others)
    s.verdict = PendingVerdict{s.process, std::exchange(s.incarnation, IncarnationId()), reason,
                               evidence, false};
  s.answering = false;
  s.accepted = false;
  offer_at(*states_.find(origin), MonotonicTime::max());
  s.streams.update({});
  s.streams_known = false;
  s.load_known = false;
  if (reason == VerdictReason::kProcessGone) s.process.clear();
  mark_looked_at(s);
  // Said first: every millisecond here is one in which streams are placed on a dead origin.
  if (link_open()) send_verdict(now, s);
  actions_.push_back(SaveState{});
  tick(now);
}

void Reporter::streams_read(std::size_t origin, std::vector<ReportedStream> streams) {
  OriginState& s = state(origin);
  s.streams.update(std::move(streams));
  s.streams_known = true;
  ++s.stream_readings;
}

void Reporter::load_read(std::size_t origin, const LoadSample& load) {
  OriginState& s = state(origin);
  s.load = load;
  s.load_known = true;
}

void Reporter::first_looks_over(MonotonicTime now) {
  if (link_ == Link::kWaiting) open(now);
}

// ---- link
// -----------------------------------------------------------------------------------------

void Reporter::open(MonotonicTime now) {
  link_ = Link::kOpening;
  silent_at_ = now + kWelcomeTimeout;
  sequence_ = 0;
  next_report_ = next_snapshot_ = MonotonicTime::max();
  for (Entry& entry : states_) {
    OriginState& s = entry.second;
    s.accepted = false;
    s.snapshot_due = true;
    offer_at(entry, MonotonicTime::max());
    s.offer_delay = kRejectedRetryInitial;
    if (s.verdict) s.verdict->sent = false;
  }
  actions_.push_back(OpenLink{endpoint_});
  Hello hello{config_.agent,         config_.instance, config_.version, config_.host, {},
              saved_.generation_seen};
  for (const Entry& entry : states_) hello.origins.push_back(describe(entry.second));
  send(now, std::move(hello));
  for (Entry& entry : states_) send_verdict(now, entry.second);
}

void Reporter::leave(MonotonicTime now) {
  actions_.push_back(CloseLink{});
  pause(now);
}

void Reporter::pause(MonotonicTime now) {
  link_ = Link::kPausing;
  endpoint_ = (endpoint_ + 1) % config_.endpoints;
  ++failures_;
  silent_at_ = next_report_ = next_snapshot_ = MonotonicTime::max();
  attach_at_ = now;
  // The other replicas are tried at once; a pause comes after each round.
  if (failures_ % config_.endpoints != 0) return;
  const std::size_t round = std::min<std::size_t>(failures_ / config_.endpoints - 1, 10);
  const auto ceiling = std::min<std::chrono::milliseconds>(
      kReattachDelayInitial * (std::int64_t{1} << round), kReattachDelayMax);
  attach_at_ +=
      std::chrono::milliseconds(random_.below(static_cast<std::uint64_t>(ceiling.count()) + 1));
}

void Reporter::link_closed(MonotonicTime now) {
  if (!link_open()) return;
  pause(now);
}

void Reporter::received(MonotonicTime now, const DownMessage& message) {
  if (!link_open()) return;
  silent_at_ = now + (link_ == Link::kAttached ? kHeartbeatTimeout : kWelcomeTimeout);
  std::visit([&](const auto& m) { on(now, m); }, message);
  tick(now);
}

void Reporter::on(MonotonicTime now, const Welcome& welcome) {
  see_generation(welcome.generation);
  if (welcome.report_interval > Duration::zero())
    report_interval_ =
        std::clamp<Duration>(welcome.report_interval, kReportIntervalMin, kReportIntervalMax);
  if (welcome.snapshot_interval > Duration::zero())
    snapshot_interval_ =
        std::clamp<Duration>(welcome.snapshot_interval, kSnapshotIntervalMin, kSnapshotIntervalMax);
  if (link_ == Link::kOpening) {
    link_ = Link::kAttached;
    was_attached_ = true;
    failures_ = 0;
    silent_at_ = now + kHeartbeatTimeout;
    last_report_ = now;
    next_snapshot_ = now + snapshot_interval_;
  } else {
    next_snapshot_ = std::min(next_snapshot_, now + snapshot_interval_);
  }
  next_report_ = std::min(next_report_, now + report_interval_);
}

void Reporter::on(MonotonicTime now, const Accepted& accepted) {
  const auto number = numbers_.find(accepted.origin);
  if (number == numbers_.end()) return;
  Entry& entry = *states_.find(number->second);
  OriginState& s = entry.second;
  actions_.push_back(AcceptedNews{accepted});

  if (s.verdict && s.verdict->process == accepted.process && s.verdict->incarnation.empty() &&
      !accepted.incarnation.empty()) {
    // It was gone before it had a name; now that it has one, the verdict can be said.
    s.verdict->incarnation = accepted.incarnation;
    send_verdict(now, s);
  }
  // An answer about an earlier process, or one that failed meanwhile.
  if (accepted.process != s.process || s.process.empty() || !s.answering) return;
  if (accepted.incarnation.empty()) {
    offer_at(entry, now + s.offer_delay);
    s.offer_delay = std::min<Duration>(s.offer_delay * 2, kRejectedRetryMax);
    return;
  }
  // Late: said before the same process was declared dead.
  if (s.verdict && s.verdict->incarnation == accepted.incarnation) return;
  s.verdict.reset();
  s.accepted = true;
  s.snapshot_due = true;
  offer_at(entry, MonotonicTime::max());
  s.offer_delay = kRejectedRetryInitial;
  set_incarnation(s, accepted.incarnation);
  next_report_ = std::min(next_report_, now + kGatherReports);
}

void Reporter::on(MonotonicTime, const Ack& ack) {
  last_acknowledged_ = ack.sequence;
}

void Reporter::on(MonotonicTime, const ReplicaHeartbeat& heartbeat) {
  see_generation(heartbeat.generation);
}

void Reporter::on(MonotonicTime, const StreamEpoch& epoch) {
  actions_.push_back(LearnEpoch{epoch});
}

void Reporter::see_generation(std::uint64_t generation) {
  if (generation <= saved_.generation_seen) return;
  saved_.generation_seen = generation;
  actions_.push_back(SaveState{});
}

void Reporter::set_incarnation(OriginState& origin, IncarnationId incarnation) {
  if (origin.incarnation == incarnation) return;
  origin.incarnation = std::move(incarnation);
  actions_.push_back(SaveState{});
}

// ---- time
// -----------------------------------------------------------------------------------------

void Reporter::tick(MonotonicTime now) {
  was_ready_ = was_ready_ || (was_attached_ && looked_at_all());
  switch (link_) {
    case Link::kWaiting:
      if (looked_at_all()) open(now);
      return;
    case Link::kPausing:
      if (now >= attach_at_) open(now);
      return;
    case Link::kOpening:
    case Link::kAttached:
      break;
  }
  if (now >= silent_at_) {
    leave(now);
    return;
  }
  while (!offers_.empty() && offers_.begin()->first <= now) {
    Entry& entry = *states_.find(offers_.begin()->second);
    offer_at(entry, MonotonicTime::max());
    send_seen(now, entry.second);
  }
  if (now >= next_report_) send_report(now);
  if (now >= last_sent_ + kOwnHeartbeatInterval) send(now, Heartbeat{});
}

MonotonicTime Reporter::next_wakeup() const {
  if (link_ == Link::kWaiting) return MonotonicTime::max();
  if (link_ == Link::kPausing) return attach_at_;
  const MonotonicTime next =
      std::min({silent_at_, next_report_, last_sent_ + kOwnHeartbeatInterval});
  return offers_.empty() ? next : std::min(next, offers_.begin()->first);
}

// ---- sending
// --------------------------------------------------------------------------------------

std::vector<ReporterAction> Reporter::take_actions() {
  return std::exchange(actions_, {});
}

void Reporter::send(MonotonicTime now, UpMessage message) {
  last_sent_ = now;
  actions_.push_back(SendUp{std::move(message)});
}

OriginSeen Reporter::describe(const OriginState& s) const {
  OriginSeen seen;
  seen.spec = s.spec;
  seen.process = s.process;
  seen.incarnation = s.incarnation;
  seen.probe_answered = s.answering;
  seen.streams_known = s.streams_known && seen.spec->lists_streams;
  if (seen.streams_known) seen.streams = s.streams.current();
  return seen;
}

void Reporter::send_seen(MonotonicTime now, const OriginState& origin) {
  send(now, describe(origin));
}

void Reporter::send_verdict(MonotonicTime now, OriginState& origin) {
  std::optional<PendingVerdict>& verdict = origin.verdict;
  if (!verdict || verdict->sent || verdict->incarnation.empty()) return;
  verdict->sent = true;
  send(now,
       Verdict{origin.spec->id, verdict->incarnation, verdict->reason, now - verdict->evidence});
}

void Reporter::send_report(MonotonicTime now) {
  const bool snapshot = now >= next_snapshot_;
  if (snapshot) next_snapshot_ = now + snapshot_interval_;
  Report report{++sequence_, now - last_report_, {}};
  for (auto& [number, s] : states_) {
    if (!s.accepted || !s.load_known) continue;
    OriginReport entry{s.spec->id, s.incarnation, s.load, {}, false, {}, 0};
    if (s.streams_known) {
      s.streams.fill(entry, snapshot || s.snapshot_due);
      entry.stream_readings = s.stream_readings;
      s.snapshot_due = false;
    }
    report.origins.push_back(std::move(entry));
  }
  last_report_ = now;
  next_report_ = now + report_interval_;
  send(now, std::move(report));
}

SavedState Reporter::saved_state() const {
  SavedState state;
  state.generation_seen = saved_.generation_seen;
  for (const auto& [number, s] : states_) {
    const OriginId& id = s.spec->id;
    if (!s.looked_at) {
      if (const auto old = saved_.origins.find(id); old != saved_.origins.end())
        state.origins.insert(*old);
    } else if (!s.process.empty() && !s.incarnation.empty()) {
      state.origins[id] = {s.process, s.incarnation};
    } else if (s.verdict && !s.verdict->incarnation.empty()) {
      // Its end may not have been heard: a restarted agent says it again.
      state.origins[id] = {"gone", s.verdict->incarnation};
    }
  }
  return state;
}

}  // namespace weir::agent
