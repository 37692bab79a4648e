#include "controlplane/core/peer_liveness.h"

#include <utility>
#include <vector>

#include "controlplane/core/limits.h"
#include "controlplane/membership/limits.h"

namespace weir::core {

PeerLiveness::PeerLiveness(Context& context, ClusterView& view, EventRing& events,
                           Replicas& replicas, Liveness& liveness, OriginBoard& board,
                           Forwarders& forwarders, Agents& agents)
    : context_(context),
      view_(view),
      events_(events),
      replicas_(replicas),
      liveness_(liveness),
      board_(board),
      forwarders_(forwarders),
      agents_(agents) {
  view_.on_origin([this](const ClusterView::OriginChange& change) { on_origin(change); });
}

void PeerLiveness::on_origin(const ClusterView::OriginChange& change) {
  if (!change.after) probes_.erase(change.origin);
  if (context_.codec == nullptr || !change.after || change.after->dead) return;
  const store::OriginRecord& record = *change.after;
  const AgentId& agent = record.description.agent;
  // Its own stream says more, and sooner.
  if (!agent.empty() && agents_.attached(agent)) return;
  const auto status = liveness_.rules().status(change.origin);
  const bool same_agent = !change.before || change.before->description.agent == agent;
  if (status && status->incarnation == record.incarnation && same_agent) return;
  bool named = agent.empty();
  bool well = false;
  if (const auto* listed = replicas_.find(agent)) {
    for (const PeerOrigin& origin : listed->told.origins) {
      if (origin.origin != change.origin) continue;
      named = true;
      well = origin.probe_answered;
    }
  }
  // The feed is ahead of the bulletin that says how it is.
  if (!named && !status) {
    unnamed_.try_emplace(change.origin, context_.clock.now() + kMoveGrace);
    return;
  }
  enrol(change.origin, well);
}

void PeerLiveness::enrol(const OriginId& origin, bool well) {
  unnamed_.erase(origin);
  const auto* record = view_.origin(origin);
  if (record == nullptr || record->dead) return;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.origin_registered({origin, record->incarnation, record->description.agent, well},
                                   context_.clock.now());
  });
}

void PeerLiveness::bulletin(const Replicas::Replica& replica) {
  for (const auto& [id, agent] : replica.agents) {
    // Another replica's listing may be the newer one.
    if (replicas_.where(id) == &replica) take(agent);
  }
  for (const auto& [id, forwarder] : replica.forwarders) {
    if (replicas_.where(id) == &replica) take(forwarder);
  }
  take(replica.id, replica.told);
}

void PeerLiveness::take(const Listed<PeerAgent>& agent) {
  const AgentId& id = agent.told.agent;
  const AttachStream* here = agents_.stream(id);
  if (here != nullptr) {
    if (!agent.stream.newer_than(*here)) {
      known_.erase(id);
      return;
    }
    if (agents_.attached(id) && here->instance != agent.stream.instance) {
      events_.add("AGENT_REPLACED", Severity::kWarning, "agents/" + id.str(),
                  "another process attached to another replica under the same id; the older one "
                  "was let go");
    }
    agents_.let_go(id);
  }
  const MonotonicTime now = context_.clock.now();
  const auto [entry, added] = known_.try_emplace(id);
  if (added) {
    std::vector<membership::SeenOrigin> seen;
    for (const PeerOrigin& origin : agent.told.origins) {
      if (origin.incarnation.empty()) continue;
      seen.push_back({origin.origin, origin.running, origin.probe_answered});
      entry->second[origin.origin] = {origin.running, origin.probe_answered};
    }
    liveness_.tell(
        [&](membership::Membership& rules) { return rules.agent_attached(id, seen, now); });
  }
  Known& known = entry->second;
  const bool silent = agent.told.silence >= membership::kSilence;
  liveness_.tell([&](membership::Membership& rules) {
    return silent ? rules.agent_silent(id, now) : rules.agent_message(id, now);
  });
  std::set<OriginId> named;
  for (const PeerOrigin& origin : agent.told.origins) {
    named.insert(origin.origin);
    take_origin(id, origin);
  }
  std::erase_if(known, [&](const auto& origin) {
    if (named.contains(origin.first)) return false;
    liveness_.tell([&](membership::Membership& rules) {
      return rules.origin_forgotten(id, origin.first, now);
    });
    return true;
  });
}

