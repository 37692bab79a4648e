#include "dataplane/routing/dial_gate.h"

#include <algorithm>

namespace weir::routing {

DialGate::Pass& DialGate::Pass::operator=(Pass&& other) noexcept {
  if (this != &other) {
    leave();
    gate_ = std::exchange(other.gate_, nullptr);
    place_ = other.place_;
  }
  return *this;
}

DialGate::Pass::State DialGate::Pass::state() const {
  return gate_ == nullptr ? State::kNone : place_->state;
}

void DialGate::Pass::leave() {
  if (auto* gate = std::exchange(gate_, nullptr)) gate->leave(place_);
}

void DialGate::Pass::answered() {
  if (gate_ == nullptr || place_->origin == nullptr) return;
  ++place_->origin->answers;
  place_->origin->unanswered = 0;
}

void DialGate::Pass::unanswered() {
  if (gate_ == nullptr || place_->origin == nullptr) return;
  Origin& origin = *place_->origin;
  // One that answers others meanwhile has only lost this one's SYN.
  if (origin.answers != place_->answers_before) return;
  if (++origin.unanswered >= kUnansweredDialsMax) gate_->give_up(origin);
}

void DialGate::set_limit(std::size_t limit) {
  limit_ = std::max<std::size_t>(limit, 1);
}

DialGate::Pass DialGate::enter(const IncarnationId& id, Intent intent, Callback<void()> wake) {
  Origin& origin = origins_[id];
  if (origin.id.empty()) origin.id = id;
  const bool free = origin.granted.size() < limit_;
  auto& list = free ? origin.granted : queue(origin, intent);
  list.push_back({.state = free ? Pass::State::kGranted : Pass::State::kWaiting,
                  .origin = &origin,
                  .intent = intent,
                  .answers_before = origin.answers,
                  .wake = std::move(wake)});
  return {*this, std::prev(list.end())};
}

void DialGate::leave(std::list<Place>::iterator place) {
  Origin* origin = place->origin;
  if (origin == nullptr) {
    given_up_.erase(place);
    return;
  }
  if (place->state == Pass::State::kWaiting) {
    queue(*origin, place->intent).erase(place);
    return;
  }
  origin->granted.erase(place);
  for (std::list<Place>& waiting : origin->waiting) {
    if (waiting.empty()) continue;
    auto next = waiting.begin();
    next->state = Pass::State::kGranted;
    next->answers_before = origin->answers;
    origin->granted.splice(origin->granted.end(), waiting, next);
    next->wake();
    return;
  }
  if (origin->granted.empty()) origins_.erase(IncarnationId(origin->id));
}

void DialGate::give_up(Origin& origin) {
  std::list<Place> told;
  for (std::list<Place>& waiting : origin.waiting) told.splice(told.end(), waiting);
  for (Place& place : told) {
    place.state = Pass::State::kGivenUp;
    place.origin = nullptr;
    place.wake();
  }
  given_up_.splice(given_up_.end(), told);
}

}  // namespace weir::routing
