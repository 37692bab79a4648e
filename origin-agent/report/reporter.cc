#include "origin-agent/report/reporter.h"

#include <algorithm>
#include <utility>

#include "common/base/contract.h"
#include "common/endpoints/fresher_search.h"
#include "common/endpoints/limits.h"
#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

/// Accepted origins arrive one by one: their first reports go together.
constexpr std::chrono::milliseconds kGatherReports{20};

}  // namespace

using endpoints::Failure;

struct Reporter::Replicas {
  Replicas(std::size_t count, Random& random)
      : choice(count, random), fresher(choice, random), broken(count) {}

  endpoints::EndpointChoice choice;
  endpoints::FresherSearch fresher;
  std::vector<bool> broken;  ///< failed since it was opened last
};

Reporter::~Reporter() = default;
Reporter::Reporter(Reporter&&) noexcept = default;

Reporter::Reporter(ReporterConfig config, SavedState saved, Random& random)
    : config_(std::move(config)),
      saved_(std::move(saved)),
      report_interval_(kReportIntervalDefault),
      snapshot_interval_(kSnapshotIntervalDefault) {
  WEIR_ASSERT(config_.endpoints > 0);
  replicas_ = std::make_unique<Replicas>(config_.endpoints, random);
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
  if (!verdict || verdict->incarnation.empty()) return false;
  return !verdict->sent || !attached() || acknowledged_ < verdict->taken_in_by;
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
  if (link_ == Link::kWaiting) endpoint_ = replicas_->choice.next(now).endpoint;
  link_ = Link::kOpening;
  silent_at_ = now + replicas_->choice.welcome_within(endpoint_);
  sequence_ = acknowledged_ = 0;
  next_report_ = next_snapshot_ = MonotonicTime::max();
  for (Entry& entry : states_) {
    OriginState& s = entry.second;
    s.accepted = false;
    s.snapshot_due = true;
    offer_at(entry, MonotonicTime::max());
    s.offer_delay = kRejectedRetryInitial;
    if (s.verdict) s.verdict->sent = false;
  }
  actions_.push_back(OpenLink{endpoint_, replicas_->broken[endpoint_]});
  replicas_->broken[endpoint_] = false;
  Hello hello{config_.agent,          config_.instance, config_.version, config_.host, {},
              saved_.generation_seen, ++attaches_};
  for (const Entry& entry : states_) hello.origins.push_back(describe(entry.second));
  send(now, std::move(hello));
  for (Entry& entry : states_) send_verdict(now, entry.second);
}

void Reporter::failed(MonotonicTime now, Failure failure) {
  const bool was_attached = attached();
  replicas_->choice.failed(endpoint_, failure, now);
  replicas_->broken[endpoint_] = true;
  move(replicas_->choice.next_after(failure, was_attached, now));
}

void Reporter::move(endpoints::EndpointChoice::Next next) {
  link_ = Link::kPausing;
  replicas_->fresher.detached();
  silent_at_ = next_report_ = next_snapshot_ = MonotonicTime::max();
  endpoint_ = next.endpoint;
  attach_at_ = next.at;
}

void Reporter::link_closed(MonotonicTime now, Failure failure) {
  if (link_open()) failed(now, failure);
}

void Reporter::freshness_told(MonotonicTime now, std::size_t endpoint, std::optional<bool> stale) {
  if (!stale || !replicas_->fresher.answered(endpoint, *stale, now) || !attached()) return;
  actions_.push_back(CloseLink{"it is stale, and another is not"});
  move(replicas_->choice.next(now));
  tick(now);
}

void Reporter::received(MonotonicTime now, const DownMessage& message) {
  if (!link_open()) return;
  silent_at_ = now + (link_ == Link::kAttached ? endpoints::kReplicaSilenceMax
                                               : replicas_->choice.welcome_within(endpoint_));
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
    replicas_->choice.answered(endpoint_, now);
    silent_at_ = now + endpoints::kReplicaSilenceMax;
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
  acknowledged_ = ack.sequence;
}

void Reporter::on(MonotonicTime now, const ReplicaHeartbeat& heartbeat) {
  see_generation(heartbeat.generation);
  if (attached()) replicas_->fresher.heard(endpoint_, heartbeat.stale, now);
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
    actions_.push_back(CloseLink{attached() ? "no heartbeat came" : "no welcome came"});
    failed(now, Failure::kSilent);
    return;
  }
  for (const std::size_t endpoint : replicas_->fresher.due(now))
    actions_.push_back(AskFreshness{endpoint});
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
  const MonotonicTime next = std::min({silent_at_, next_report_, last_sent_ + kOwnHeartbeatInterval,
                                       replicas_->fresher.next_due()});
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
  verdict->taken_in_by = sequence_ + 1;
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
