#include "tests/support/history/checker.h"

#include <utility>

#include <fmt/format.h>

#include "tests/support/history/checker_state.h"

namespace weir::history {
namespace {

bool displaces(std::string_view outcome) {
  return outcome == why::kTakenOver || outcome == why::kFenced || outcome == why::kClaimRefused ||
         outcome == why::kDropped;
}

}  // namespace

void Checker::State::add(const Event& event, Place place) {
  ++report_.events;
  switch (event.kind) {
    case Kind::kBegin:
    case Kind::kRelease:
      return;
    case Kind::kAcquire:
    case Kind::kLookup:
      return answered(event, place);
    case Kind::kTold:
      return told(event, place);
    case Kind::kHold:
      return held(event, place);
    case Kind::kEnd:
      return ended(event, place);
    case Kind::kIdle: {
      const std::uint32_t claim = holder(names_.of(event.holder)).claim;
      if (claim != kNoClaim) claims_[claim].idle = event.since != 0 ? event.since : event.time;
      return;
    }
    case Kind::kAttach: {
      auto& cuts = cuts_[names_.of(event.who)];
      if (cuts.empty()) cuts.push_back({std::numeric_limits<Time>::min(), kNever});
      if (cuts.back().end == kNever) cuts.back().end = event.time;
      return;
    }
    case Kind::kDetach:
      cuts_[names_.of(event.who)].push_back({event.since != 0 ? event.since : event.time, kNever});
      return;
    case Kind::kGeneration:
      return generation(event, place);
    case Kind::kLife:
      if (event.outcome == "dead") deaths_.emplace(names_.of(event.incarnation), event.time);
      return;
    case Kind::kFault:
      ++report_.faults;
      faults_.push_back(
          {{event.since != 0 ? event.since : event.time, event.time}, event.loses, event.raises});
      return;
  }
}

void Checker::State::answered(const Event& event, Place place) {
  const Time asked = event.since != 0 ? event.since : event.time;
  if (event.kind == Kind::kAcquire && !event.who.empty()) {
    HolderTable& who = holder(names_.of(event.who));
    who.first_asked = std::min(who.first_asked, asked);
  }
  if (event.outcome == kOk) {
    note_epoch(event, place);
    heard(replica_heard_, names_.of(event.replica), event, asked, place);
    if (event.kind == Kind::kAcquire) given(event, place);
  } else if (event.outcome == "STREAM_HELD") {
    if (event.epoch.is_set()) note_epoch(event, place);
    denied(event, place);
  } else if (event.outcome == "PLACEMENT_NOT_FOUND") {
    denied(event, place);
  }
}

void Checker::State::given(const Event& event, Place place) {
  const std::uint32_t number = names_.of(event.holder);
  HolderTable& who = holder(number);
  if (who.ended) return;  // it had left before the answer came; it gives the stream back
  Claim claim;
  claim.stream = names_.of(event.stream);
  claim.holder = number;
  claim.origin = names_.of(event.origin);
  claim.incarnation = names_.of(event.incarnation);
  claim.epoch = event.epoch;
  claim.asked = event.since != 0 ? event.since : event.time;
  claim.given = event.time;
  claim.place = place;
  if (who.claim != kNoClaim) {
    const Claim& before = claims_[who.claim];
    if (before.epoch >= claim.epoch) return;  // the same answer again
    if (before.held != kNever && before.ended == kNever) {
      displacements_.push_back(
          {who.claim, claim.epoch, event.time, place,
           before.origin == claim.origin ? "a new epoch of its own" : "another origin for itself"});
    }
    close(who, event.time);
    claim.previous = who.claim;
  }
  who.claim = static_cast<std::uint32_t>(claims_.size());
  stream(claim.stream).open.push_back(who.claim);
  claims_.push_back(claim);
  ++report_.sessions;
}

/// "Not placed", or held under some epoch: whoever has an older right to the stream disagrees.
void Checker::State::denied(const Event& event, Place place) {
  const Time asked = event.since != 0 ? event.since : event.time;
  for (const std::uint32_t number : stream(names_.of(event.stream)).open) {
    const Claim& claim = claims_[number];
    if (claim.displaced || claim.given >= asked || claim.epoch <= event.epoch) continue;
    suspicions_.push_back(
        {Rule::kVanished,
         {claim.asked, event.time},
         number,
         fmt::format("{} epoch {} was given to {} ({}) and not given back; asked later, {} answers "
                     "{}{} ({})",
                     event.stream, format_as(claim.epoch), owner(claim.holder, claim.origin),
                     where(claim.place), event.replica.empty() ? "a replica" : event.replica,
                     event.outcome,
                     event.epoch.is_set() ? " under " + format_as(event.epoch) : std::string(),
                     where(place))});
  }
}

void Checker::State::told(const Event& event, Place place) {
  if (!event.epoch.is_set()) return;
  note_epoch(event, place);
  if (event.outcome == "route" || event.outcome == "epoch")
    heard(attach_heard_, names_.of(event.who), event, event.time, place);
}

void Checker::State::heard(std::unordered_map<std::uint64_t, Heard>& table, std::uint32_t who,
                           const Event& event, Time from, Place place) {
  const auto [at, first] = table.try_emplace(pair_key(who, names_.of(event.stream)),
                                             Heard{event.number, event.epoch, event.time, place});
  if (first) return;
  Heard& last = at->second;
  if (last.attach == event.number && last.time < from && event.epoch < last.epoch) {
    suspicions_.push_back({Rule::kWentBack,
                           {last.time, event.time},
                           kNoClaim,
                           fmt::format("{} says epoch {} of {} ({}), then {} ({})",
                                       names_.text(who), format_as(last.epoch), event.stream,
                                       where(last.place), format_as(event.epoch), where(place))});
  }
  if (last.attach == event.number && event.epoch < last.epoch) return;
  last = {event.number, event.epoch, event.time, place};
}

void Checker::State::held(const Event& event, Place place) {
  note_epoch(event, place);
  const std::uint32_t claim = holder(names_.of(event.holder)).claim;
  ++report_.held;
  if (claim != kNoClaim && claims_[claim].epoch == event.epoch)
    claims_[claim].held = std::min(claims_[claim].held, event.time);
}

void Checker::State::close(HolderTable& holder, Time time) {
  if (holder.claim == kNoClaim || claims_[holder.claim].ended != kNever) return;
  Claim& claim = claims_[holder.claim];
  claim.ended = time;
  std::erase(stream(claim.stream).open, holder.claim);
}

void Checker::State::ended(const Event& event, Place place) {
  HolderTable& who = holder(names_.of(event.holder));
  who.ended = true;
  if (who.claim == kNoClaim) return;
  close(who, event.time);
  Claim& claim = claims_[who.claim];
  if (!displaces(event.outcome) || claim.displaced) return;
  claim.displaced = true;
  displacements_.push_back({who.claim, {}, event.time, place, "it was ended"});
}

void Checker::State::note_epoch(const Event& event, Place place) {
  const std::uint32_t number = names_.of(event.stream);
  StreamTable& table = stream(number);
  const std::uint32_t who = names_.of(event.holder);
  const std::uint32_t origin = names_.of(event.origin);
  if (SeenEpoch* known = table.find(event.epoch)) {
    const bool other_holder = known->holder != 0 && who != 0 && known->holder != who;
    const bool other_origin = known->origin != 0 && origin != 0 && known->origin != origin;
    if ((other_holder || other_origin) && !std::exchange(known->reported, true)) {
      violated(Rule::kTwoOwners,
               fmt::format("{} epoch {}: {} ({}), and {} ({})", event.stream,
                           format_as(event.epoch), owner(known->holder, known->origin),
                           where(known->place), owner(who, origin), where(place)));
    }
    if (known->origin == 0) known->origin = origin;
    if (known->holder == 0) known->holder = who;
    return;
  }
  ++report_.epochs;
  const Epoch generation{event.epoch.generation, 0};
  if (peaks_.empty() || peaks_.back().epoch < generation)
    peaks_.push_back({event.time, generation, place});
  first_seen(number, table.insert({event.epoch, who, origin, false, event.time, place}));
}

void Checker::State::first_seen(std::uint32_t stream_number, const SeenEpoch& seen) {
  for (const std::uint32_t number : stream(stream_number).open) {
    Claim& claim = claims_[number];
    if (claim.displaced || claim.epoch >= seen.epoch || claim.holder == seen.holder) continue;
    claim.displaced = true;
    displacements_.push_back({number, seen.epoch, seen.seen, seen.place, "a newer epoch"});
  }
}

void Checker::State::generation(const Event& event, Place place) {
  if (event.generation == 0) return;
  if (std::ranges::find(report_.generations, event.generation) == report_.generations.end()) {
    report_.generations.push_back(event.generation);
    generation_seen_.emplace_back(event.time, place);
  }
  HeardGeneration& last = generations_[names_.of(event.who)];
  if (last.attach == event.number && event.generation < last.value) {
    violated(Rule::kWentBack,
             fmt::format("{} was told generation {} ({}), then {} on the same attach stream ({})",
                         event.who, last.value, where(last.place), event.generation, where(place)));
  }
  last = {event.number, event.generation, place};
}

}  // namespace weir::history
