#include "controlplane/placement/placer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "common/base/contract.h"
#include "controlplane/placement/limits.h"
#include "controlplane/placement/rendezvous.h"
#include "controlplane/placement/verdict.h"

namespace weir::placement {
namespace {

/// Absorbs rounding, so that a difference of exactly kTieBand is a tie on every machine.
constexpr double kRounding = 1e-9;

/// Number of the tie band that a score falls into, counted from the best one. Unlike "within 0.02
/// of each other" this is transitive: ties are equivalence classes, and the order is a total one.
std::uint64_t band(double score, double best) {
  if (score - best <= kTieBand) return 0;
  const double number = std::floor((score - best - kRounding) / kTieBand);
  return static_cast<std::uint64_t>(std::clamp(number, 0.0, 1e9));
}

/// Step of the generator that draws a sample (SplitMix64).
constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15ULL;

}  // namespace

Decision Placer::decide(const Request& request, const Snapshot& snapshot) {
  const Question question(request, settings_, snapshot.now);
  Decision decision;
  decision.cost = Cost{.streams = 1, .bits_per_second = question.bits_per_second};
  decision.record.stream = request.stream;
  decision.record.decide_time = snapshot.wall_now;
  decision.record.policy = request.pin.empty() ? "spread" : "pinned";
  WEIR_ASSERT(snapshot.standings.empty() || snapshot.standings.size() == snapshot.origins.size());
  look_at_sample(question, snapshot, decision);
  // None of the sample takes it, or none was asked for: all are looked at.
  if (rows_.empty()) look_at_all(question, snapshot, decision);
  decision.record.eligible = static_cast<std::uint32_t>(rows_.size());
  decision.may_retry = decision.may_retry && rows_.empty();
  hold_slow_starters(snapshot);
  rank(question, snapshot);
  answer(question, snapshot, decision);
  return decision;
}

/// Filters and scores one origin. True: it passed.
bool Placer::look_at(const Question& question, const Snapshot& snapshot, std::size_t index,
                     Decision& decision) {
  const OriginView& view = snapshot.origins[index];
  const bool is_good =
      !snapshot.standings.empty() && question.now < snapshot.standings[index].good_before;
  if (!is_good) fresh_ = make_standing(settings_, view, question.now);
  const Standing& standing = is_good ? snapshot.standings[index] : fresh_;
  const auto [rejected, score] = judge(question, standing, view);
  if (rejected.rejection == Rejection::kNone) {
    rows_.push_back({score, standing.id_hash, static_cast<std::uint32_t>(index), standing.streams});
    slow_starters_ = slow_starters_ || standing.in_slow_start;
    return true;
  }
  ++decision.record.rejected[static_cast<std::size_t>(rejected.rejection)];
  decision.may_retry = decision.may_retry || rejected.momentary;
  if (rejected_.size() < kRecordCandidatesMax) {
    rejected_.emplace_back(static_cast<std::uint32_t>(index), rejected.rejection);
  }
  return false;
}

/// kStepsEnough origins, or more until one takes the stream, at most kStepsMax: a large cluster is
/// looked at from a place that depends on the stream, so that none is left out for good.
void Placer::look_at_all(const Question& question, const Snapshot& snapshot, Decision& decision) {
  rejected_.clear();
  decision.record.rejected = {};
  const std::size_t count = snapshot.origins.size();
  const std::size_t steps = std::min(count, kStepsMax);
  const bool from_start = count <= kStepsEnough;
  std::size_t index = from_start ? 0 : rendezvous_hash(question.request.stream.str()) % count;
  decision.may_retry = count == 0;  // a control plane that has just begun: agents are on their way
  std::size_t step = 0;
  for (; step < steps && (step < kStepsEnough || rows_.empty()); ++step) {
    look_at(question, snapshot, index, decision);
    index = index + 1 == count ? 0 : index + 1;
  }
  decision.record.considered = static_cast<std::uint32_t>(step);
}

/// Draws origins until so many have passed, each at most once.
void Placer::look_at_sample(const Question& question, const Snapshot& snapshot,
                            Decision& decision) {
  rows_.clear();
  rejected_.clear();
  slow_starters_ = false;
  const std::size_t count = snapshot.origins.size();
  const std::size_t wanted = std::min<std::size_t>(question.request.sample, kSampleMax);
  if (wanted == 0 || count <= wanted || !question.request.pin.empty()) return;
  std::array<std::uint32_t, kSampleStepsMax> drawn;
  std::uint64_t state = question.request.seed ^ rendezvous_hash(question.request.stream.str());
  std::size_t steps = 0;
  for (std::size_t draw = 0; draw < drawn.size() && rows_.size() < wanted; ++draw) {
    state += kGoldenRatio;
    const auto index = static_cast<std::uint32_t>(fmix64(state) % count);
    if (std::find(drawn.begin(), drawn.begin() + steps, index) != drawn.begin() + steps) continue;
    drawn[steps++] = index;
    look_at(question, snapshot, index, decision);
  }
  decision.record.considered = static_cast<std::uint32_t>(steps);
}

/// An origin in slow start scores no better than the mean of the others: one that looks empty
/// because it has hardly been measured must not draw every new stream. Its streams have the same
/// head start (ranked_streams), so within a tie it takes its share and no more.
void Placer::hold_slow_starters(const Snapshot& snapshot) {
  if (!slow_starters_) return;
  double sum = 0;
  std::size_t settled = 0;
  for (const Row& row : rows_) {
    if (in_slow_start(snapshot.origins[row.index], snapshot.now)) continue;
    sum += row.score;
    ++settled;
  }
  if (settled == 0 || settled == rows_.size()) return;
  const double mean = sum / static_cast<double>(settled);
  for (Row& row : rows_) {
    if (!in_slow_start(snapshot.origins[row.index], snapshot.now)) continue;
    row.score = std::max(row.score, mean);
  }
}

/// Finds the best kRecordCandidatesMax rows, in order.
void Placer::rank(const Question& question, const Snapshot& snapshot) {
  best_.clear();
  double best = std::numeric_limits<double>::infinity();
  for (const Row& row : rows_) best = std::min(best, row.score);
  const std::uint64_t stream = rendezvous_hash(question.request.stream.str());
  const auto better = [&](const Ranked& a, const Ranked& b) {
    if (a.order != b.order) return a.order < b.order;
    if (a.weight != b.weight) return a.weight > b.weight;
    return snapshot.origins[a.index].description->id < snapshot.origins[b.index].description->id;
  };
  // A heap with the worst of the best on top; most rows are worse than that at a glance.
  double worse_above = std::numeric_limits<double>::infinity();
  for (const Row& row : rows_) {
    if (row.score > worse_above) continue;
    const std::uint64_t order = band(row.score, best) << 32 | row.streams;
    const bool is_full = best_.size() == kRecordCandidatesMax;
    if (is_full && order > best_.front().order) continue;
    const Ranked ranked{order, rendezvous_weight(stream, row.id_hash), row.index, row.score};
    if (is_full) {
      if (!better(ranked, best_.front())) continue;
      std::pop_heap(best_.begin(), best_.end(), better);
      best_.pop_back();
    }
    best_.push_back(ranked);
    std::push_heap(best_.begin(), best_.end(), better);
    if (best_.size() == kRecordCandidatesMax) {
      // The end of the worst one's band, on the safe side of rounding.
      const auto bands = static_cast<double>((best_.front().order >> 32) + 1);
      worse_above = best + bands * kTieBand + 10 * kRounding;
    }
  }
  std::sort_heap(best_.begin(), best_.end(), better);
}

void Placer::answer(const Question& question, const Snapshot& snapshot, Decision& decision) const {
  DecisionRecord& record = decision.record;
  const auto candidate = [&](std::uint32_t index) {
    const OriginView& view = snapshot.origins[index];
    Candidate result{.origin = view.description->id,
                     .incarnation = view.incarnation,
                     .pending_streams = view.pending.unreported};
    if (view.load) result.data_age = snapshot.now - view.load_time;
    return result;
  };

  const std::size_t room = kRecordCandidatesMax - std::min(rejected_.size(), kRecordRejectedMin);
  const std::size_t passed = std::min(best_.size(), room);
  const std::size_t rejected = std::min(rejected_.size(), kRecordCandidatesMax - passed);
  record.candidates.reserve(passed + rejected);
  for (std::size_t i = 0; i < passed; ++i) {
    const std::uint32_t index = best_[i].index;
    Candidate& added = record.candidates.emplace_back(candidate(index));
    const Score score = placement::score(question, snapshot.origins[index]);
    added.score = best_[i].score;
    added.predicted_utilization = score.predicted_utilization;
    added.bottleneck = score.bottleneck;
  }
  for (std::size_t i = 0; i < rejected; ++i) {
    record.candidates.emplace_back(candidate(rejected_[i].first)).rejected_by = rejected_[i].second;
  }

  decision.ranked.reserve(std::min(passed, kRankedMax));
  for (std::size_t i = 0; i < std::min(passed, kRankedMax); ++i) {
    decision.ranked.push_back({record.candidates[i].origin, record.candidates[i].incarnation});
  }
  if (!decision.ranked.empty()) {
    record.winner = decision.ranked.front().origin;
    record.reservation = decision.cost;
  } else {
    record.reservation = Cost{.streams = 0, .bits_per_second = 0};
  }
  record.verdict = make_verdict(record);
}

}  // namespace weir::placement
