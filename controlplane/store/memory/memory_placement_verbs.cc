// The verbs on placements. Each runs to its end in one call, so it is atomic.

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "controlplane/store/memory/acquire_rules.h"
#include "controlplane/store/memory/memory_state_store.h"

namespace weir::store {

using model::Placement;
using model::PlacementState;

namespace {

/// A character cut in half would not be valid text on the wire.
std::string bounded_verdict(std::string verdict) {
  if (verdict.size() <= kVerdictBytesMax) return verdict;
  std::size_t end = kVerdictBytesMax;
  while (end > 0 && (static_cast<unsigned char>(verdict[end]) & 0xC0) == 0x80) --end;
  verdict.resize(end);
  return verdict;
}

}  // namespace

void MemoryStateStore::lookup(const StreamKey& stream, Caller caller,
                              Done<std::optional<Placement>> done) {
  enter();
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  const PlacementEntry* entry = placements_.find(stream);
  // "Nobody" is not known yet while what runs is being restored.
  if (entry == nullptr && generation_.settling()) return answer(done, StoreError::kSettling);
  answer(done, entry != nullptr ? std::optional<Placement>(entry->placement) : std::nullopt);
}

void MemoryStateStore::acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) {
  const MonotonicTime now = enter();
  if (history_lost(caller) || (request.failed && generation_.is_ahead(request.failed->epoch)) ||
      (request.takeover && generation_.is_ahead(request.takeover->expected))) {
    return answer(done, StoreError::kHistoryLost);
  }
  if (const auto* session = std::get_if<model::SessionHolder>(&request.holder)) {
    renewals_.renew(session->forwarder, now);
  }
  AcquireFacts facts{.settling = generation_.settling(), .now = now};
  std::optional<Placement> before;
  if (const PlacementEntry* entry = placements_.find(request.stream)) {
    before = entry->placement;
    facts.placement = &*before;
    facts.owner_dead = origins_.is_dead(before->incarnation);
    facts.renewal_gone = renewal_gone(before->holder);
    facts.takeover_paused = entry->taken_over_at && now - *entry->taken_over_at < kTakeoverPause;
  }
  const AcquireDecision decision = decide(request, facts);
  const auto unchanged = [&](AcquireOutcome outcome) {
    answer(done, AcquireResult{outcome, before, std::nullopt, now});
  };
  switch (decision.action) {
    case AcquireAction::kSame:
      return unchanged(AcquireOutcome::kSame);
    case AcquireAction::kHeld:
      return unchanged(AcquireOutcome::kHeld);
    case AcquireAction::kStaleEvidence:
      return unchanged(AcquireOutcome::kStaleEvidence);
    case AcquireAction::kSettling:
      return answer(done, StoreError::kSettling);
    case AcquireAction::kBindCandidate:
    case AcquireAction::kBindSameOrigin:
      break;
  }
  answer(done, bind(request, std::move(before), decision.banned,
                    decision.action == AcquireAction::kBindSameOrigin, decision.takeover));
}

AcquireResult MemoryStateStore::bind(const AcquireRequest& request, std::optional<Placement> before,
                                     const std::optional<IncarnationId>& banned, bool same_origin,
                                     bool takeover) {
  std::optional<Candidate> chosen;
  // A takeover goes where the stream runs, whatever was ordered: it places nothing new.
  if (same_origin) chosen = same_origin_as(*before, banned, takeover);
  const bool new_origin = !chosen;
  if (!chosen) chosen = best_candidate(request, banned);
  if (!chosen) return {AcquireOutcome::kNoCandidate, std::move(before), std::nullopt, now_};

  Placement next = held_placement({request.stream, request.holder, generation_.next_epoch()},
                                  std::move(chosen->origin), std::move(chosen->incarnation),
                                  PlacementState::kBound);
  // The record of why this origin was chosen stays while the origin stays.
  next.verdict = new_origin ? bounded_verdict(request.verdict) : before->verdict;
  const Placement& bound = put(std::move(next));
  if (takeover) placements_.find(request.stream)->taken_over_at = now_;
  if (std::holds_alternative<model::ExternalHolder>(bound.holder)) {
    placements_.expire_at(now_ + kExternalKept, bound);
  }
  return {AcquireOutcome::kBound, bound, std::move(before), now_, new_origin};
}

