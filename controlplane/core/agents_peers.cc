// Agents among several replicas: what others are told of those attached here, and letting go of
// those that are attached elsewhere.

#include <utility>
#include <vector>

#include "controlplane/core/agents.h"

namespace weir::core {

bool Agents::attached(const AgentId& agent) const {
  const auto found = agents_.find(agent);
  return found != agents_.end() && found->second.link != nullptr;
}

const AttachStream* Agents::stream(const AgentId& agent) const {
  const auto found = agents_.find(agent);
  return found == agents_.end() ? nullptr : &found->second.stream;
}

void Agents::let_go(const AgentId& id) {
  const auto found = agents_.find(id);
  if (found == agents_.end()) return;
  Agent& agent = found->second;
  const auto link = agent.link;
  if (link) {
    links_.erase(link.get());
    agent.link.reset();
    link->end(Reason::kBusyRetry, "this agent is attached to another replica");
  }
  // What its origins carry is known there from now on.
  for (const auto& [own, origin] : agent.origins) disown(agent, own, origin.id);
  agents_.erase(found);
}

std::vector<PeerAgent> Agents::told() const {
  const MonotonicTime now = context_.clock.now();
  std::vector<PeerAgent> out;
  out.reserve(links_.size());
  for (const auto& [id, agent] : agents_) {
    if (!agent.link) continue;
    PeerAgent& told = out.emplace_back();
    told.agent = id;
    told.instance = agent.instance;
    told.attach = agent.stream.attach;
    told.silence = now - agent.last_message;
    told.attached_for = now - agent.stream.since;
    told.rejected = static_cast<std::uint32_t>(agent.rejected.size());
    for (const auto& [own, origin] : agent.origins) {
      if (origin.seen.process.empty() && view_.origin(origin.id) == nullptr) ++told.waiting;
      PeerOrigin& of = told.origins.emplace_back();
      of.origin = origin.id;
      // Named also while the store is being asked whose it is: it is watched.
      if (!owns(id, own, origin.id)) continue;
      of.incarnation = origin.accepted.empty() ? origin.seen.incarnation : origin.accepted;
      const auto* record = view_.origin(origin.id);
      // Nothing runs there: it is the last life that is spoken of.
      if (origin.seen.process.empty() && record != nullptr) of.incarnation = record->incarnation;
      of.running = !origin.seen.process.empty();
      const auto status = liveness_.rules().status(origin.id);
      const bool well = status && (status->state == model::OriginState::kAlive ||
                                   status->reason == membership::Reason::kAgentSilent);
      of.probe_answered = origin.seen.probe_answered && well;
      const auto* view = board_.find(origin.id);
      if (view == nullptr || !view->load || view->incarnation != of.incarnation) continue;
      of.load = view->load;
      of.load_age = now - view->load_time;
    }
  }
  return out;
}

}  // namespace weir::core
