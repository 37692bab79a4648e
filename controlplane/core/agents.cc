#include "controlplane/core/agents.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/origin_rules.h"

namespace weir::core {
namespace {

std::string agent_name(const AgentId& id) {
  return "agents/" + id.str();
}

membership::Reason translate(VerdictReason reason) {
  return reason == VerdictReason::kProcessGone ? membership::Reason::kProcessGone
                                               : membership::Reason::kProbesFailed;
}

bool same_rtmp_address(const model::OriginDescription& a, const model::OriginDescription& b) {
  for (const model::Endpoint& endpoint : a.endpoints) {
    if (endpoint.protocol != model::Protocol::kRtmp) continue;
    for (const model::Endpoint& other : b.endpoints) {
      if (other.protocol == endpoint.protocol && other.address == endpoint.address) return true;
    }
  }
  return false;
}

}  // namespace

Agents::Agents(Context& context, ClusterView& view, Generation& generation, EventRing& events,
               OriginBoard& board, Liveness& liveness, Holders& holders, Restorer& restorer,
               ReportedStreams& reported, DirectStreams& direct)
    : context_(context),
      view_(view),
      generation_(generation),
      events_(events),
      board_(board),
      liveness_(liveness),
      holders_(holders),
      restorer_(restorer),
      reported_(reported),
      direct_(direct),
      vhosts_(context.options.vhosts) {
  view_.on_placement([this](const ClusterView::PlacementChange& change) { on_placement(change); });
  reported_.on_change(
      [this](const OriginId& origin, const StreamKey& stream) { on_live(origin, stream); });
}

void Agents::opened(const std::shared_ptr<AgentLink>& link) {
  context_.executor.run_after(kHelloWithin, [this, waiting = std::weak_ptr(link)] {
    const auto link = waiting.lock();
    if (link && !links_.contains(link.get())) {
      link->end(Reason::kInvalidField, "no hello came within 5 s");
    }
  });
}

void Agents::message(const std::shared_ptr<AgentLink>& link, AgentUp message) {
  const auto attached = links_.find(link.get());
  if (auto* first = std::get_if<AgentHello>(&message)) {
    if (attached != links_.end())
      return link->end(Reason::kInvalidField, "a hello comes once, as the first message");
    return hello(link, std::move(*first));
  }
  if (attached == links_.end())
    return link->end(Reason::kInvalidField, "the first message is a hello");
  Agent& agent = agents_.at(attached->second);
  agent.last_message = context_.clock.now();
  liveness_.tell([&](membership::Membership& rules) {
    return rules.agent_message(agent.id, context_.clock.now());
  });
  if (auto* load = std::get_if<LoadReport>(&message)) {
    report(agent, *load);
  } else if (auto* origin = std::get_if<OriginSeen>(&message)) {
    seen(agent, std::move(*origin));
  } else if (auto* evidence = std::get_if<OriginVerdict>(&message)) {
    verdict(agent, *evidence);
  } else if (auto* gone = std::get_if<OriginForgotten>(&message)) {
    forgotten(agent, gone->origin);
  }
}

void Agents::hello(const std::shared_ptr<AgentLink>& link, AgentHello hello) {
  if (hello.agent.empty() || hello.agent.str().size() > kTextBytesMax || hello.instance.empty()) {
    return link->end(Reason::kInvalidField,
                     "the hello names no agent id and instance, or one that is too long");
  }
  generation_.seen(hello.generation_seen);
  if (!generation_.ready())
    return link->end(Reason::kStoreUnavailable, "the store cannot be reached yet");
  if (!agents_.contains(hello.agent) && agents_.size() >= kAgentsMax) {
    return link->end(Reason::kLimitReached, "too many agents");
  }
  const AttachStream stream{hello.instance, hello.attach, context_.clock.now()};
  const auto known_here = agents_.find(hello.agent);
  const bool late = known_here != agents_.end() && known_here->second.stream.counted_with(stream) &&
                    known_here->second.stream.newer_than(stream);
  if (late || (superseded && superseded(hello.agent, &stream))) {
    return link->end(Reason::kBusyRetry, "a newer stream of this agent is attached");
  }
  Agent& agent = agents_[hello.agent];
  if (agent.link) {
    if (agent.instance != hello.instance) {
      events_.add("AGENT_REPLACED", Severity::kWarning, agent_name(hello.agent),
                  "another process attached under the same id; the older one was let go");
    }
    const auto older = agent.link;
    detach(agent);
    older->end(Reason::kBusyRetry, "another stream of this agent id was attached");
  }
  agent.id = hello.agent;
  agent.instance = hello.instance;
  agent.link = link;
  agent.stream = stream;
  agent.last_message = stream.since;
  agent.detached_since.reset();
  links_.emplace(link.get(), agent.id);
  link->send(AgentWelcome{context_.options.replica, generation_.value(), kReportInterval,
                          kSnapshotInterval});
  link->send(generation_.heartbeat());
  events_.add("AGENT_ATTACHED", Severity::kInfo, agent_name(agent.id),
              fmt::format("version {} on {}, {} origins", hello.version, hello.hostname,
                          hello.origins.size()),
              {{"instance", agent.instance}});

  // A hello is complete: what it does not name any more is not watched any more.
  std::set<OriginId> named;
  for (const OriginSeen& seen : hello.origins) named.insert(seen.own);
  prune(agent, [&](const OriginId& own, const Origin&) { return !named.contains(own); });
  std::erase_if(agent.rejected, [&](const auto& entry) { return !named.contains(entry.first); });
  for (auto& [own, origin] : agent.origins) origin.told = false;
  // Of two that ask for one id, who had it keeps it, also after a loss of history.
  std::ranges::partition(hello.origins,
                         [](const OriginSeen& seen) { return !seen.incarnation.empty(); });
  std::vector<membership::SeenOrigin> known;
  std::vector<OriginId> unclear;  // whose id in the cluster only the store can tell
  for (OriginSeen& seen : hello.origins) {
    const OriginId own = seen.own;
    Origin* origin = note_seen(agent, std::move(seen));
    if (origin == nullptr) continue;
    // Registered through another replica, and nobody else's since.
    const auto* record = view_.origin(origin->id);
    const bool his = record != nullptr && !owners_.contains(origin->id) &&
                     record->description.agent == agent.id && !record->incarnation.empty() &&
                     record->incarnation == origin->seen.incarnation;
    if (his) owners_.emplace(origin->id, Own{agent.id, own});
    if (owns(agent.id, own, origin->id)) {
      known.push_back({origin->id, !origin->seen.process.empty(), origin->seen.probe_answered});
    } else if (!owners_.contains(origin->id) && view_.origin(origin->id) == nullptr) {
      owners_.emplace(origin->id, Own{agent.id, own});
      known.push_back({origin->id, !origin->seen.process.empty(), origin->seen.probe_answered});
    } else {
      unclear.push_back(own);
    }
  }
  liveness_.tell([&](membership::Membership& rules) {
    return rules.agent_attached(agent.id, known, context_.clock.now());
  });
  for (const OriginId& own : unclear) upsert(agent.id, own);
}

template <class Gone>
void Agents::prune(Agent& agent, Gone gone) {
  std::erase_if(agent.origins, [&](const auto& entry) {
    const auto& [own, origin] = entry;
    if (!gone(own, origin)) return false;
    disown(agent, own, origin.id);
    return true;
  });
}

void Agents::disown(Agent& agent, const OriginId& own, const OriginId& id) {
  if (!owns(agent.id, own, id)) return;
  owners_.erase(id);
  reported_.clear(id);
  if (agent.left.size() < kOriginsPerAgentMax) agent.left.insert(id);
}

void Agents::forgotten(Agent& agent, const OriginId& own) {
  agent.rejected.erase(own);
  const auto found = agent.origins.find(own);
  if (found == agent.origins.end()) return;
  const OriginId id = found->second.id;
  const bool owned = owns(agent.id, own, id);
  disown(agent, own, id);
  agent.origins.erase(found);
  if (!owned) return;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.origin_forgotten(agent.id, id, context_.clock.now());
  });
  for (const auto& [name, origin] : agent.origins) {
    if (!origin.accepted.empty()) replace_left(agent, origin);
  }
}

