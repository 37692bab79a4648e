#include "controlplane/core/holders.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/publisher_tag.h"

namespace weir::core {

Holders::Holders(Context& context, ClusterView& view, Generation& generation,
                 SessionTable& sessions, Forwarders& forwarders, SessionDesk& desk,
                 Restorer& restorer)
    : context_(context),
      view_(view),
      generation_(generation),
      sessions_(sessions),
      forwarders_(forwarders),
      desk_(desk),
      restorer_(restorer) {
  view_.on_placement([this](const ClusterView::PlacementChange& change) {
    const bool bound = change.after && change.after->state == model::PlacementState::kBound;
    if (!bound) {
      bound_.erase(change.stream);
    } else if (!change.before || change.before->epoch != change.after->epoch) {
      bound_[change.stream] = context_.clock.now() + kBoundAskedAfter;
    }
    const auto* holder =
        change.after ? std::get_if<model::SessionHolder>(&change.after->holder) : nullptr;
    if (holder != nullptr && forwarders_.find(holder->forwarder) == nullptr) {
      given_up_at_.try_emplace(holder->forwarder, context_.clock.now() + kDetachedKept);
    }
  });
}

void Holders::attached(const ForwarderHello& hello) {
  std::set<SessionId> held;
  for (const ClientSession& session : hello.sessions) held.insert(session.id);
  for (const ClientSession& session : sessions_.end_all_but(hello.forwarder, held)) {
    context_.log.debug("session {} of forwarder {} ended while it was away", session.id.str(),
                       hello.forwarder.str());
  }
  // Read before the question, so that a session which began in between is not taken for a lost one.
  const auto placements = view_.placements_held_by(hello.forwarder);
  for (const ClientSession& session : hello.sessions) upserted(session);
  for (const auto& before : placements) {
    const auto placement = view_.placement(before.stream);
    if (!placement || placement->state == model::PlacementState::kOrphaned) continue;
    const auto* holder = std::get_if<model::SessionHolder>(&placement->holder);
    if (holder == nullptr || holder->forwarder != hello.forwarder) continue;
    if (!held.contains(holder->session)) ask(*placement);
  }
}

void Holders::changed(const ForwarderId& forwarder, const SessionChanges& changes) {
  for (const ClientSession& session : changes.upserted) upserted(session);
  for (const SessionEnd& end : changes.ended) {
    if (const auto session = sessions_.end(forwarder, end.session)) ended(*session);
  }
}

void Holders::upserted(const ClientSession& session) {
  if (!sessions_.upsert(session, context_.clock.now())) {
    context_.log.warning("forwarder {} has more sessions than are kept", session.forwarder.str());
  }
  if (session.intent != Intent::kPublish || !session.epoch.is_set()) return;
  const auto placement = view_.placement(session.stream);
  const model::Holder holder = model::SessionHolder{session.forwarder, session.id};
  const bool his = placement && placement->holder == holder && placement->epoch == session.epoch;
  if (!his || generation_.settling()) return restorer_.session_held(session);
  if (placement->state == model::PlacementState::kOrphaned) return restorer_.session_held(session);
  if (session.state != SessionState::kActive || placement->state != model::PlacementState::kBound) {
    return;
  }
  context_.store.confirm({session.stream, holder, session.epoch}, view_.caller(),
                         [this, stream = session.stream](auto reply) { take(stream, reply); });
}

void Holders::ended(const ClientSession& session) {
  if (session.intent != Intent::kPublish) return;
  // Whatever its epoch: one handed out after its last message is his as well.
  context_.store.release(
      {session.stream, model::SessionHolder{session.forwarder, session.id}, Epoch{}},
      view_.caller(), [this, stream = session.stream](auto reply) { take(stream, reply); });
}

void Holders::forgotten(const ForwarderId& forwarder) {
  sessions_.end_all_but(forwarder, {});
  if (view_.holds_any(forwarder)) {
    given_up_at_.insert_or_assign(forwarder, context_.clock.now());
  }
}

void Holders::moved(const ForwarderId& forwarder) {
  sessions_.end_all_but(forwarder, {});
  given_up_at_.insert_or_assign(forwarder, context_.clock.now() + kDetachedKept);
}

void Holders::give_up_lost_forwarders() {
  const MonotonicTime now = context_.clock.now();
  for (auto at = given_up_at_.begin(); at != given_up_at_.end();) {
    auto& [id, when] = *at;
    if (desk_.where(id) == SessionDesk::Where::kElsewhere) {
      // Counted from when no replica has it.
      when = now + kDetachedKept;
      at = view_.holds_any(id) ? std::next(at) : given_up_at_.erase(at);
      continue;
    }
    if (when > now && forwarders_.find(id) == nullptr) {
      ++at;
      continue;
    }
    std::vector<model::Placement> lost;
    if (forwarders_.find(id) == nullptr) {
      lost = view_.placements_held_by(id);
      std::erase_if(lost, [](const model::Placement& placement) {
        return placement.state == model::PlacementState::kOrphaned;
      });
    }
    for (const auto& placement : lost) {
      orphan(placement, store::OrphanRequest::Evidence::kUnknown, std::nullopt);
    }
    // Kept until all are orphans: the store may not have answered.
    at = lost.empty() ? given_up_at_.erase(at) : std::next(at);
  }
}

void Holders::origin_snapshot(const OriginId& origin, const IncarnationId& incarnation,
                              const std::set<StreamKey>& live, Duration age) {
  if (generation_.settling()) return;
  std::vector<model::Placement> missed;
  for (auto& placement : view_.placements_of(origin)) {
    if (live.contains(placement.stream)) continue;
    if (placement.incarnation == incarnation &&
        placement.state == model::PlacementState::kPublishing) {
      missed.push_back(std::move(placement));
    }
  }
  for (const auto& placement : missed) {
    const auto* holder = std::get_if<model::SessionHolder>(&placement.holder);
    if (holder == nullptr) continue;
    if (desk_.attached(holder->forwarder)) {
      ask(placement);
    } else {
      orphan(placement, store::OrphanRequest::Evidence::kRenewalGone, age);
    }
  }
}

void Holders::still_carried(const StreamKey& stream, const IncarnationId& incarnation,
                            std::string_view tag) {
  const auto parsed = parse_tag(tag);
  const auto placement = view_.placement(stream);
  if (!parsed || !placement || placement->incarnation == incarnation) return;
  if (placement->epoch != parsed->epoch || placement->holder != model::Holder(parsed->holder)) {
    return;
  }
  context_.store.repoint({stream, placement->holder, placement->epoch}, incarnation, view_.caller(),
                         [this, stream](auto reply) { take(stream, reply); });
}

void Holders::sweep() {
  if (!generation_.ready() || generation_.settling()) return;
  const MonotonicTime now = context_.clock.now();
  std::vector<StreamKey> due;
  for (auto& [stream, when] : bound_) {
    if (when > now) continue;
    when = now + kBoundAskAgain;
    due.push_back(stream);
  }
  for (const StreamKey& stream : due) {
    const auto placement = view_.placement(stream);
    const auto* holder =
        placement ? std::get_if<model::SessionHolder>(&placement->holder) : nullptr;
    // Who is attached elsewhere is asked there.
    if (holder != nullptr && forwarders_.attached(holder->forwarder)) ask(*placement);
  }
  give_up_lost_forwarders();
  for (const auto& [id, forwarder] : forwarders_.all()) {
    if (forwarder.link || now - *forwarder.detached_since < store::kRenewalExpiry) continue;
    if (!desk_.attached(id)) give_up_dead_origins(id);
  }
  for (const auto& [id, when] : given_up_at_) {
    const bool away_for_long = when - kDetachedKept + store::kRenewalExpiry <= now;
    if (away_for_long && !desk_.attached(id)) give_up_dead_origins(id);
  }
}

/// Its forwarder is away and its origin dead: nobody is left to say that it still publishes.
void Holders::give_up_dead_origins(const ForwarderId& forwarder) {
  std::vector<model::Placement> lost;
  for (auto& placement : view_.placements_held_by(forwarder)) {
    const auto* record = view_.origin(placement.origin);
    const bool dead =
        record != nullptr && (record->dead || record->incarnation != placement.incarnation);
    if (!dead || placement.state == model::PlacementState::kOrphaned) continue;
    lost.push_back(std::move(placement));
  }
  for (const auto& placement : lost) {
    orphan(placement, store::OrphanRequest::Evidence::kRenewalGone, std::nullopt);
  }
}

void Holders::ask(const model::Placement& placement) {
  const auto* holder = std::get_if<model::SessionHolder>(&placement.holder);
  if (holder == nullptr || !desk_.attached(holder->forwarder)) return;
  const SessionId session = holder->session;
  desk_.ask(
      holder->forwarder, {session}, [this, placement, session](const Forwarders::Facts& facts) {
        if (!facts) return;
        const bool known = std::any_of(facts->begin(), facts->end(), [&](const SessionFacts& fact) {
          return fact.session == session;
        });
        if (!known) {
          orphan(placement, store::OrphanRequest::Evidence::kUnknown, std::nullopt);
        }
      });
}

void Holders::orphan(const model::Placement& placement, store::OrphanRequest::Evidence evidence,
                     std::optional<Duration> snapshot_age) {
  context_.store.orphan(
      {{placement.stream, placement.holder, placement.epoch}, evidence, snapshot_age},
      view_.caller(), [this, stream = placement.stream](auto reply) { take(stream, reply); });
}

void Holders::take(const StreamKey& stream, store::Reply<store::Changed>& reply) {
  if (const auto* error = std::get_if<store::StoreError>(&reply)) return generation_.note(*error);
  view_.learn(stream, std::get<store::Changed>(reply).placement);
}

}  // namespace weir::core
