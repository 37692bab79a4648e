#include "controlplane/core/origin_board.h"

#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/marks.h"
#include "controlplane/placement/limits.h"

namespace weir::core {

namespace {

placement::Settings settings_of(const Policy& policy) {
  return {policy.default_stream_bits_per_second, policy.default_origin_streams};
}

}  // namespace

OriginBoard::OriginBoard(Context& context, ClusterView& view)
    : context_(context), view_(view), settings_(settings_of(context.options)), placer_(settings_) {
  view_.records().on_change([this](const RecordBook::Change& change) { on_record(change); });
  view_.on_origin([this](const ClusterView::OriginChange& change) { on_origin(change); });
  view_.on_placement([this](const ClusterView::PlacementChange& change) { on_placement(change); });
}

void OriginBoard::set_state(const OriginId& origin, model::OriginState state) {
  if (auto* view = entry(origin)) view->state = state;
}

void OriginBoard::set_error_rate(const OriginId& origin, double rate) {
  if (auto* view = entry(origin)) view->error_rate = rate;
}

void OriginBoard::report(const OriginId& origin, const IncarnationId& incarnation,
                         const model::Load& load, Duration age) {
  auto* view = entry(origin);
  if (view == nullptr || view->incarnation != incarnation) return;
  const MonotonicTime taken = context_.clock.now() - age;
  // An agent that moves is told of by two replicas for a moment.
  if (view->load && taken < view->load_time) return;
  view->load = load;
  view->load_time = taken;
  ledger_.reported(incarnation, view->load_time);
  refresh_pending(incarnation);
}

void OriginBoard::policy_changed() {
  settings_ = settings_of(context_.options);
  placer_.set_settings(settings_);
  for (std::size_t at = 0; at < views_.size(); ++at) changed(at);
}

placement::Decision OriginBoard::decide(placement::Request request) {
  const MonotonicTime now = context_.clock.now();
  for (const IncarnationId& incarnation : ledger_.advance(now)) refresh_pending(incarnation);
  refresh_standings(now);
  if (replicas_ > 1) {
    request.sample = placement::kSampleOfSeveralReplicas;
    request.seed = context_.random.next();
  }
  return placer_.decide(request, {now, context_.clock.wall_now(), views_, standings_});
}

void OriginBoard::refresh_standings(MonotonicTime now) {
  standings_.resize(views_.size());
  const auto refresh = [&](std::size_t at) {
    standings_[at] = placement::make_standing(settings_, views_[at], now);
    is_changed_[at] = 0;
  };
  for (const std::size_t at : changed_) {
    if (at < views_.size()) refresh(at);
  }
  changed_.clear();
  // Until it is worked out anew, each decision does so for itself.
  if (now - outdated_looked_for_ < kStandingsLookedAt) return;
  outdated_looked_for_ = now;
  for (std::size_t at = 0; at < views_.size(); ++at) {
    if (standings_[at].good_before <= now) refresh(at);
  }
}

placement::ReservationLedger::Id OriginBoard::reserve(const StreamKey& stream,
                                                      const placement::Decision& decision) {
  if (decision.ranked.empty()) return 0;
  const IncarnationId& winner = decision.ranked.front().incarnation;
  const auto id = ledger_.reserve(winner, decision.cost, context_.clock.now());
  in_flight_.emplace(stream, InFlight{id, winner});
  refresh_pending(winner);
  return id;
}

void OriginBoard::keep(const StreamKey& stream, placement::ReservationLedger::Id reservation,
                       const placement::Decision& decision, const IncarnationId& incarnation) {
  if (context_.codec != nullptr &&
      (charges_.contains(incarnation) || charges_.size() < kChargesPerBroadcast)) {
    auto& charged = charges_.try_emplace(incarnation, placement::Cost{.streams = 0}).first->second;
    charged.streams += decision.cost.streams;
    charged.bits_per_second += decision.cost.bits_per_second;
  }
  if (reservation == 0) return;
  if (decision.ranked.front().incarnation == incarnation) {
    drop_in_flight(stream, reservation);
    ledger_.bound(reservation);
  } else {
    undo(stream, reservation);
    ledger_.bound(ledger_.reserve(incarnation, decision.cost, context_.clock.now()));
  }
  refresh_pending(incarnation);
}

void OriginBoard::undo(const StreamKey& stream, placement::ReservationLedger::Id reservation) {
  if (reservation == 0) return;
  const auto [first, last] = in_flight_.equal_range(stream);
  for (auto at = first; at != last; ++at) {
    if (at->second.id != reservation) continue;
    const IncarnationId incarnation = at->second.incarnation;
    in_flight_.erase(at);
    ledger_.release(reservation);
    refresh_pending(incarnation);
    return;
  }
}

void OriginBoard::charge(const IncarnationId& incarnation, const placement::Cost& cost) {
  if (entry_of(incarnation) == nullptr) return;
  // The feed counts the streams themselves: nothing of it is in flight.
  ledger_.bound(ledger_.reserve(incarnation, cost, context_.clock.now()));
  refresh_pending(incarnation);
}

const placement::OriginView* OriginBoard::find(const OriginId& origin) const {
  const auto found = index_.find(origin);
  return found == index_.end() ? nullptr : &views_[found->second];
}

std::uint32_t OriginBoard::placed(const IncarnationId& incarnation) const {
  const auto found = placed_.find(incarnation);
  return found == placed_.end() ? 0 : found->second;
}

void OriginBoard::on_origin(const ClusterView::OriginChange& change) {
  if (!change.after) {
    const auto found = index_.find(change.origin);
    if (found == index_.end()) return;
    const std::size_t at = found->second;
    ledger_.forget(views_[at].incarnation);
    incarnations_.erase(views_[at].incarnation);
    index_.erase(found);
    // The last entry moves into the gap, so that the array stays contiguous.
    if (at + 1 != views_.size()) {
      *changed(at) = std::move(views_.back());
      index_[views_[at].description->id] = at;
    }
    views_.pop_back();
    is_changed_.pop_back();
    return;
  }
  const store::OriginRecord& record = *change.after;
  auto* view = entry(change.origin);
  if (view == nullptr) {
    index_.emplace(change.origin, views_.size());
    views_.emplace_back();
    is_changed_.push_back(0);
    view = changed(views_.size() - 1);
  } else if (view->incarnation == record.incarnation && *view->description == record.description) {
    if (record.dead) view->state = model::OriginState::kDead;
    return;
  } else if (view->incarnation != record.incarnation) {
    ledger_.forget(view->incarnation);
    incarnations_.erase(view->incarnation);
  }
  auto fresh = placement::make_view(
      std::make_shared<const model::OriginDescription>(record.description), record.incarnation);
  if (view->incarnation == record.incarnation) {
    fresh.state = view->state;
    fresh.load = view->load;
    fresh.load_time = view->load_time;
    fresh.error_rate = view->error_rate;
    fresh.slow_start_until = view->slow_start_until;
    fresh.slow_start_placed = view->slow_start_placed;
  } else if (slow_start()) {
    fresh.slow_start_until = context_.clock.now() + placement::kSlowStart;
    // Its own entry is not alive yet and does not count.
    fresh.slow_start_placed = placement::average_placed(views_);
  }
  if (record.dead) fresh.state = model::OriginState::kDead;
  read_marks(fresh);
  fresh.placed_streams = placed(record.incarnation);
  fresh.pending = ledger_.pending(record.incarnation);
  *view = std::move(fresh);
  incarnations_.insert_or_assign(record.incarnation, change.origin);
}

void OriginBoard::on_record(const RecordBook::Change& change) {
  using Kind = store::RecordKind;
  if (change.kind != Kind::kCordon && change.kind != Kind::kDrain && change.kind != Kind::kWeight) {
    return;
  }
  if (auto* view = entry(OriginId(change.name))) read_marks(*view);
}

void OriginBoard::read_marks(placement::OriginView& view) const {
  const OriginMarks marks = marks_of(view_.records(), view.description->id);
  view.cordoned = marks.cordon.has_value();
  view.draining = marks.drain.has_value();
  view.weight = marks.weight;
}

void OriginBoard::on_placement(const ClusterView::PlacementChange& change) {
  const bool same =
      change.before && change.after && change.before->incarnation == change.after->incarnation;
  if (same) return;
  if (change.before) count(change.before->incarnation, -1);
  if (!change.after) return;
  count(change.after->incarnation, +1);
  // Counted by the store from now on: its reservation must not count it a second time.
  const auto [first, last] = in_flight_.equal_range(change.stream);
  for (auto at = first; at != last; ++at) {
    if (at->second.incarnation == change.after->incarnation) ledger_.bound(at->second.id);
  }
  refresh_pending(change.after->incarnation);
}

void OriginBoard::count(const IncarnationId& incarnation, int by) {
  auto& number = placed_[incarnation];
  number = by > 0 ? number + 1 : number - 1;
  if (auto* view = entry_of(incarnation)) view->placed_streams = number;
  if (number == 0) placed_.erase(incarnation);
}

void OriginBoard::refresh_pending(const IncarnationId& incarnation) {
  if (auto* view = entry_of(incarnation)) view->pending = ledger_.pending(incarnation);
}

placement::OriginView* OriginBoard::entry(const OriginId& origin) {
  const auto found = index_.find(origin);
  return found == index_.end() ? nullptr : changed(found->second);
}

placement::OriginView* OriginBoard::changed(std::size_t at) {
  if (std::exchange(is_changed_[at], std::uint8_t{1}) == 0) changed_.push_back(at);
  return &views_[at];
}

placement::OriginView* OriginBoard::entry_of(const IncarnationId& incarnation) {
  const auto found = incarnations_.find(incarnation);
  return found == incarnations_.end() ? nullptr : entry(found->second);
}

void OriginBoard::drop_in_flight(const StreamKey& stream,
                                 placement::ReservationLedger::Id reservation) {
  const auto [first, last] = in_flight_.equal_range(stream);
  for (auto at = first; at != last; ++at) {
    if (at->second.id == reservation) {
      in_flight_.erase(at);
      return;
    }
  }
}

}  // namespace weir::core
