#include "controlplane/core/direct_streams.h"

#include <algorithm>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

using Publisher = LiveStream::Publisher;

bool is_direct(const model::Placement& placement) {
  return std::holds_alternative<model::DirectHolder>(placement.holder);
}
bool is_external(const model::Placement& placement) {
  return std::holds_alternative<model::ExternalHolder>(placement.holder);
}

}  // namespace

DirectStreams::DirectStreams(Context& context, ClusterView& view, Generation& generation,
                             EventRing& events, ReportedStreams& reported)
    : context_(context),
      view_(view),
      generation_(generation),
      events_(events),
      reported_(reported) {
  view_.on_placement([this](const ClusterView::PlacementChange& change) { on_placement(change); });
  view_.on_origin([this](const ClusterView::OriginChange& change) { on_origin(change); });
  reported_.on_change(
      [this](const OriginId& origin, const StreamKey& stream) { consider(origin, stream); });
}

// ---------------------------------------------------------------------------- what to look at

void DirectStreams::on_placement(const ClusterView::PlacementChange& change) {
  const auto count = [this](const std::optional<model::Placement>& placement, bool more) {
    if (!placement || !is_direct(*placement)) return;
    Of& of = origins_[placement->origin];
    if (more && of.direct == 0) of.heard = context_.clock.now();
    of.direct += more ? 1 : -1;
    direct_count_ += more ? 1 : -1;
  };
  count(change.before, false);
  count(change.after, true);
  for (const OriginId& origin : reported_.origins_of(change.stream)) {
    consider(origin, change.stream);
  }
  // Those that do not report it: adopted there by another replica, or not any more.
  for (const auto* placement : {&change.before, &change.after}) {
    if (*placement && is_direct(**placement)) consider((*placement)->origin, change.stream);
  }
}

void DirectStreams::on_origin(const ClusterView::OriginChange& change) {
  if (!change.after) {
    forget_if_gone(change.origin);
    return;
  }
  const store::OriginRecord& now = *change.after;
  const bool another = !change.before || change.before->incarnation != now.incarnation;
  if (now.dead && (another || !change.before->dead)) {
    // Its players must not be sent to a dead process; forwarders' publishers may have the name.
    release_all(change.origin, &now.incarnation);
    // What it had is over; what it has after a wrong verdict is reported anew.
    return reported_.clear(change.origin);
  }
  if (!change.before || change.before->description.kind != now.description.kind) {
    // What was looked at under another kind, or under none, was not to be adopted.
    for (const auto& [stream, live] : reported_.of(change.origin)) consider(change.origin, stream);
  }
  if (!another) return;
  // Adopted from the process before: its successor lists it, or it goes.
  for (const auto& placement : view_.placements_of(change.origin)) {
    if (is_direct(placement)) consider(change.origin, placement.stream);
  }
}

void DirectStreams::consider(const OriginId& origin, const StreamKey& stream) {
  const LiveStream* live = reported_.find(origin, stream);
  const auto placement = view_.placement(stream);
  const bool direct_here = placement && placement->origin == origin && is_direct(*placement);
  const bool contradicts = live != nullptr && placement && placement->origin != origin;
  if (!contradicts) end_split(origin, stream);
  const bool is_missing = direct_here && live == nullptr;
  const bool is_watched =
      live != nullptr && needs_watch(origin, *live, placement ? &*placement : nullptr);
  if (!is_missing && !is_watched && !origins_.contains(origin)) return;
  Of& of = origins_[origin];
  if (is_missing) {
    of.missing.try_emplace(stream, 0);
  } else {
    of.missing.erase(stream);
  }
  if (!is_watched) {
    of.watched.erase(stream);
    return forget_if_gone(origin);
  }
  const Epoch against = placement ? placement->epoch : Epoch{};
  const auto [entry, added] = of.watched.try_emplace(stream);
  if (!added && entry->second.against == against) return;
  entry->second = Watch{against, context_.clock.now()};
}

void DirectStreams::forget_if_gone(const OriginId& origin) {
  if (view_.origin(origin) != nullptr) return;
  const auto found = origins_.find(origin);
  if (found == origins_.end()) return;
  const Of& of = found->second;
  // A new history takes the origins away before their placements and what they report.
  if (of.direct == 0 && of.watched.empty() && of.missing.empty()) origins_.erase(found);
}

bool DirectStreams::needs_watch(const OriginId& origin, const LiveStream& live,
                                const model::Placement* placement) const {
  if (placement != nullptr && placement->origin != origin) return true;
  if (live.publisher == Publisher::kTagged || !adopts(origin)) return false;
  return let_go(origin, placement);
}