/// The origin of a placement, in the life that it leads now.
std::optional<Candidate> MemoryStateStore::same_origin_as(
    const Placement& placement, const std::optional<IncarnationId>& banned,
    bool whatever_ordered) const {
  const OriginRecord* record = origins_.find(placement.origin);
  if (record == nullptr) return std::nullopt;
  if (banned == placement.incarnation || banned == record->incarnation) return std::nullopt;
  Candidate candidate{placement.origin, record->incarnation};
  const bool may =
      whatever_ordered ? origins_.is_live(candidate) : may_bind(placement.stream, candidate);
  return may ? std::optional(candidate) : std::nullopt;
}

/// Something new is placed there: alive, and no operator says otherwise.
bool MemoryStateStore::may_bind(const StreamKey& stream, const Candidate& candidate) const {
  if (!origins_.is_live(candidate)) return false;
  const auto ordered = [this](RecordKind kind, const std::string& name) {
    const Record* record = records_.find(kind, name);
    return record != nullptr && record->value ? record : nullptr;
  };
  const std::string& origin = candidate.origin.str();
  if (ordered(RecordKind::kCordon, origin) || ordered(RecordKind::kDrain, origin)) return false;
  const Record* pin = ordered(RecordKind::kPin, stream.str());
  return pin == nullptr || *pin->value == origin;
}

std::optional<Candidate> MemoryStateStore::best_candidate(
    const AcquireRequest& request, const std::optional<IncarnationId>& banned) const {
  for (const Candidate& candidate : request.candidates) {
    if (banned != candidate.incarnation && may_bind(request.stream, candidate)) return candidate;
  }
  return std::nullopt;
}

bool MemoryStateStore::renewal_gone(const model::Holder& holder) const {
  const auto* session = std::get_if<model::SessionHolder>(&holder);
  return session != nullptr && !generation_.settling() &&
         renewals_.gone_since(session->forwarder, now_).has_value();
}

void MemoryStateStore::confirm(HolderRef held, Caller caller, Done<Changed> done) {
  enter();
  if (history_lost(caller) || generation_.is_ahead(held.epoch)) {
    return answer(done, StoreError::kHistoryLost);
  }
  const PlacementEntry* entry = find(held);
  if (entry == nullptr || entry->placement.state != PlacementState::kBound) {
    return answer(done, unchanged(held.stream));
  }
  Placement next = entry->placement;
  next.state = PlacementState::kPublishing;
  next.media_accepted = true;
  answer(done, Changed{true, put(std::move(next))});
}

void MemoryStateStore::release(HolderRef held, Caller caller, Done<Changed> done) {
  enter();
  if (history_lost(caller) || generation_.is_ahead(held.epoch)) {
    return answer(done, StoreError::kHistoryLost);
  }
  if (!held.epoch.is_set()) {
    // Sent by a session that ended before it was told its epoch.
    const PlacementEntry* entry = placements_.find(held.stream);
    if (entry != nullptr) held.epoch = entry->placement.epoch;
  }
  PlacementEntry* entry = find(held);
  if (entry == nullptr || entry->placement.state == PlacementState::kOrphaned) {
    return answer(done, unchanged(held.stream));
  }
  answer(done, end_holder(*entry));
}

void MemoryStateStore::orphan(OrphanRequest request, Caller caller, Done<Changed> done) {
  enter();
  if (history_lost(caller) || generation_.is_ahead(request.held.epoch)) {
    return answer(done, StoreError::kHistoryLost);
  }
  PlacementEntry* entry = find(request.held);
  if (entry == nullptr || entry->placement.state == PlacementState::kOrphaned ||
      !may_orphan(request, entry->placement)) {
    return answer(done, unchanged(request.held.stream));
  }
  answer(done, end_holder(*entry));
}

bool MemoryStateStore::may_orphan(const OrphanRequest& request, const Placement& placement) const {
  if (request.evidence == OrphanRequest::Evidence::kUnknown) return true;
  const auto* session = std::get_if<model::SessionHolder>(&placement.holder);
  if (session == nullptr || generation_.settling()) return false;
  const auto gone = renewals_.gone_since(session->forwarder, now_);
  if (!gone) return false;
  // A cut-off forwarder goes on publishing: only its origin can say that it does not.
  return origins_.is_dead(placement.incarnation) ||
         (request.snapshot_age && now_ - *request.snapshot_age > *gone);
}

void MemoryStateStore::repoint(HolderRef held, IncarnationId to, Caller caller,
                               Done<Changed> done) {
  enter();
  if (history_lost(caller) || generation_.is_ahead(held.epoch)) {
    return answer(done, StoreError::kHistoryLost);
  }
  const PlacementEntry* entry = find(held);
  if (entry == nullptr || entry->placement.incarnation == to ||
      entry->placement.state == PlacementState::kOrphaned ||
      !origins_.is_live({entry->placement.origin, to})) {
    return answer(done, unchanged(held.stream));
  }
  Placement next = entry->placement;
  next.incarnation = std::move(to);
  answer(done, Changed{true, put(std::move(next))});
}