void Agents::replace_left(Agent& agent, const Origin& successor) {
  // Its end was not told: it came while its agent was away, or nobody saw it.
  std::vector<OriginId> replaced;
  std::erase_if(agent.left, [&](const OriginId& id) {
    const auto* record = view_.origin(id);
    if (record == nullptr || record->dead || owners_.contains(id)) return true;
    if (!same_rtmp_address(record->description, successor.seen.description)) return false;
    replaced.push_back(id);
    return true;
  });
  for (const OriginId& id : replaced) {
    liveness_.tell([&](membership::Membership& rules) {
      return rules.origin_replaced(id, context_.clock.now());
    });
  }
}

void Agents::tick() {
  const MonotonicTime now = context_.clock.now();
  const auto gone = [&](const OriginId&, const Origin& origin) {
    const auto* record = view_.origin(origin.id);
    return record == nullptr || record->dead;
  };
  for (auto at = agents_.begin(); at != agents_.end();) {
    Agent& agent = at->second;
    const bool away = !agent.link && now - *agent.detached_since >= kDetachedKept;
    if (away) prune(agent, gone);
    at = away && agent.origins.empty() ? agents_.erase(at) : std::next(at);
  }
}

Agents::Origin* Agents::find(const AgentId& agent, const OriginId& own) {
  const auto found = agents_.find(agent);
  if (found == agents_.end()) return nullptr;
  const auto origin = found->second.origins.find(own);
  return origin == found->second.origins.end() ? nullptr : &origin->second;
}

