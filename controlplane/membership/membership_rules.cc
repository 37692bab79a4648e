// The rules behind the events: timers, sightings, evidence, verdicts and the state that follows.

#include <algorithm>
#include <utility>

#include "common/base/contract.h"
#include "controlplane/membership/limits.h"
#include "controlplane/membership/membership.h"

namespace weir::membership {

using model::OriginState;

// --- time

/// A timer of our own that is long overdue means that this process was frozen or starved. What it
/// did not hear meanwhile is its own fault, so every agent gets a fresh period of grace.
void Membership::notice_stall(MonotonicTime now) {
  if (timers_.empty() || now - timers_.begin()->at <= kObserverStall) return;
  woke_ = now;
  for (auto& [id, agent] : agents_) {
    if (agent.attached && !agent.silent) agent.last_message = now;
  }
}

void Membership::arm(MonotonicTime at, TimerKind kind, std::string subject, ForwarderId forwarder) {
  timers_.insert(Timer{at, kind, std::move(subject), std::move(forwarder)});
}

void Membership::fire(const Timer& timer, MonotonicTime now, Effects& effects) {
  if (timer.kind == TimerKind::kAgentSilence) {
    fire_agent_silence(AgentId(timer.subject), now, effects);
    return;
  }
  if (timer.kind == TimerKind::kThaw) {
    fire_thaw(now, effects);
    return;
  }
  const OriginId id(timer.subject);
  const auto entry = origins_.find(id);
  if (entry == origins_.end()) return;
  OriginFacts& origin = entry->second;
  switch (timer.kind) {
    case TimerKind::kMissing:
      fire_missing(id, now, effects);
      return;
    case TimerKind::kProbe:
      if (origin.next_probe != timer.at) return;
      if (!probes_tell(origin)) {
        origin.next_probe.reset();
        return;
      }
      origin.probe_sent = now;
      origin.next_probe = now + kProbeInterval;
      arm(*origin.next_probe, TimerKind::kProbe, id.str());
      effects.emplace_back(ProbeWanted{id});
      return;
    case TimerKind::kDialRecheck:
      weigh_dials(id, origin, now, effects);
      return;
    case TimerKind::kReturn:
      if (!origin.dead() || !origin.admit_waiting) return;
      origin.admit_waiting = false;
      admit_or_wait(id, origin, now, effects);
      return;
    case TimerKind::kPairEnd:
      if (!penalties_.ended(timer.forwarder, id, timer.at)) return;
      effects.emplace_back(PairLifted{timer.forwarder, id});
      arm(timer.at + kPenaltyForgotten, TimerKind::kPairForgotten, timer.subject, timer.forwarder);
      return;
    case TimerKind::kPairForgotten:
      penalties_.forget_old(timer.forwarder, id, now);
      return;
    case TimerKind::kAgentSilence:
    case TimerKind::kThaw:
      return;  // handled above
  }
}

void Membership::fire_agent_silence(const AgentId& id, MonotonicTime now, Effects& effects) {
  const auto entry = agents_.find(id);
  if (entry == agents_.end()) return;
  AgentFacts& agent = entry->second;
  agent.timer_armed = false;
  if (!agent.attached) {
    if (agent.origins.empty()) agents_.erase(entry);
    return;
  }
  if (now - agent.last_message < kSilence) {
    agent.timer_armed = true;
    arm(agent.last_message + kSilence, TimerKind::kAgentSilence, id.str());
    return;
  }
  silence(agent, now, effects);
}

void Membership::silence(AgentFacts& agent, MonotonicTime now, Effects& effects) {
  agent.silent = true;
  // A copy: a verdict from dials may take origins away from the agent.
  const std::set<OriginId> origins = agent.origins;
  for (const auto& origin : origins) {
    OriginFacts& facts = origins_.at(origin);
    update(origin, facts, effects);
    weigh_dials(origin, facts, now, effects);
  }
}

void Membership::fire_missing(const OriginId& id, MonotonicTime now, Effects& effects) {
  OriginFacts& origin = origins_.at(id);
  if (origin.dead() || origin.present || origin.probed_here()) return;
  if (!agents_.at(origin.agent).attached) return;
  // Its agent is well and does not know it: nobody will ever report on it, so it is ours to watch.
  start_probing(id, origin, now);
  update(id, origin, effects);
}

// --- sightings

void Membership::see(const AgentId& agent, const SeenOrigin& seen, MonotonicTime now,
                     Effects& effects) {
  const auto entry = origins_.find(seen.origin);
  if (entry == origins_.end() || entry->second.agent != agent) {
    // New here, or another's: the store decides what it is called.
    if (seen.running) effects.emplace_back(AdmitWanted{seen.origin});
    return;
  }
  const OriginId& id = entry->first;
  OriginFacts& origin = entry->second;
  origin.present = true;
  origin.running = seen.running;
  origin.probe_answered = seen.running && seen.probe_answered;
  origin.probe_seen = true;
  if (!seen.running) {
    // Not a verdict (the agent saw no exit, it only found nothing), but too much doubt to wait 30
    // s.
    if (!origin.dead()) start_probing(id, origin, now);
    update(id, origin, effects);
    return;
  }
  if (origin.dead()) {
    if (seen.probe_answered) admit_or_wait(id, origin, now, effects);
    return;
  }
  if (seen.probe_answered) answered(id, origin, now, effects);
  update(id, origin, effects);
  effects.emplace_back(AdmitWanted{id});
}

/// After a death: at once, or when the backoff has passed.
void Membership::admit_or_wait(const OriginId& id, OriginFacts& origin, MonotonicTime now,
                               Effects& effects) {
  const MonotonicTime when = origin.backoff.return_time();
  if (now < when) {
    if (!origin.admit_waiting) arm(when, TimerKind::kReturn, id.str());
    origin.admit_waiting = true;
    return;
  }
  if (origin.admit_time && now - *origin.admit_time < kAdmitPatience) return;
  origin.admit_time = now;
  effects.emplace_back(AdmitWanted{id});
}

void Membership::hand_over(const OriginId& id, OriginFacts& origin, const AgentId& agent) {
  if (!origin.agent.empty()) {
    const auto before = agents_.find(origin.agent);
    if (before != agents_.end()) before->second.origins.erase(id);
  }
  origin.agent = agent;
  if (!agent.empty()) agents_[agent].origins.insert(id);
}

void Membership::start_probing(const OriginId& id, OriginFacts& origin, MonotonicTime now) {
  origin.left_by_agent = origin.left_by_agent || !origin.probed_here();
  hand_over(id, origin, AgentId());
  set_probes_failed(origin, 0);
  origin.answer_time.reset();
  origin.next_probe = now;
  arm(now, TimerKind::kProbe, id.str());
}

/// Whether a probe of this replica can change anything. What an agent reports is its to probe, but
/// only a new life brings an origin back that was declared dead, and its agent sees no reason to
/// ask for one while the process is well. Of what an agent left dead nobody would take in an
/// answer.
bool Membership::probes_tell(const OriginFacts& origin) const {
  if (origin.probed_here()) return !(origin.dead() && origin.left_by_agent);
  const AgentFacts& agent = agents_.at(origin.agent);
  return origin.dead() && origin.present && origin.running && origin.probe_answered &&
         agent.attached && !agent.silent;
}

// --- evidence

/// A protocol answer, to a probe or a dial: the process lives.
void Membership::answered(const OriginId& id, OriginFacts& origin, MonotonicTime now,
                          Effects& effects) {
  origin.answer_time = now;
  origin.failed_dials.clear();
  set_probes_failed(origin, 0);
  refute(id, origin);
  if (!origin.dead()) {
    update(id, origin, effects);
  } else if (origin.probed_here() || (origin.present && origin.running)) {
    admit_or_wait(id, origin, now, effects);
  }
}

void Membership::pair_failed(const ForwarderId& forwarder, const OriginId& id, MonotonicTime now,
                             Effects& effects) {
  const auto until = penalties_.punish(forwarder, id, now);
  if (!until) return;
  arm(*until, TimerKind::kPairEnd, id.str(), forwarder);
  effects.emplace_back(PairPenalized{forwarder, id, *until});
}

/// Somebody nearer than the forwarders watches it and has not complained.
bool Membership::observed(const OriginFacts& origin, MonotonicTime now) const {
  if (origin.probed_here()) return origin.answer_time && now - *origin.answer_time < kSilence;
  const AgentFacts& agent = agents_.at(origin.agent);
  return agent.attached && !agent.silent && origin.present;
}

/// Dead by dials: failed from two forwarders (all, if there is one), while nobody nearer watches it
/// and no forwarder had bytes from it lately.
void Membership::weigh_dials(const OriginId& id, OriginFacts& origin, MonotonicTime now,
                             Effects& effects) {
  if (origin.dead() || origin.held || origin.failed_dials.empty()) return;
  std::erase_if(origin.failed_dials,
                [&](const auto& dial) { return now - dial.second > kDialEvidenceKept; });
  std::size_t witnesses = 0;
  MonotonicTime oldest = now;
  for (const auto& [forwarder, time] : origin.failed_dials) {
    if (!forwarders_.contains(forwarder)) continue;
    ++witnesses;
    oldest = std::min(oldest, time);
  }
  if (witnesses == 0 || witnesses < std::min(kForwardersToDie, forwarders_.size())) return;
  if (observed(origin, now)) {
    if (origin.probed_here())
      arm(*origin.answer_time + kSilence, TimerKind::kDialRecheck, id.str());
    return;  // an agent that falls silent or breaks off leads back here
  }
  if (origin.bytes_time && now - *origin.bytes_time < kBytesRecent) {
    arm(*origin.bytes_time + kBytesRecent, TimerKind::kDialRecheck, id.str());
    return;
  }
  convict(id, origin, Reason::kDialsFailed, now - oldest, now, effects);
  update(id, origin, effects);
}

void Membership::set_probes_failed(OriginFacts& origin, std::uint32_t count) {
  const bool before = origin.probes_failed + 1 >= kProbesToDie;
  const bool after = count + 1 >= kProbesToDie;
  if (before && !after) --doubted_;
  if (!before && after) ++doubted_;
  origin.probes_failed = count;
}

// --- verdicts

void Membership::convict(const OriginId& id, OriginFacts& origin, Reason reason, Duration age,
                         MonotonicTime now, Effects& effects) {
  if (origin.held) return;
  const bool counted = origin.probes_failed + 1 >= kProbesToDie;
  const auto ruling = guard_.judge(origins_.size() - dead_, doubted_ + (counted ? 0 : 1), now);
  if (ruling == ExpiryGuard::Ruling::kExecute) {
    execute(id, origin, reason, age, now, effects);
    return;
  }
  origin.held = HeldVerdict{reason, now - age};
  held_.insert(id);
  if (ruling == ExpiryGuard::Ruling::kFreeze) {
    effects.emplace_back(GuardFrozen{guard_.dying(), guard_.origins()});
    arm(guard_.thaw_time(), TimerKind::kThaw, "");
  }
  update(id, origin, effects);
}

void Membership::execute(const OriginId& id, OriginFacts& origin, Reason reason, Duration age,
                         MonotonicTime now, Effects& effects) {
  effects.emplace_back(DeclareDead{id, origin.incarnation, reason, age});
  bury(id, origin, reason, now, effects);
}

void Membership::bury(const OriginId& id, OriginFacts& origin, Reason reason, MonotonicTime now,
                      Effects& effects) {
  refute(id, origin);
  set_probes_failed(origin, 0);
  origin.failed_dials.clear();
  origin.answer_time.reset();
  origin.backoff.died(now);
  change(id, origin, OriginState::kDead, reason, effects);
}

void Membership::refute(const OriginId& id, OriginFacts& origin) {
  if (!origin.held) return;
  origin.held.reset();
  held_.erase(id);
}

void Membership::fire_thaw(MonotonicTime now, Effects& effects) {
  if (!guard_.frozen()) return;
  // With no origin known to be well there is nowhere to re-place a stream to, and no sign that the
  // observer can see: verdicts would only do harm.
  if (!held_.empty() && alive_ == 0) {
    arm(now + kProbeInterval, TimerKind::kThaw, "");
    return;
  }
  guard_.thaw(now);
  GuardThawed thawed;
  const std::set<OriginId> held = held_;
  for (const auto& id : held) {
    OriginFacts& origin = origins_.at(id);
    const HeldVerdict verdict = *origin.held;
    const bool flows = origin.bytes_time && now - *origin.bytes_time < kBytesRecent;
    if (verdict.reason == Reason::kDialsFailed && flows) {
      refute(id, origin);
      update(id, origin, effects);
      continue;
    }
    execute(id, origin, verdict.reason, now - verdict.evidence_time, now, effects);
    ++thawed.executed;
  }
  effects.emplace_back(thawed);
}

// --- state

/// The state of an origin that is not dead, from the facts about it.
std::pair<OriginState, Reason> Membership::assess(const OriginFacts& origin) const {
  if (origin.held) return {OriginState::kSuspect, Reason::kVerdictsFrozen};
  if (origin.probed_here()) {
    if (origin.probes_failed > 0) return {OriginState::kSuspect, Reason::kProbeFailed};
    if (!origin.answer_time) return {OriginState::kSuspect, Reason::kNotProbedYet};
    return {OriginState::kAlive, Reason::kNone};
  }
  const AgentFacts& agent = agents_.at(origin.agent);
  if (!agent.attached) return {OriginState::kSuspect, Reason::kAgentDetached};
  if (agent.silent) return {OriginState::kSuspect, Reason::kAgentSilent};
  if (!origin.present) return {OriginState::kSuspect, Reason::kMissing};
  if (!origin.probe_answered) {
    const Reason reason = origin.probe_seen ? Reason::kProbeFailed : Reason::kNotProbedYet;
    return {OriginState::kSuspect, reason};
  }
  return {OriginState::kAlive, Reason::kNone};
}

void Membership::update(const OriginId& id, OriginFacts& origin, Effects& effects) {
  if (origin.dead()) return;
  const auto [state, reason] = assess(origin);
  if (state != origin.state || reason != origin.reason) change(id, origin, state, reason, effects);
}

void Membership::change(const OriginId& id, OriginFacts& origin, OriginState to, Reason reason,
                        Effects& effects) {
  const auto count = [this](OriginState state) -> std::size_t* {
    if (state == OriginState::kAlive) return &alive_;
    if (state == OriginState::kDead) return &dead_;
    return nullptr;
  };
  if (auto* left = count(origin.state)) --*left;
  if (auto* entered = count(to)) ++*entered;
  effects.emplace_back(StateChanged{id, origin.incarnation, origin.state, to, reason});
  origin.state = to;
  origin.reason = reason;
}

}  // namespace weir::membership