/// Whether the store may give the stream to a direct publisher of `origin`; it has the last word.
bool DirectStreams::let_go(const OriginId& origin, const model::Placement* placement) const {
  if (placement == nullptr) return true;
  if (is_external(*placement)) return placement->origin == origin;
  // Declared dead by mistake, it may carry the session's publisher on, which nothing tells from
  // others when forwarders do not tag.
  const bool of_session = std::holds_alternative<model::SessionHolder>(placement->holder);
  if (of_session && placement->origin == origin) return false;
  const auto* owner = view_.origin(placement->origin);
  return owner != nullptr && (owner->dead || owner->incarnation != placement->incarnation);
}

bool DirectStreams::adopts(const OriginId& origin) const {
  const auto* record = view_.origin(origin);
  // Removed: nothing is placed there, whatever its agent still lists.
  if (record == nullptr || context_.options.adopt == Adopt::kNone) return false;
  return context_.options.adopt == Adopt::kAll ||
         record->description.kind == model::OriginKind::kSrs;
}

DirectStreams::Watch* DirectStreams::find(const OriginId& origin, const StreamKey& stream) {
  const auto of = origins_.find(origin);
  if (of == origins_.end()) return nullptr;
  const auto found = of->second.watched.find(stream);
  return found == of->second.watched.end() ? nullptr : &found->second;
}

// ------------------------------------------------------------------------------------- reports

void DirectStreams::report_taken(const OriginId& origin, std::uint64_t reading) {
  Of& of = origins_[origin];
  of.heard = context_.clock.now();
  const bool new_reading = reading == 0 || reading != of.reading;
  of.reading = reading;
  // Until then forwarders and agents still tell what is placed.
  if (!generation_.ready() || generation_.settling()) return;
  look(origin, of, new_reading);
  if (new_reading) count_missing(origin, of);
}

void DirectStreams::look(const OriginId& origin, Of& of, bool new_reading) {
  std::size_t adoptions = kAdoptionsPerReport;
  std::size_t lookups = kSplitLookupsPerReport;
  std::optional<std::vector<Epoch>> placed_here;
  for (auto& [stream, watch] : of.watched) {
    const LiveStream* live = reported_.find(origin, stream);
    if (watch.asked || live == nullptr || live->publisher == Publisher::kUnread) continue;
    const auto placement = view_.placement(stream);
    if (let_go(origin, placement ? &*placement : nullptr)) {
      const bool may = live->publisher == Publisher::kUntagged && adopts(origin);
      if (!may || adoptions == 0) continue;
      --adoptions;
      watch.asked = true;
      adopt(origin, stream);
      continue;
    }
    // Nobody publishes under an orphan or a scheduler's bind: they go by themselves.
    if (placement->state == model::PlacementState::kOrphaned || is_external(*placement)) continue;
    if (!new_reading || is_split(origin, stream)) continue;
    ++watch.readings;
    if (lookups == 0 || !agrees_long_enough(*live, watch)) continue;
    if (live->tag_epoch.is_set()) {
      // An epoch is handed out once: of a placement here, it is that stream, which its origin calls
      // otherwise.
      if (!placed_here) placed_here = epochs_at(origin);
      if (std::ranges::binary_search(*placed_here, live->tag_epoch)) continue;
    }
    --lookups;
    watch.asked = true;
    confirm_split(origin, stream);
  }
}

/// One reading may be older than the placement. A tagged publisher is the agent's to drop first.
bool DirectStreams::agrees_long_enough(const LiveStream& live, const Watch& watch) const {
  if (watch.readings < kSplitReadings) return false;
  if (live.publisher != Publisher::kTagged) return true;
  return context_.clock.now() - watch.since >= kFencingPatience;
}

/// Of what is placed there; sorted.
std::vector<Epoch> DirectStreams::epochs_at(const OriginId& origin) const {
  std::vector<Epoch> epochs;
  for (const auto& placement : view_.placements_of(origin)) epochs.push_back(placement.epoch);
  std::ranges::sort(epochs);
  return epochs;
}

void DirectStreams::count_missing(const OriginId& origin, Of& of) {
  for (auto& [stream, readings] : of.missing) {
    if (++readings < kMissingReadings) continue;
    readings = 0;  // asked again, should the store not answer
    const auto placement = view_.placement(stream);
    if (placement && placement->origin == origin) release(*placement);
  }
}

