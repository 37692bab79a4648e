// Events: what agents, probes, forwarders and time tell. The rules they share are in
// membership_rules.cc.

#include "controlplane/membership/membership.h"

#include <utility>

#include "common/base/contract.h"
#include "controlplane/membership/limits.h"

namespace weir::membership {

using model::OriginState;

// --- origins

Effects Membership::origin_registered(const RegisteredOrigin& registered, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto [entry, added] = origins_.try_emplace(registered.origin);
  const OriginId& id = entry->first;
  OriginFacts& origin = entry->second;
  if (!added && origin.incarnation == registered.incarnation && origin.dead()) return effects;

  const bool successor = !added && !origin.dead() && origin.incarnation != registered.incarnation;
  if (added || origin.incarnation != registered.incarnation) {
    if (successor) {
      // Two lives of one origin: the new one fences the old at once.
      effects.emplace_back(DeclareDead{id, origin.incarnation, Reason::kReplaced, Duration{}});
    }
    by_incarnation_.erase(origin.incarnation);
    by_incarnation_.emplace(registered.incarnation, id);
    refute(id, origin);
    set_probes_failed(origin, 0);
    origin.begin_life(registered.incarnation);
    for (auto& forwarder : penalties_.remove_origin(id, now)) {
      effects.emplace_back(PairLifted{std::move(forwarder), id});
    }
    if (origin.dead()) change(id, origin, OriginState::kSuspect, Reason::kNotProbedYet, effects);
  }

  hand_over(id, origin, registered.agent);
  origin.left_by_agent = false;
  if (origin.probed_here()) {
    if (!origin.next_probe) start_probing(id, origin, now);
  } else {
    origin.next_probe.reset();
    set_probes_failed(origin, 0);
    origin.present = true;
    origin.running = true;
    origin.probe_answered = registered.probe_answered;
    if (registered.probe_answered) origin.answer_time = now;
  }
  const auto told = effects.size();
  update(id, origin, effects);
  // The same state, but of another life, which nobody has heard of yet.
  if (successor && effects.size() == told) {
    effects.emplace_back(
        StateChanged{id, origin.incarnation, origin.state, origin.state, origin.reason});
  }
  return effects;
}

void Membership::origin_removed(const OriginId& id) {
  const auto entry = origins_.find(id);
  if (entry == origins_.end()) return;
  OriginFacts& origin = entry->second;
  refute(id, origin);
  set_probes_failed(origin, 0);
  hand_over(id, origin, AgentId());
  if (origin.dead()) --dead_;
  if (origin.state == OriginState::kAlive) --alive_;
  penalties_.remove_origin(id, MonotonicTime{});
  by_incarnation_.erase(origin.incarnation);
  origins_.erase(entry);
}

Effects Membership::origin_declared_dead(const OriginId& id, const IncarnationId& incarnation,
                                         MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = origins_.find(id);
  if (entry == origins_.end() || entry->second.dead()) return effects;
  if (entry->second.incarnation != incarnation) return effects;
  bury(id, entry->second, Reason::kDeclaredElsewhere, now, effects);
  return effects;
}

// --- agents

Effects Membership::agent_attached(const AgentId& id, const std::vector<SeenOrigin>& seen,
                                   MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  AgentFacts& agent = agents_[id];
  agent.attached = true;
  agent.silent = false;
  agent.last_message = now;
  if (!agent.timer_armed) {
    agent.timer_armed = true;
    arm(now + kSilence, TimerKind::kAgentSilence, id.str());
  }

  std::set<OriginId> missing = agent.origins;
  for (const auto& origin : seen) missing.erase(origin.origin);
  for (const auto& origin : missing) {
    OriginFacts& facts = origins_.at(origin);
    facts.present = false;
    update(origin, facts, effects);
    arm(now + kMissingKept, TimerKind::kMissing, origin.str());
  }
  for (const auto& origin : seen) see(id, origin, now, effects);
  return effects;
}

Effects Membership::origin_seen(const AgentId& agent, const SeenOrigin& seen, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  see(agent, seen, now, effects);
  return effects;
}

Effects Membership::origin_forgotten(const AgentId& agent, const OriginId& id, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = origins_.find(id);
  if (entry == origins_.end() || entry->second.agent != agent) return effects;
  OriginFacts& origin = entry->second;
  origin.present = false;
  update(id, origin, effects);
  if (!origin.dead()) arm(now + kMissingKept, TimerKind::kMissing, id.str());
  return effects;
}

Effects Membership::origin_replaced(const OriginId& id, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = origins_.find(id);
  if (entry == origins_.end() || entry->second.dead()) return effects;
  execute(id, entry->second, Reason::kReplaced, Duration{}, now, effects);
  return effects;
}

Effects Membership::agent_message(const AgentId& id, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = agents_.find(id);
  if (entry == agents_.end() || !entry->second.attached) return effects;
  AgentFacts& agent = entry->second;
  agent.last_message = now;
  if (!agent.silent) return effects;
  agent.silent = false;
  if (!agent.timer_armed) {
    agent.timer_armed = true;
    arm(now + kSilence, TimerKind::kAgentSilence, id.str());
  }
  for (const auto& name : agent.origins) {
    OriginFacts& origin = origins_.at(name);
    update(name, origin, effects);
    // Dials failed while it was cut off with its host, and it has no news to send: an answer says
    // that it lives.
    if (!probes_tell(origin)) continue;
    origin.next_probe = now;
    arm(now, TimerKind::kProbe, name.str());
  }
  return effects;
}

Effects Membership::agent_silent(const AgentId& id, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = agents_.find(id);
  if (entry == agents_.end() || !entry->second.attached || entry->second.silent) return effects;
  silence(entry->second, now, effects);
  return effects;
}

Effects Membership::agent_detached(const AgentId& id, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = agents_.find(id);
  if (entry == agents_.end() || !entry->second.attached) return effects;
  entry->second.attached = false;
  // A copy: a verdict from dials may take origins away from the agent.
  const std::set<OriginId> origins = entry->second.origins;
  for (const auto& origin : origins) {
    OriginFacts& facts = origins_.at(origin);
    update(origin, facts, effects);
    weigh_dials(origin, facts, now, effects);
  }
  return effects;
}

Effects Membership::agent_verdict(const OriginId& id, const IncarnationId& incarnation,
                                  Reason reason, Duration evidence_age, MonotonicTime now) {
  WEIR_ASSERT(reason == Reason::kProcessGone || reason == Reason::kProbesFailed);
  notice_stall(now);
  Effects effects;
  const auto entry = origins_.find(id);
  if (entry == origins_.end()) return effects;
  OriginFacts& origin = entry->second;
  if (origin.incarnation != incarnation) return effects;
  origin.probe_answered = false;
  origin.probe_seen = true;
  if (origin.dead()) return effects;
  if (reason == Reason::kProcessGone) {
    // A fact from the host's own kernel, not an inference: never held back, not even by the guard.
    execute(id, origin, reason, evidence_age, now, effects);
  } else {
    convict(id, origin, reason, evidence_age, now, effects);
  }
  return effects;
}

// --- probes of this replica

Effects Membership::probe_result(const OriginId& id, ProbeOutcome outcome, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto entry = origins_.find(id);
  if (entry == origins_.end() || !probes_tell(entry->second)) return effects;
  OriginFacts& origin = entry->second;
  if (outcome == ProbeOutcome::kAnswered) {
    answered(id, origin, now, effects);
    return effects;
  }
  // A probe that timed out while this process slept says nothing about the origin.
  if (woke_ && origin.probe_sent < *woke_) return effects;
  if (origin.dead()) return effects;
  const bool full = outcome == ProbeOutcome::kTurnedAway;
  set_probes_failed(origin, full ? std::max(origin.probes_failed, 1U) : origin.probes_failed + 1);
  if (!full && origin.probes_failed >= kProbesToDie) {
    convict(id, origin, Reason::kProbesFailed, now - origin.probe_sent, now, effects);
  }
  update(id, origin, effects);
  return effects;
}

// --- forwarders

void Membership::forwarder_attached(const ForwarderId& forwarder) {
  forwarders_.insert(forwarder);
}

Effects Membership::forwarder_detached(const ForwarderId& forwarder, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  forwarders_.erase(forwarder);
  for (auto& origin : penalties_.origins_of(forwarder, now)) {
    effects.emplace_back(PairLifted{forwarder, std::move(origin)});
  }
  penalties_.remove_forwarder(forwarder);
  return effects;
}

void Membership::forwarder_active(const ForwarderId& forwarder,
                                  const std::vector<IncarnationId>& incarnations,
                                  MonotonicTime now) {
  if (!forwarders_.contains(forwarder)) return;
  for (const auto& incarnation : incarnations) {
    const auto id = by_incarnation_.find(incarnation);
    if (id != by_incarnation_.end()) origins_.at(id->second).bytes_time = now;
  }
}

Effects Membership::dial_result(const ForwarderId& forwarder, const IncarnationId& incarnation,
                                DialOutcome outcome, MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  const auto found = by_incarnation_.find(incarnation);
  if (found == by_incarnation_.end() || !forwarders_.contains(forwarder)) return effects;
  const OriginId id = found->second;
  OriginFacts& origin = origins_.at(id);
  origin.errors.add(outcome != DialOutcome::kAnswered, now);
  if (outcome == DialOutcome::kAnswered) {
    if (penalties_.pardon(forwarder, id, now)) effects.emplace_back(PairLifted{forwarder, id});
    answered(id, origin, now, effects);
    return effects;
  }
  pair_failed(forwarder, id, now, effects);
  if (outcome != DialOutcome::kUnreachable && outcome != DialOutcome::kTurnedAway) {
    origin.failed_dials[forwarder] = now;
    weigh_dials(id, origin, now, effects);
  }
  return effects;
}

// --- time

std::optional<MonotonicTime> Membership::next_deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->at;
}