void MemoryStateStore::restore(RestoreRequest request, Caller caller, Done<Changed> done) {
  enter();
  Placement& held = request.held;
  if (history_lost(caller) || generation_.is_ahead(held.epoch)) {
    return answer(done, StoreError::kHistoryLost);
  }
  if (!generation_.settling() || !held.epoch.is_set()) return answer(done, unchanged(held.stream));
  const PlacementEntry* entry = placements_.find(held.stream);
  if (entry != nullptr && entry->placement.epoch == held.epoch &&
      entry->placement.holder == held.holder && entry->placement.state == PlacementState::kBound &&
      held.state == PlacementState::kPublishing) {
    // Restored before by somebody who had not yet seen its media: this is the confirm that was
    // lost.
    Placement next = entry->placement;
    next.state = PlacementState::kPublishing;
    next.media_accepted = true;
    return answer(done, Changed{true, put(std::move(next))});
  }
  const bool newer = entry != nullptr ? held.epoch > entry->placement.epoch
                                      : held.epoch >= last_epochs_.of(held.stream);
  if (!newer) return answer(done, unchanged(held.stream));
  Placement next = held_placement({held.stream, held.holder, held.epoch}, std::move(held.origin),
                                  std::move(held.incarnation), held.state);
  next.media_accepted = held.media_accepted || held.state != PlacementState::kBound;
  next.verdict = bounded_verdict(std::move(held.verdict));
  if (held.bind_time != WallTime{}) next.bind_time = held.bind_time;
  const Placement& restored = put(std::move(next));
  if (restored.state == PlacementState::kOrphaned) {
    placements_.expire_at(now_ + kOrphanKept, restored);
  } else if (std::holds_alternative<model::ExternalHolder>(restored.holder)) {
    placements_.expire_at(now_ + kExternalKept, restored);
  }
  answer(done, Changed{true, restored});
}

void MemoryStateStore::claim(ClaimRequest request, Caller caller, Done<Changed> done) {
  enter();
  HolderRef& held = request.held;
  if (history_lost(caller) || generation_.is_ahead(held.epoch)) {
    return answer(done, StoreError::kHistoryLost);
  }
  // While settling it is `restore` that brings back; a refusal now could end a healthy session.
  if (generation_.settling()) return answer(done, StoreError::kSettling);
  if (!held.epoch.is_set()) return answer(done, unchanged(held.stream));
  if (const PlacementEntry* entry = placements_.find(held.stream)) {
    const Placement& placement = entry->placement;
    if (placement.holder == held.holder && placement.origin == request.origin &&
        placement.epoch >= held.epoch) {
      if (placement.state == PlacementState::kPublishing)
        return answer(done, Changed{true, placement});
      // His own, orphaned (he was given up too early) or not yet confirmed: its epoch stands.
      Placement next = placement;
      next.state = PlacementState::kPublishing;
      next.media_accepted = true;
      return answer(done, Changed{true, put(std::move(next))});
    }
    if (placement.epoch >= held.epoch) return answer(done, unchanged(held.stream));
  } else if (last_epochs_.of(held.stream) > held.epoch) {
    return answer(done, unchanged(held.stream));
  }
  Placement next = held_placement(held, std::move(request.origin), std::move(request.incarnation),
                                  PlacementState::kPublishing);
  next.media_accepted = true;
  answer(done, Changed{true, put(std::move(next))});
}

void MemoryStateStore::adopt(AdoptRequest request, Caller caller, Done<Changed> done) {
  enter();
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  // Its forwarder may still have to restore a placement of this name.
  if (generation_.settling()) return answer(done, StoreError::kSettling);
  if (!may_adopt(request)) return answer(done, unchanged(request.stream));
  Placement next = held_placement({request.stream, model::DirectHolder{}, generation_.next_epoch()},
                                  std::move(request.origin), std::move(request.incarnation),
                                  PlacementState::kPublishing);
  next.media_accepted = true;
  next.verdict = kAdoptedVerdict;
  answer(done, Changed{true, put(std::move(next))});
}