void DirectStreams::sweep() {
  if (!generation_.ready() || generation_.settling()) return;
  const MonotonicTime now = context_.clock.now();
  for (auto& [origin, of] : origins_) {
    if (of.direct == 0 || now - of.heard < kDetachedKept) continue;
    of.heard = now;  // asked again, should the store not answer
    if (reported_elsewhere && reported_elsewhere(origin)) continue;
    release_all(origin, nullptr);
  }
}

// --------------------------------------------------------------------------------------- verbs

void DirectStreams::adopt(const OriginId& origin, const StreamKey& stream) {
  const auto* record = view_.origin(origin);
  context_.store.adopt({stream, origin, record->incarnation}, view_.caller(),
                       [this, origin, stream](store::Reply<store::Changed> reply) {
                         if (Watch* watch = find(origin, stream)) watch->asked = false;
                         if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                           count_adoption("error");
                           return generation_.note(*error);
                         }
                         const auto& changed = std::get<store::Changed>(reply);
                         count_adoption(changed.changed ? "adopted" : "refused");
                         view_.learn(stream, changed.placement);
                       });
}

void DirectStreams::count_adoption(std::string_view result) {
  context_.metrics
      .counter("weir_controlplane_adoptions_total",
               "Live streams that nobody placed and that were to be adopted, by result",
               {{"result", std::string(result)}})
      .add();
}

void DirectStreams::release(const model::Placement& placement) {
  context_.store.release({placement.stream, placement.holder, placement.epoch}, view_.caller(),
                         [this, stream = placement.stream](store::Reply<store::Changed> reply) {
                           if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                             return generation_.note(*error);
                           }
                           view_.learn(stream, std::get<store::Changed>(reply).placement);
                         });
}

void DirectStreams::release_all(const OriginId& origin, const IncarnationId* only) {
  for (const auto& placement : view_.placements_of(origin)) {
    if (!is_direct(placement)) continue;
    if (only == nullptr || placement.incarnation == *only) release(placement);
  }
}

// -------------------------------------------------------------------------------------- splits

void DirectStreams::confirm_split(const OriginId& origin, const StreamKey& stream) {
  context_.store.lookup(
      stream, view_.caller(),
      [this, origin, stream](store::Reply<std::optional<model::Placement>> reply) {
        Watch* watch = find(origin, stream);
        if (watch != nullptr) watch->asked = false;
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          return generation_.note(*error);
        }
        const auto& placement = std::get<std::optional<model::Placement>>(reply);
        const bool confirmed = watch != nullptr && placement &&
                               placement->epoch == watch->against && placement->origin != origin &&
                               placement->state != model::PlacementState::kOrphaned;
        if (confirmed) return begin_split(origin, *placement);
        view_.learn(stream, placement);
      });
}

void DirectStreams::begin_split(const OriginId& origin, const model::Placement& placement) {
  if (!splits_[placement.stream].insert(origin).second) return;
  const LiveStream* live = reported_.find(origin, placement.stream);
  const bool tagged = live != nullptr && live->publisher == Publisher::kTagged;
  const char* const whose = !tagged ? "somebody publishes there past the forwarders"
                            : live->tag_epoch.is_set()
                                ? "a publisher of an earlier epoch, which its agent cannot drop"
                                : "a forwarder's publisher whose tag has no epoch yet";
  events_.add(
      "STREAM_SPLIT", Severity::kWarning, "streams/" + placement.stream.str(),
      fmt::format("live on {} while placed on {}: {}", origin.str(), placement.origin.str(), whose),
      {{"origin", placement.origin.str()},
       {"split_origin", origin.str()},
       {"epoch", format_as(placement.epoch)},
       {"tagged", tagged ? "true" : "false"}});
}

void DirectStreams::end_split(const OriginId& origin, const StreamKey& stream) {
  const auto found = splits_.find(stream);
  if (found == splits_.end() || found->second.erase(origin) == 0) return;
  if (found->second.empty()) splits_.erase(found);
  events_.add("STREAM_SPLIT_ENDED", Severity::kInfo, "streams/" + stream.str(),
              fmt::format("no longer live on {} beside its placement", origin.str()),
              {{"split_origin", origin.str()}});
}

bool DirectStreams::is_split(const OriginId& origin, const StreamKey& stream) const {
  const auto found = splits_.find(stream);
  return found != splits_.end() && found->second.contains(origin);
}

std::vector<OriginId> DirectStreams::split_at(const StreamKey& stream) const {
  const auto found = splits_.find(stream);
  if (found == splits_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace weir::core
