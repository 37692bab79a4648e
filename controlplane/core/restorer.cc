#include "controlplane/core/restorer.h"

#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/publisher_tag.h"

namespace weir::core {
namespace {

std::optional<model::Placement> held_by(const ClientSession& session) {
  const bool holds = session.intent == Intent::kPublish && session.epoch.is_set() &&
                     session.state != SessionState::kWaiting && !session.origin.empty() &&
                     !session.incarnation.empty();
  if (!holds) return std::nullopt;
  model::Placement held;
  held.stream = session.stream;
  held.origin = session.origin;
  held.incarnation = session.incarnation;
  held.holder = model::SessionHolder{session.forwarder, session.id};
  held.epoch = session.epoch;
  held.state = session.state == SessionState::kActive ? model::PlacementState::kPublishing
                                                      : model::PlacementState::kBound;
  return held;
}

/// Whether the view shows everything that `held` says.
bool shown(const std::optional<model::Placement>& known, const model::Placement& held) {
  if (!known || known->epoch < held.epoch) return false;
  if (known->epoch > held.epoch) return true;
  return known->state != model::PlacementState::kBound ||
         held.state == model::PlacementState::kBound;
}

}  // namespace

Restorer::Restorer(Context& context, ClusterView& view, Generation& generation,
                   SessionTable& sessions, Forwarders& forwarders, const Replicas& replicas)
    : context_(context),
      view_(view),
      generation_(generation),
      sessions_(sessions),
      forwarders_(forwarders),
      replicas_(replicas) {}

void Restorer::session_held(const ClientSession& session) {
  auto held = held_by(session);
  if (!held) return;
  // Another replica has its forwarder, and hears of its end.
  if (!forwarders_.attached(session.forwarder) && replicas_.where(session.forwarder)) return;
  if (!generation_.settling()) return claim_for(session);
  if (!shown(view_.placement(session.stream), *held)) restore(std::move(*held));
}

void Restorer::stream_held(const StreamKey& stream, const OriginId& origin,
                           const IncarnationId& incarnation, std::string_view tag) {
  if (!generation_.settling()) return;
  const auto parsed = parse_tag(tag);
  if (!parsed) return;
  generation_.seen(parsed->epoch);
  model::Placement held;
  held.stream = stream;
  held.origin = origin;
  held.incarnation = incarnation;
  held.holder = parsed->holder;
  held.epoch = parsed->epoch;
  held.state = model::PlacementState::kPublishing;
  if (!shown(view_.placement(stream), held)) restore(std::move(held));
}

void Restorer::restore(model::Placement held) {
  if (in_flight_ + waiting_.size() >= kPendingRestoresMax) return;
  ++in_flight_;
  model::Placement again = held;
  context_.store.restore(
      {std::move(held)}, view_.caller(),
      [this, again = std::move(again)](store::Reply<store::Changed> reply) mutable {
        --in_flight_;
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          generation_.note(*error);
          waiting_.push_back(std::move(again));
          return;
        }
        view_.learn(again.stream, std::get<store::Changed>(reply).placement);
      });
}

void Restorer::tick() {
  if (waiting_.empty()) return;
  auto again = std::exchange(waiting_, {});
  for (auto& held : again) restore(std::move(held));
}

void Restorer::restore_all() {
  if (!generation_.settling()) return;
  for (const auto* entry : sessions_.list({}, sessions_.size(), [](const ClientSession& session) {
         return session.intent == Intent::kPublish;
       })) {
    session_held(entry->session);
  }
}

void Restorer::settled() {
  waiting_.clear();
  for (const auto* entry : sessions_.list({}, sessions_.size(), [](const ClientSession& session) {
         return session.intent == Intent::kPublish;
       })) {
    claim_for(entry->session);
  }
}

void Restorer::claim_for(const ClientSession& session) {
  // Only who has had media accepted, through a forwarder that is here to confirm it; and only where
  // the session holds nothing: an epoch newer than it told of is on its way to it.
  const auto held = held_by(session);
  if (!held || session.state != SessionState::kActive) return;
  if (!forwarders_.attached(session.forwarder)) return;
  const auto known = view_.placement(session.stream);
  if (known && known->state != model::PlacementState::kOrphaned && known->holder == held->holder) {
    return;
  }
  if (known && known->epoch > held->epoch) return;
  context_.store.claim({{held->stream, held->holder, held->epoch}, held->origin, held->incarnation},
                       view_.caller(), [this, stream = held->stream](auto reply) {
                         if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                           return generation_.note(*error);
                         }
                         view_.learn(stream, std::get<store::Changed>(reply).placement);
                       });
}

void Restorer::claim(const ForwarderId& forwarder, const ClaimRequest& claim) {
  generation_.seen(claim.epoch);
  OriginId origin;
  if (const auto* entry = sessions_.find(claim.session)) origin = entry->session.origin;
  if (const auto* record = view_.origin_of(claim.incarnation); record && origin.empty()) {
    origin = record->description.id;
  }
  // Without its origin the claim cannot be judged; the forwarder repeats it.
  if (origin.empty()) return;
  const model::Holder holder = model::SessionHolder{forwarder, claim.session};
  context_.store.claim({{claim.stream, holder, claim.epoch}, origin, claim.incarnation},
                       view_.caller(),
                       [this, forwarder, claim](store::Reply<store::Changed> reply) {
                         // While settling, or without the store, no answer: a refusal would end a
                         // healthy session.
                         if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                           return generation_.note(*error);
                         }
                         const auto& changed = std::get<store::Changed>(reply);
                         view_.learn(claim.stream, changed.placement);
                         ClaimAnswer answer{claim.session, changed.changed, {}};
                         if (changed.changed && changed.placement)
                           answer.epoch = changed.placement->epoch;
                         forwarders_.send(forwarder, answer);
                       });
}

}  // namespace weir::core