bool Agents::owns(const AgentId& agent, const OriginId& own, const OriginId& id) const {
  const auto owner = owners_.find(id);
  return owner != owners_.end() && owner->second.agent == agent && owner->second.origin == own;
}

void Agents::reject(Agent& agent, const OriginSeen& seen, const std::string& why) {
  agent.link->send(OriginAccepted{seen.own, {}, seen.process, {}, why});
  if (seen.own.str().size() > kTextBytesMax) return;  // not repeated anywhere
  const bool known = agent.rejected.contains(seen.own);
  if (!known && agent.rejected.size() >= kOriginsPerAgentMax) return;
  // Agents offer it again and again: told once.
  if (std::exchange(agent.rejected[seen.own], why) == why) return;
  events_.add("ORIGIN_REJECTED", Severity::kError, agent_name(agent.id),
              fmt::format("its origin {} was turned away: {}", seen.own.str(), why),
              {{"origin", seen.own.str()}});
}

Agents::Origin* Agents::note_seen(Agent& agent, OriginSeen seen) {
  const OriginId own = seen.own;
  auto why = rejection(agent, seen);
  const bool known = agent.origins.contains(own);
  if (why.empty() && !known && agent.origins.size() >= kOriginsPerAgentMax) {
    why = "this agent has too many origins";
  }
  if (!why.empty()) {
    reject(agent, seen, why);
    return nullptr;
  }
  agent.rejected.erase(own);
  seen.description.agent = agent.id;
  Origin& origin = agent.origins[own];
  if (origin.id.empty()) origin.id = seen.description.id;
  if (origin.seen.process != seen.process) {
    origin.accepted = {};
    origin.listed = false;
    origin.spellings.clear();
    if (owns(agent.id, own, origin.id)) reported_.clear(origin.id);
  }
  origin.seen = std::move(seen);
  return &origin;
}

std::string Agents::rejection(const Agent& agent, const OriginSeen& seen) const {
  if (seen.own.empty() || seen.own.str().size() > kTextBytesMax) {
    return "its agent gives it no name, or one that is too long";
  }
  if (auto why = description_error(seen.description); !why.empty()) return why;
  const bool peer_is_local = is_loopback_peer(agent.link->peer());
  if (context_.options.listener_is_loopback || peer_is_local) return {};
  return loopback_error(seen.description);
}

void Agents::seen(Agent& agent, OriginSeen seen) {
  const OriginId own = seen.own;
  Origin* origin = note_seen(agent, std::move(seen));
  if (origin == nullptr) return;
  const bool taken = owners_.contains(origin->id) ? !owns(agent.id, own, origin->id)
                                                  : view_.origin(origin->id) != nullptr;
  if (taken) return upsert(agent.id, own);
  owners_.insert_or_assign(origin->id, Own{agent.id, own});
  const membership::SeenOrigin sighting{origin->id, !origin->seen.process.empty(),
                                        origin->seen.probe_answered};
  liveness_.tell([&](membership::Membership& rules) {
    return rules.origin_seen(agent.id, sighting, context_.clock.now());
  });
}

void Agents::admit(const OriginId& origin) {
  const auto owner = owners_.find(origin);
  if (owner != owners_.end()) upsert(owner->second.agent, owner->second.origin);
}

void Agents::register_all() {
  for (const auto& [id, agent] : agents_) {
    if (!agent.link) continue;
    for (const auto& [own, origin] : agent.origins) upsert(id, own);
  }
}

void Agents::upsert(const AgentId& agent, const OriginId& own) {
  const Origin* origin = find(agent, own);
  // Not watched any more since it was asked for.
  if (origin == nullptr || origin->seen.process.empty()) return;
  ++admitting_;
  const std::string process = origin->seen.process;
  const IncarnationId known =
      origin->accepted.empty() ? origin->seen.incarnation : origin->accepted;
  context_.store.upsert_origin(
      {origin->seen.description, process, known}, view_.caller(),
      [this, agent, own, process](store::Reply<store::OriginUpserted> reply) {
        --admitting_;
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          generation_.note(*error);
          context_.executor.run_after(kStoreRetryInterval,
                                      [this, agent, own] { upsert(agent, own); });
          return;
        }
        accepted(agent, own, process, std::get<store::OriginUpserted>(reply));
      });
}

