#include "controlplane/core/replicas.h"

#include <algorithm>
#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/placement/rendezvous.h"

namespace weir::core {
namespace {

constexpr std::size_t kSuffixLength = 4;

std::string replica_name(const ReplicaId& id) {
  return "replicas/" + id.str();
}

template <class Id, class Peer>
std::map<Id, Listed<Peer>> index(std::vector<Peer> told, Id Peer::* id, MonotonicTime now) {
  std::map<Id, Listed<Peer>> listed;
  for (Peer& peer : told) {
    AttachStream stream{peer.instance, peer.attach, now - peer.attached_for};
    const Id key = peer.*id;
    listed.insert_or_assign(key, Listed<Peer>{std::move(peer), std::move(stream)});
  }
  return listed;
}

/// Those that `before` names and `after` does not.
template <class Listing, class Leaving>
void note_leaving(const Listing& before, const Listing& after, MonotonicTime when,
                  Leaving& leaving) {
  for (const auto& [id, peer] : before) {
    if (!after.contains(id)) leaving.insert_or_assign(id, when);
  }
}

}  // namespace

Replicas::Replicas(Context& context, EventRing& events, std::string instance)
    : context_(context),
      events_(events),
      instance_(std::move(instance)),
      started_(context.clock.now()),
      live_gauge_(context.metrics.gauge("weir_controlplane_replicas",
                                        "Replicas that live as far as this one knows, itself "
                                        "included")) {
  live_gauge_.set(1);
}

void Replicas::take(const ReplicaId& from, Bulletin bulletin) {
  if (ours(from, bulletin)) return;
  const MonotonicTime now = context_.clock.now();
  const auto [entry, added] = replicas_.try_emplace(from);
  Replica& replica = entry->second;
  const bool restarted = !added && replica.told.instance != bulletin.instance;
  // Late, out of order: what it says is over.
  if (!added && !restarted && bulletin.sequence <= replica.told.sequence) return;
  auto agents = index(std::move(bulletin.agents), &PeerAgent::agent, now);
  auto forwarders = index(std::move(bulletin.forwarders), &PeerForwarder::forwarder, now);
  note_leaving(replica.agents, agents, now + kMoveGrace, leaving_agents_);
  note_leaving(replica.forwarders, forwarders, now + kMoveGrace, leaving_forwarders_);
  replica.id = from;
  const bool silent = !added && !restarted && now - replica.heard > kStaleAfter;
  if (silent || bulletin.store_age > kStaleAfter) replica.stale_at = now;
  replica.heard = now;
  replica.agents = std::move(agents);
  replica.forwarders = std::move(forwarders);
  replica.players_wait = {bulletin.players_wait.begin(), bulletin.players_wait.end()};
  replica.told = std::move(bulletin);
  if (added || restarted) {
    events_.add("REPLICA_SEEN", Severity::kInfo, replica_name(from),
                fmt::format("version {}{}", replica.told.version, restarted ? ", restarted" : ""),
                {{"instance", replica.told.instance}});
  }
  if (added || restarted) announce_live();
  if (on_bulletin) on_bulletin(replica);
}

bool Replicas::ours(const ReplicaId& from, const Bulletin& bulletin) {
  if (bulletin.instance == instance_) return true;
  if (from != context_.options.replica) return false;
  // The last word of the run before this one is silent from then on; who goes on is another.
  if (same_id_.instance != bulletin.instance) {
    same_id_ = {bulletin.instance, bulletin.sequence, 0};
  } else if (bulletin.sequence > same_id_.sequence) {
    same_id_.sequence = bulletin.sequence;
    ++same_id_.bulletins;
    const Duration ours = context_.clock.now() - started_;
    const Duration apart = ours > bulletin.uptime ? ours - bulletin.uptime : bulletin.uptime - ours;
    const bool younger = apart > 1s ? ours < bulletin.uptime : instance_ > bulletin.instance;
    // The younger one gives way; both do, should they not agree on which that is.
    if (younger || same_id_.bulletins >= kSameIdBulletins) rename();
  }
  return true;
}

void Replicas::rename() {
  const ReplicaId taken = context_.options.replica;
  const ReplicaId id(taken.str() + "~" + context_.random.token(kSuffixLength));
  context_.options.replica = id;
  id_conflict_ = fmt::format(
      "two replicas are called {}: this one calls itself {} until one of "
      "them is given another --replica-id",
      taken.str(), id.str());
  events_.add("REPLICA_ID_TAKEN", Severity::kWarning, replica_name(id), id_conflict_,
              {{"wanted", taken.str()}});
  same_id_ = {};
}

void Replicas::gone(const ReplicaId& from) {
  const auto found = replicas_.find(from);
  if (found != replicas_.end()) lose(found, "the store has no bulletin of it");
}

void Replicas::lose(std::map<ReplicaId, Replica>::iterator replica, const char* why) {
  const MonotonicTime now = context_.clock.now();
  const auto node = replicas_.extract(replica);
  const Replica& lost = node.mapped();
  note_leaving(lost.agents, decltype(Replica::agents){}, now + kMoveGrace, leaving_agents_);
  note_leaving(lost.forwarders, decltype(Replica::forwarders){}, now + kMoveGrace,
               leaving_forwarders_);
  for (const auto& [id, forwarder] : lost.forwarders) {
    lost_forwarders_.insert_or_assign(id, Lost{now + kReattachWithin, node.key()});
  }
  events_.add("REPLICA_LOST", Severity::kWarning, replica_name(node.key()), why,
              {{"instance", lost.told.instance}});
  announce_live();
}

void Replicas::announce_live() {
  live_gauge_.set(static_cast<double>(live()));
  if (on_live) on_live();
}

void Replicas::tick() {
  const MonotonicTime now = context_.clock.now();
  const bool stood_still = ticked_ && now - *ticked_ > kStoodStill;
  const bool blind = stood_still || context_.store.health().age > kStaleAfter;
  ticked_ = now;
  for (auto at = replicas_.begin(); at != replicas_.end();) {
    const auto replica = at++;
    if (blind) {
      // Nobody was heard: that is no sign of anybody's end. Counted anew from its return.
      replica->second.heard = now;
    } else if (now - replica->second.heard > kReplicaSilence) {
      lose(replica, "it told nothing for 2 s");
    }
  }
  const auto settle = [&](auto& leaving, const auto& told) {
    for (auto at = leaving.begin(); at != leaving.end();) {
      const auto id = at->first;
      const bool back = where(id) != nullptr;
      // Nor is it known where it went.
      if (blind) at->second = std::max(at->second, now + kMoveGrace);
      if (!back && at->second > now) {
        ++at;
        continue;
      }
      at = leaving.erase(at);
      if (!back && told) told(id);
    }
  };
  settle(leaving_agents_, on_agent_gone);
  settle(leaving_forwarders_, on_forwarder_gone);
  std::erase_if(lost_forwarders_, [&](const auto& lost) {
    return lost.second.until <= now || where(lost.first) != nullptr;
  });
}

bool Replicas::cares_here(const OriginId& origin) const {
  const auto weight = [of = placement::rendezvous_hash(origin.str())](const ReplicaId& id) {
    return placement::rendezvous_weight(of, placement::rendezvous_hash(id.str()));
  };
  const std::uint64_t own = weight(context_.options.replica);
  return std::ranges::none_of(replicas_,
                              [&](const auto& other) { return weight(other.first) > own; });
}

namespace {

template <class Map, class Id>
const Replicas::Replica* newest(const std::map<ReplicaId, Replicas::Replica>& replicas,
                                Map Replicas::Replica::* peers, const Id& id) {
  const Replicas::Replica* best = nullptr;
  const AttachStream* stream = nullptr;
  for (const auto& [name, replica] : replicas) {
    const auto found = (replica.*peers).find(id);
    if (found == (replica.*peers).end()) continue;
    if (best != nullptr && !found->second.stream.newer_than(*stream)) continue;
    best = &replica;
    stream = &found->second.stream;
  }
  return best;
}

}  // namespace

const Replicas::Replica* Replicas::where(const AgentId& agent) const {
  return newest(replicas_, &Replica::agents, agent);
}

const Replicas::Replica* Replicas::where(const ForwarderId& forwarder) const {
  return newest(replicas_, &Replica::forwarders, forwarder);
}

const Listed<PeerAgent>* Replicas::find(const AgentId& agent) const {
  const Replica* at = where(agent);
  return at == nullptr ? nullptr : &at->agents.at(agent);
}

const Listed<PeerForwarder>* Replicas::find(const ForwarderId& forwarder) const {
  const Replica* at = where(forwarder);
  return at == nullptr ? nullptr : &at->forwarders.at(forwarder);
}

std::vector<const Listed<PeerForwarder>*> Replicas::forwarders() const {
  std::map<ForwarderId, const Listed<PeerForwarder>*> all;
  for (const auto& [name, replica] : replicas_) {
    for (const auto& [id, listed] : replica.forwarders) {
      auto& best = all[id];
      if (best == nullptr || listed.stream.newer_than(best->stream)) best = &listed;
    }
  }
  std::vector<const Listed<PeerForwarder>*> out;
  for (const auto& [id, listed] : all) out.push_back(listed);
  return out;
}

std::map<ForwarderId, ReplicaId> Replicas::missing() const {
  const MonotonicTime now = context_.clock.now();
  std::map<ForwarderId, ReplicaId> out;
  for (const auto& [id, lost] : lost_forwarders_) {
    if (lost.until > now && where(id) == nullptr) out.emplace(id, lost.replica);
  }
  return out;
}

bool Replicas::may_be_moving(const ForwarderId& forwarder) const {
  const MonotonicTime now = context_.clock.now();
  if (const Replica* at = where(forwarder)) {
    if (now - at->heard > kStaleAfter) return true;
    return at->stale_at && now - *at->stale_at < kReattachWithin;
  }
  const auto lost = lost_forwarders_.find(forwarder);
  return lost != lost_forwarders_.end() && lost->second.until > now;
}

bool Replicas::players_wait(const StreamKey& stream) const {
  return std::ranges::any_of(
      replicas_, [&](const auto& replica) { return replica.second.players_wait.contains(stream); });
}

}  // namespace weir::core
