#include "controlplane/core/routes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/marks.h"

namespace weir::core {

Routes::Routes(Context& context, ClusterView& view, Generation& generation, OriginBoard& board,
               Forwarders& forwarders)
    : context_(context),
      view_(view),
      generation_(generation),
      board_(board),
      forwarders_(forwarders) {
  view_.on_placement([this](const ClusterView::PlacementChange& change) { on_placement(change); });
  view_.on_origin([this](const ClusterView::OriginChange& change) { on_origin(change); });
  view_.records().on_change([this](const RecordBook::Change& change) {
    const bool mark =
        change.kind == store::RecordKind::kCordon || change.kind == store::RecordKind::kDrain;
    table_dirty_ = table_dirty_ || mark;
  });
}

void Routes::attached(const ForwarderId& forwarder, const std::vector<StreamKey>& interests) {
  push_table();
  OriginTable table{table_revision(), true, {}, {}};
  for (const auto& [id, entry] : table_) table.origins.push_back(entry);
  forwarders_.send(forwarder, std::move(table));
  for (const StreamKey& stream : interests) add(forwarder, stream);
  // What it publishes concerns it too, asked for or not: it may have been displaced meanwhile.
  for (const auto& placement : view_.placements_held_by(forwarder)) {
    if (auto message = update(placement.stream, view_.revision())) {
      forwarders_.send(forwarder, std::move(*message));
    }
  }
}

void Routes::detached(const ForwarderId& forwarder) {
  const auto node = interests_.extract(forwarder);
  if (node.empty()) return;
  for (const StreamKey& stream : node.mapped()) {
    const auto found = interested_.find(stream);
    if (found == interested_.end()) continue;
    found->second.erase(forwarder);
    if (found->second.empty()) interested_.erase(found);
  }
}

void Routes::interest(const ForwarderId& forwarder, const RouteInterest& interest) {
  for (const StreamKey& stream : interest.remove) {
    const auto of = interests_.find(forwarder);
    if (of != interests_.end()) of->second.erase(stream);
    const auto found = interested_.find(stream);
    if (found == interested_.end()) continue;
    found->second.erase(forwarder);
    if (found->second.empty()) interested_.erase(found);
  }
  for (const StreamKey& stream : interest.add) add(forwarder, stream);
}

void Routes::add(const ForwarderId& forwarder, const StreamKey& stream) {
  auto& of = interests_[forwarder];
  if (of.size() >= kInterestsPerForwarderMax && !of.contains(stream)) {
    context_.log.warning("forwarder {} asks for more than {} routes", forwarder.str(),
                         kInterestsPerForwarderMax);
    return;
  }
  of.insert(stream);
  interested_[stream].insert(forwarder);
  if (!view_.placed(stream)) {
    look_up(stream, forwarder);
  } else if (auto message = update(stream, view_.revision())) {
    forwarders_.send(forwarder, std::move(*message));
  }
}

void Routes::look_up(const StreamKey& stream, std::optional<ForwarderId> only) {
  // Interest is registered first, so that a bind in between is pushed; the store is asked because
  // its feed may not have told of a bind before.
  context_.store.lookup(stream, view_.caller(),
                        [this, stream, only](store::Reply<std::optional<model::Placement>> reply) {
                          if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                            generation_.note(*error);
                            held_absences_.insert(stream);
                            absences_due_ = context_.clock.now() + kStoreRetryInterval;
                            return;
                          }
                          view_.learn(stream, std::get<std::optional<model::Placement>>(reply));
                          const auto message = update(stream, view_.revision());
                          if (!message) return;
                          if (only) return forwarders_.send(*only, *message);
                          const auto found = interested_.find(stream);
                          if (found == interested_.end()) return;
                          for (const ForwarderId& forwarder : found->second)
                            forwarders_.send(forwarder, *message);
                        });
}

bool Routes::absence_is_known() const {
  return generation_.ready() && !generation_.settling() &&
         context_.clock.now() >= generation_.renewals_count_from();
}