void Agents::accepted(const AgentId& agent_id, const OriginId& own, const std::string& process,
                      const store::OriginUpserted& upserted) {
  view_.learn(upserted.record);
  if (find(agent_id, own) == nullptr) return;
  Agent& agent = agents_.at(agent_id);
  Origin& origin = agent.origins.at(own);
  // Seen again with another process meanwhile: that one's answer follows.
  if (origin.seen.process != process) return;
  const OriginId id = upserted.record.description.id;
  if (origin.id != id) {
    if (owns(agent_id, own, origin.id)) {
      owners_.erase(origin.id);
      reported_.clear(origin.id);
    }
    origin.id = id;
  }
  owners_.insert_or_assign(id, Own{agent_id, own});
  const bool first = origin.accepted != upserted.record.incarnation;
  origin.accepted = upserted.record.incarnation;
  if (upserted.id_taken && first) {
    const std::string& wanted = origin.seen.description.id.str();
    events_.add("ORIGIN_ID_TAKEN", Severity::kWarning, "origins/" + id.str(),
                fmt::format("{} of agent {} asks for the id {}, which another live origin has",
                            own.str(), agent_id.str(), wanted),
                {{"agent", agent_id.str()}, {"origin", own.str()}, {"wanted", wanted}});
  }
  liveness_.tell([&](membership::Membership& rules) {
    return rules.origin_registered({id, origin.accepted, agent_id, origin.seen.probe_answered},
                                   context_.clock.now());
  });
  replace_left(agent, origin);
  if (!agent.link) return;
  agent.link->send(OriginAccepted{own, id, process, origin.accepted, {}});
  if (first) take_streams(agent, origin, origin.seen.streams, {}, origin.seen.streams_known);
  // Also to an agent that was away: placements may have moved meanwhile.
  const bool told = std::exchange(origin.told, true);
  if (first || !told) tell_epochs(agent, origin);
}

void Agents::verdict(Agent& agent, const OriginVerdict& verdict) {
  const auto found = agent.origins.find(verdict.origin);
  if (found == agent.origins.end()) return;
  const OriginId id = found->second.id;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.agent_verdict(id, verdict.incarnation, translate(verdict.reason),
                               verdict.evidence_age, context_.clock.now());
  });
}

void Agents::closed(const std::shared_ptr<AgentLink>& link) {
  const auto found = links_.find(link.get());
  if (found != links_.end()) detach(agents_.at(found->second));
}

void Agents::detach(Agent& agent) {
  links_.erase(agent.link.get());
  agent.link.reset();
  agent.detached_since = context_.clock.now();
  events_.add("AGENT_DETACHED", Severity::kWarning, agent_name(agent.id),
              "its attach stream has ended; its origins are suspect");
  // Attached to another replica by now, which hears it.
  if (superseded && superseded(agent.id, nullptr)) return;
  liveness_.tell([&](membership::Membership& rules) {
    return rules.agent_detached(agent.id, context_.clock.now());
  });
}

void Agents::heartbeat() {
  for (auto& [id, agent] : agents_) {
    if (agent.link) agent.link->send(generation_.heartbeat());
  }
}

void Agents::end_all(std::string_view reason) {
  for (auto& [id, agent] : agents_) {
    if (agent.link) agent.link->end(Reason::kShuttingDown, reason);
  }
}

Agents::Owner Agents::owner(const OriginId& origin) {
  const auto found = owners_.find(origin);
  if (found == owners_.end()) return {};
  Origin* own = find(found->second.agent, found->second.origin);
  if (own == nullptr) return {};
  return {&agents_.at(found->second.agent), own};
}

std::size_t Agents::waiting_for_process() const {
  std::size_t waiting = 0;
  for (const auto& [id, agent] : agents_) {
    if (!agent.link) continue;
    for (const auto& [own, origin] : agent.origins) {
      if (origin.seen.process.empty() && view_.origin(origin.id) == nullptr) ++waiting;
    }
  }
  return waiting;
}

std::size_t Agents::rejected_count() const {
  std::size_t count = 0;
  for (const auto& [id, agent] : agents_) count += agent.link ? agent.rejected.size() : 0;
  return count;
}

std::vector<Agents::Rejected> Agents::rejected(std::size_t limit) const {
  std::vector<Rejected> out;
  for (const auto& [id, agent] : agents_) {
    if (!agent.link) continue;
    for (const auto& [own, why] : agent.rejected) {
      if (out.size() == limit) return out;
      out.push_back({id, own, why});
    }
  }
  return out;
}

}  // namespace weir::core
