#include <numeric>

#include <fmt/format.h>

#include "tests/support/history/checker_state.h"

namespace weir::history {
namespace {

/// Renewals are sent each second and expire after 3 s, so a forwarder that was away for less than
/// this has not lost its own.
constexpr Time kCutOffFrom = 1'500'000;
/// A takeover may be decided as soon as its forwarder is gone; its answer comes a little later.
constexpr Time kCutOffAfter = 1'000'000;
/// Media must have been missing for 2 s; the clock that says so is the forwarder's.
constexpr Time kIdleFrom = 1'900'000;
/// From its answer until every replica could have heard of a session from its forwarder.
constexpr Time kToldWithin = 2'000'000;
/// Of an end whose epoch is not known: it was decided at most so long before.
constexpr Time kDecidedWithin = 5'000'000;

std::string_view forwarder_of(std::string_view holder) {
  return holder.substr(0, holder.find('/'));
}

}  // namespace

std::string_view to_string(Rule rule) {
  constexpr std::array<std::string_view, kRules> kRuleNames = {"two owners", "went back",
                                                               "displaced", "vanished", "raised"};
  return kRuleNames[static_cast<std::size_t>(rule)];
}

std::string_view to_string(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kCauseNames = {"idle", "cut_off", "origin_dead",
                                                                 "loss"};
  return kCauseNames[static_cast<std::size_t>(cause)];
}

std::uint64_t Report::violation_count() const {
  return std::accumulate(violations.begin(), violations.end(), std::uint64_t{0});
}

std::optional<Time> Checker::State::earliest(const SeenEpoch& seen) const {
  if (seen.holder >= holders_.size()) return std::nullopt;
  const HolderTable& who = holders_[seen.holder];
  if (who.first_asked == kNever) return std::nullopt;
  Time time = who.first_asked;
  // Whoever was answered an older epoch had no newer one when he asked.
  for (std::uint32_t at = who.claim; at != kNoClaim; at = claims_[at].previous) {
    if (claims_[at].epoch < seen.epoch) time = std::max(time, claims_[at].asked);
  }
  return time;
}

void Checker::State::judge_order(const StreamTable& table, const std::string& name) {
  for (const SeenEpoch& seen : table.epochs) {
    const auto bound_after = earliest(seen);
    if (!bound_after) continue;
    const Peak* higher = peak_before(table.peaks, *bound_after);
    if (higher != nullptr && higher->epoch > seen.epoch) {
      violated(
          Rule::kWentBack,
          fmt::format("{}: epoch {} was seen ({}), and {} was handed out later, to {} ({})", name,
                      format_as(higher->epoch), where(higher->place), format_as(seen.epoch),
                      owner(seen.holder, seen.origin), where(seen.place)));
      continue;
    }
    const Peak* generation = peak_before(peaks_, *bound_after);
    if (generation != nullptr && generation->epoch.generation > seen.epoch.generation) {
      violated(
          Rule::kWentBack,
          fmt::format("generation {} was seen ({}), and {} of {} was handed out later, to {} "
                      "({})",
                      generation->epoch.generation, where(generation->place), format_as(seen.epoch),
                      name, owner(seen.holder, seen.origin), where(seen.place)));
    }
  }
}

bool Checker::State::lost(Time from, Time to) const {
  return std::ranges::any_of(
      faults_, [&](const Fault& fault) { return fault.loses && fault.span.overlaps(from, to); });
}

bool Checker::State::cut_off(const Claim& claim, Time from, Time to) const {
  const auto forwarder = names_.find(forwarder_of(names_.text(claim.holder)));
  const auto found = forwarder ? cuts_.find(*forwarder) : cuts_.end();
  if (found == cuts_.end()) return false;
  return std::ranges::any_of(found->second, [&](const Span& cut) {
    const bool long_enough = cut.end == kNever || cut.end - kCutOffFrom >= cut.begin;
    return long_enough && cut.overlaps(from - kCutOffAfter, to);
  });
}

std::optional<Cause> Checker::State::cause_of(const Claim& claim, Time from, Time to) const {
  if (claim.idle != kNever && claim.idle + kIdleFrom <= to) return Cause::kIdle;
  const auto death = deaths_.find(claim.incarnation);
  if (death != deaths_.end() && death->second <= to) return Cause::kOriginDead;
  if (cut_off(claim, from, to)) return Cause::kCutOff;
  if (lost(claim.asked, claim.given + kToldWithin)) return Cause::kLoss;
  return std::nullopt;
}

void Checker::State::judge(const Displacement& displacement) {
  const Claim& claim = claims_[displacement.claim];
  const SeenEpoch* by =
      displacement.by.is_set() ? stream(claim.stream).find(displacement.by) : nullptr;
  Time from = std::max(claim.asked, displacement.seen - kDecidedWithin);
  if (by != nullptr) {
    // Bound at some time between its holder's question and when it was first seen.
    if (const auto bound_after = earliest(*by)) from = std::max(claim.asked, *bound_after);
  }
  const bool itself = by != nullptr && by->holder == claim.holder;
  const auto cause = itself ? std::nullopt : cause_of(claim, from, displacement.seen);
  if (cause) {
    ++report_.displaced[static_cast<std::size_t>(*cause)];
    return;
  }
  if (itself && by->origin == claim.origin) return;
  std::string text = fmt::format(
      "{}: {} was given epoch {} ({}){} and lost it while it had it: {}", names_.text(claim.stream),
      owner(claim.holder, claim.origin), format_as(claim.epoch), where(claim.place),
      claim.held == kNever ? "" : ", was accepted there,", displacement.how);
  if (by != nullptr)
    text += fmt::format(" {}, {}", format_as(by->epoch), owner(by->holder, by->origin));
  violated(Rule::kDisplaced, fmt::format("{} ({})", text, where(displacement.place)));
}

void Checker::State::judge_raises() {
  std::vector<Time> allowed;
  for (const Fault& fault : faults_) allowed.insert(allowed.end(), fault.raises, fault.span.begin);
  std::ranges::sort(allowed);
  report_.raises_allowed = allowed.size();
  // The first generation was there, or was made by who started first.
  for (std::size_t raise = 1; raise < generation_seen_.size(); ++raise) {
    const auto& [time, place] = generation_seen_[raise];
    const auto until = std::ranges::upper_bound(allowed, time) - allowed.begin();
    if (static_cast<std::size_t>(until) >= raise) continue;
    violated(Rule::kRaised,
             fmt::format("generation {} is raise {} ({}), and {} faults before it allow for one",
                         report_.generations[raise], raise, where(place), until));
  }
}

Report Checker::State::finish() {
  report_.streams = streams_.size();
  for (const auto& [number, table] : streams_) judge_order(table, names_.text(number));
  for (const Displacement& displacement : displacements_) judge(displacement);
  for (const Suspicion& suspicion : suspicions_) {
    if (lost(suspicion.span.begin, suspicion.span.end)) continue;
    if (suspicion.claim != kNoClaim) {
      const Claim& claim = claims_[suspicion.claim];
      const bool accepted = claim.held < suspicion.span.end;
      if (!accepted && cut_off(claim, suspicion.span.begin, suspicion.span.end)) continue;
    }
    violated(suspicion.rule, suspicion.text);
  }
  judge_raises();
  return std::move(report_);
}

Checker::Checker(std::vector<std::string> files)
    : state_(std::make_unique<State>(std::move(files))) {}
Checker::~Checker() = default;
void Checker::add(const Event& event, Place place) {
  state_->add(event, place);
}
Report Checker::finish() {
  return state_->finish();
}

}  // namespace weir::history