void MemoryStateStore::move(MoveRequest request, Caller caller, Done<Changed> done) {
  enter();
  if (history_lost(caller) || generation_.is_ahead(request.expected)) {
    return answer(done, StoreError::kHistoryLost);
  }
  if (generation_.settling()) return answer(done, StoreError::kSettling);
  const PlacementEntry* entry = placements_.find(request.stream);
  if (entry == nullptr || entry->placement.epoch != request.expected) {
    return answer(done, unchanged(request.stream));
  }
  AcquireRequest wanted;
  wanted.stream = request.stream;
  wanted.candidates = std::move(request.candidates);
  const auto chosen = best_candidate(wanted, std::nullopt);
  if (!chosen || chosen->incarnation == entry->placement.incarnation) {
    return answer(done, unchanged(request.stream));
  }
  Placement next = held_placement(
      {request.stream, model::ExternalHolder{std::move(request.mover)}, generation_.next_epoch()},
      chosen->origin, chosen->incarnation, PlacementState::kBound);
  next.verdict = bounded_verdict(std::move(request.verdict));
  const Placement& moved = put(std::move(next));
  placements_.expire_at(now_ + kExternalKept, moved);
  answer(done, Changed{true, moved});
}

bool MemoryStateStore::may_adopt(const AdoptRequest& request) const {
  if (!origins_.is_live({request.origin, request.incarnation})) return false;
  const PlacementEntry* entry = placements_.find(request.stream);
  if (entry == nullptr) return true;
  const Placement& placement = entry->placement;
  if (origins_.is_dead(placement.incarnation)) {
    // The same server, declared dead by mistake, goes on with what the session publishes there.
    return placement.origin != request.origin ||
           !std::holds_alternative<model::SessionHolder>(placement.holder);
  }
  return std::holds_alternative<model::ExternalHolder>(placement.holder) &&
         placement.origin == request.origin;
}

// ------------------------------------------------------------------------------------- helpers

PlacementEntry* MemoryStateStore::find(const HolderRef& held) {
  PlacementEntry* entry = placements_.find(held.stream);
  if (entry == nullptr || entry->placement.holder != held.holder ||
      entry->placement.epoch != held.epoch) {
    return nullptr;
  }
  return entry;
}

Changed MemoryStateStore::unchanged(const StreamKey& stream) const {
  const PlacementEntry* entry = placements_.find(stream);
  if (entry == nullptr) return {};
  return {false, entry->placement};
}

/// Sessions leave an orphan, so that an encoder which reconnects finds its origin and its players.
Changed MemoryStateStore::end_holder(PlacementEntry& entry) {
  if (!std::holds_alternative<model::SessionHolder>(entry.placement.holder)) {
    remove(StreamKey(entry.placement.stream));
    return {true, std::nullopt};
  }
  Placement next = entry.placement;
  next.state = PlacementState::kOrphaned;
  const Placement& orphan = put(std::move(next));
  placements_.expire_at(now_ + kOrphanKept, orphan);
  return {true, orphan};
}

Placement MemoryStateStore::held_placement(const HolderRef& held, OriginId origin,
                                           IncarnationId incarnation, PlacementState state) const {
  Placement placement;
  placement.stream = held.stream;
  placement.origin = std::move(origin);
  placement.incarnation = std::move(incarnation);
  placement.holder = held.holder;
  placement.epoch = held.epoch;
  placement.state = state;
  placement.bind_time = clock_.wall_now();
  return placement;
}

/// Every change of a placement goes through here or through remove().
const Placement& MemoryStateStore::put(Placement placement) {
  std::optional<IncarnationId> before;
  if (const PlacementEntry* entry = placements_.find(placement.stream)) {
    before = entry->placement.incarnation;
  } else {
    last_epochs_.forget(placement.stream);
  }
  placement.revision = generation_.next_revision();
  placement.update_time = clock_.wall_now();
  const Placement& stored = placements_.put(std::move(placement)).placement;
  if (before && *before != stored.incarnation) unreferenced(*before);
  publish(Change::PlacementChanged{stored.stream, stored}, stored.revision);
  return stored;
}

void MemoryStateStore::remove(const StreamKey& stream) {
  const PlacementEntry* entry = placements_.find(stream);
  if (entry == nullptr) return;
  const StreamKey key = stream;  // `stream` may be the entry's own
  const IncarnationId incarnation = entry->placement.incarnation;
  last_epochs_.remember(key, entry->placement.epoch, now_);
  placements_.erase(key);
  unreferenced(incarnation);
  publish(Change::PlacementChanged{key, std::nullopt}, generation_.next_revision());
}

void MemoryStateStore::unreferenced(const IncarnationId& incarnation) {
  origins_.forget_dead_when_unused(incarnation);
}

}  // namespace weir::store
