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

void DialGate::Pass::unanswered() {
  if (gate_ != nullptr && place_->origin != nullptr) gate_->give_up(*place_->origin);
}

void DialGate::set_limit(std::size_t limit) {
  limit_ = std::max<std::size_t>(limit, 1);
}

DialGate::Pass DialGate::enter(const IncarnationId& id, Callback<void()> wake) {
  Origin& origin = origins_[id];
  if (origin.id.empty()) origin.id = id;
  const bool free = origin.granted.size() < limit_;
  auto& list = free ? origin.granted : origin.waiting;
  list.push_back({free ? Pass::State::kGranted : Pass::State::kWaiting, &origin, std::move(wake)});
  return {*this, std::prev(list.end())};
}

void DialGate::leave(std::list<Place>::iterator place) {
  Origin* origin = place->origin;
  if (origin == nullptr) {
    given_up_.erase(place);
    return;
  }
  if (place->state == Pass::State::kWaiting) {
    origin->waiting.erase(place);
    return;
  }
  origin->granted.erase(place);
  if (!origin->waiting.empty()) {
    auto next = origin->waiting.begin();
    next->state = Pass::State::kGranted;
    origin->granted.splice(origin->granted.end(), origin->waiting, next);
    next->wake();
  } else if (origin->granted.empty()) {
    origins_.erase(IncarnationId(origin->id));
  }
}

void DialGate::give_up(Origin& origin) {
  std::list<Place> told;
  told.splice(told.end(), origin.waiting);
  for (Place& place : told) {
    place.state = Pass::State::kGivenUp;
    place.origin = nullptr;
    place.wake();
  }
  given_up_.splice(given_up_.end(), told);
}

}  // namespace weir::routing