void PeerLiveness::take_origin(const AgentId& agent, const PeerOrigin& origin) {
  const MonotonicTime now = context_.clock.now();
  const Facts facts{origin.running, origin.probe_answered};
  auto& known = known_[agent];
  const auto before = known.find(origin.origin);
  const bool changed = before == known.end() || before->second != facts;
  known[origin.origin] = facts;
  const auto* record = view_.origin(origin.origin);
  const bool registered =
      record != nullptr && !record->dead && record->incarnation == origin.incarnation;
  const auto status = liveness_.rules().status(origin.origin);
  // Of one that does not run, nobody but the probes of replicas can tell.
  const bool its_own = status && status->incarnation == origin.incarnation &&
                       (status->agent == agent || !origin.running);
  if (registered && !its_own) {
    // New, or its agent came back to another replica: the store had no news to tell.
    enrol(origin.origin, origin.running && origin.probe_answered);
  }
  if (changed && registered) {
    const membership::SeenOrigin seen{origin.origin, origin.running, origin.probe_answered};
    liveness_.tell(
        [&](membership::Membership& rules) { return rules.origin_seen(agent, seen, now); });
  }
  if (origin.load) board_.report(origin.origin, origin.incarnation, *origin.load, origin.load_age);
}

void PeerLiveness::take(const Listed<PeerForwarder>& forwarder) {
  const ForwarderId& id = forwarder.told.forwarder;
  if (const auto* record = forwarders_.find(id)) {
    if (!forwarder.stream.newer_than(record->stream)) return;
    if (record->link && record->instance != forwarder.stream.instance) {
      events_.add("FORWARDER_REPLACED", Severity::kWarning, "forwarders/" + id.str(),
                  "another process attached to another replica under the same id; the older one "
                  "was let go");
    }
    forwarders_.let_go(id);
  }
  liveness_.rules().forwarder_attached(id);
  liveness_.rules().forwarder_active(id, forwarder.told.active_incarnations, context_.clock.now());
}

void PeerLiveness::take(const ReplicaId&, const Bulletin& bulletin) {
  for (const PeerProbe& probe : bulletin.probes) {
    const auto* record = view_.origin(probe.origin);
    if (record == nullptr || record->incarnation != probe.incarnation) continue;
    std::uint64_t& taken = probes_[probe.origin][bulletin.instance];
    // Each counts once, however many bulletins tell of it.
    if (probe.number <= taken) continue;
    taken = probe.number;
    liveness_.probed_elsewhere(probe.origin, probe.outcome);
  }
}

void PeerLiveness::agent_gone(const AgentId& agent) {
  if (known_.erase(agent) == 0 || agents_.attached(agent)) return;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.agent_detached(agent, context_.clock.now());
  });
}

void PeerLiveness::forwarder_gone(const ForwarderId& forwarder) {
  if (forwarders_.attached(forwarder)) return;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.forwarder_detached(forwarder, context_.clock.now());
  });
}

void PeerLiveness::replicas_changed() {
  std::set<std::string> live;
  for (const auto& [id, replica] : replicas_.others()) live.insert(replica.told.instance);
  for (auto& [origin, taken] : probes_) {
    std::erase_if(taken, [&](const auto& of) { return !live.contains(of.first); });
  }
  std::erase_if(probes_, [](const auto& of) { return of.second.empty(); });
}

void PeerLiveness::tick() {
  std::vector<OriginId> alone;
  for (const auto& [origin, until] : unnamed_) {
    if (context_.clock.now() >= until) alone.push_back(origin);
  }
  for (const OriginId& origin : alone) {
    // Nobody watches it; what forwarders say of it counts all the same.
    if (liveness_.rules().status(origin)) {
      unnamed_.erase(origin);
    } else {
      enrol(origin, false);
    }
  }
  if (known_.empty() || context_.store.health().age <= kStaleAfter) return;
  const MonotonicTime now = context_.clock.now();
  for (const auto& [agent, origins] : known_) {
    if (agents_.attached(agent)) continue;
    const auto* listed = replicas_.find(agent);
    if (listed == nullptr || listed->told.silence >= membership::kSilence) continue;
    liveness_.tell([&](membership::Membership& rules) { return rules.agent_message(agent, now); });
  }
}

}  // namespace weir::core