void Routes::tell_held_absences() {
  if (held_absences_.empty() || !absence_is_known() || context_.clock.now() < absences_due_) return;
  for (const StreamKey& stream : std::exchange(held_absences_, {})) {
    if (interested_.contains(stream) && !view_.placed(stream)) {
      look_up(stream, std::nullopt);
    }
  }
}

std::optional<RouteUpdate> Routes::update(const StreamKey& stream, Revision revision) {
  const auto placement = view_.placement(stream);
  if (!placement) {
    // Forwarders end players whose stream has gone. What is only not restored, or not claimed back
    // yet, has not.
    if (absence_is_known()) return RouteUpdate{stream, std::nullopt, revision};
    held_absences_.insert(stream);
    return std::nullopt;
  }
  auto route = route_of(*placement, model::Protocol::kRtmp);
  // Placed, but its origin has not come back yet: saying "not placed" would be false. It follows
  // with the origin.
  if (!route) return std::nullopt;
  return RouteUpdate{stream, std::move(route), std::max(revision, placement->revision)};
}

std::optional<Route> Routes::route_of(const model::Placement& placement,
                                      model::Protocol protocol) const {
  const auto* record = view_.origin(placement.origin);
  if (record == nullptr) return std::nullopt;
  Route route{placement, {}, record->description.kind};
  const auto& endpoints = record->description.endpoints;
  const auto take = [&](bool wanted) {
    std::copy_if(endpoints.begin(), endpoints.end(), std::back_inserter(route.endpoints),
                 [&](const auto& endpoint) { return (endpoint.protocol == protocol) == wanted; });
  };
  take(true);
  take(false);
  return route;
}

void Routes::on_placement(const ClusterView::PlacementChange& change) {
  std::set<ForwarderId> told;
  const auto found = interested_.find(change.stream);
  if (found != interested_.end()) told = found->second;
  // Who has just acquired it is answered; its interest in the stream follows.
  const bool acquired = change.after && change.after->state == model::PlacementState::kBound &&
                        (!change.before || change.before->epoch != change.after->epoch);
  for (const auto* placement : {&change.before, &change.after}) {
    if (!*placement || (acquired && placement == &change.after)) continue;
    const auto* holder = std::get_if<model::SessionHolder>(&(*placement)->holder);
    if (holder != nullptr) told.insert(holder->forwarder);
  }
  if (told.empty()) return;
  const auto message = update(change.stream, change.revision);
  if (!message) return;
  for (const ForwarderId& forwarder : told) forwarders_.send(forwarder, *message);
}

void Routes::on_origin(const ClusterView::OriginChange& change) {
  table_dirty_ = true;
  const bool reachable_elsewhere =
      !change.before || !change.after ||
      change.before->description.endpoints != change.after->description.endpoints;
  if (!reachable_elsewhere || !change.after) return;
  for (const auto& placement : view_.placements_of(change.origin)) {
    on_placement({placement.stream, std::nullopt, placement, view_.revision()});
  }
}

OriginTableEntry Routes::entry(const store::OriginRecord& record) const {
  const auto* view = board_.find(record.description.id);
  const bool alive = view != nullptr && view->state == model::OriginState::kAlive;
  return {record.description.id,
          record.incarnation,
          record.description.kind,
          record.description.endpoints,
          alive && marks_of(view_.records(), record.description.id).takes_new(),
          record.dead || (view != nullptr && view->state == model::OriginState::kDead),
          record.description.zone};
}

void Routes::push_table() {
  if (!table_dirty_) return;
  table_dirty_ = false;
  OriginTable changes{table_revision(), false, {}, {}};
  for (auto at = table_.begin(); at != table_.end();) {
    if (view_.origin(at->first) == nullptr) {
      changes.removed.push_back(at->first);
      at = table_.erase(at);
    } else {
      ++at;
    }
  }
  for (const auto& [id, record] : view_.origins()) {
    auto present = entry(record);
    auto& sent = table_[id];
    if (sent == present) continue;
    sent = present;
    changes.origins.push_back(std::move(present));
  }
  if (!changes.origins.empty() || !changes.removed.empty()) forwarders_.send_all(changes);
}

}  // namespace weir::core