Effects Membership::tick(MonotonicTime now) {
  notice_stall(now);
  Effects effects;
  while (!timers_.empty() && timers_.begin()->at <= now) {
    const Timer timer = std::move(timers_.extract(timers_.begin()).value());
    fire(timer, now, effects);
  }
  return effects;
}

// --- reading

std::optional<Membership::Status> Membership::status(const OriginId& id) const {
  const auto entry = origins_.find(id);
  if (entry == origins_.end()) return std::nullopt;
  const OriginFacts& origin = entry->second;
  return Status{origin.incarnation, origin.agent, origin.state, origin.reason};
}

double Membership::error_rate(const OriginId& id, MonotonicTime now) const {
  const auto entry = origins_.find(id);
  return entry == origins_.end() ? 0 : entry->second.errors.value(now);
}

std::vector<IncarnationId> Membership::penalized(const ForwarderId& forwarder,
                                                 MonotonicTime now) const {
  std::vector<IncarnationId> incarnations;
  for (const auto& id : penalties_.origins_of(forwarder, now)) {
    incarnations.push_back(origins_.at(id).incarnation);
  }
  return incarnations;
}

std::vector<ForwarderId> Membership::penalized_forwarders(const OriginId& origin,
                                                          MonotonicTime now) const {
  return penalties_.forwarders_of(origin, now);
}

}  // namespace weir::membership
