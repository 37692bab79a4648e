#include "controlplane/placement/placer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

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
  const double number = std::floor((score - best - kRounding) / kTieBand);
  return static_cast<std::uint64_t>(std::clamp(number, 0.0, 1e9));
}

}  // namespace

Decision Placer::decide(const Request& request, const Snapshot& snapshot) {
  const Question question(request, settings_, snapshot.now);
  Decision decision;
  decision.cost = Cost{.streams = 1, .bits_per_second = question.bits_per_second};
  decision.record.stream = request.stream;
  decision.record.decide_time = snapshot.wall_now;
  decision.record.policy = "spread";
  judge(question, snapshot, decision);
  hold_slow_starters(snapshot);
  rank(question, snapshot);
  answer(snapshot, decision);
  return decision;
}

/// Filters and scores. At most kStepsMax origins: a larger cluster is looked at from a place that
/// depends on the stream, so that none is left out for good.
void Placer::judge(const Question& question, const Snapshot& snapshot, Decision& decision) {
  rows_.clear();
  rejected_.clear();
  const std::size_t count = snapshot.origins.size();
  const std::size_t steps = std::min(count, kStepsMax);
  std::size_t index = steps < count ? rendezvous_hash(question.request.stream.str()) % count : 0;
  decision.may_retry = count == 0;  // a control plane that has just begun: agents are on their way
  for (std::size_t step = 0; step < steps; ++step, index = (index + 1 == count ? 0 : index + 1)) {
    const OriginView& view = snapshot.origins[index];
    const FilterResult verdict = filter(question, view);
    if (verdict.rejection != Rejection::kNone) {
      ++decision.record.rejected[static_cast<std::size_t>(verdict.rejection)];
      decision.may_retry = decision.may_retry || verdict.momentary;
      if (rejected_.size() < kRecordCandidatesMax) {
        rejected_.emplace_back(static_cast<std::uint32_t>(index), verdict.rejection);
      }
      continue;
    }
    rows_.push_back(Row{.index = static_cast<std::uint32_t>(index),
                        .score = score(question, view),
                        .streams = ranked_streams(view, question.now)});
  }
  decision.record.considered = static_cast<std::uint32_t>(steps);
  decision.record.eligible = static_cast<std::uint32_t>(rows_.size());
  decision.may_retry = decision.may_retry && rows_.empty();
}

/// An origin in slow start scores no better than the mean of the others: one that looks empty
/// because it has hardly been measured must not draw every new stream. Its streams have the same
/// head start (ranked_streams), so within a tie it takes its share and no more.
void Placer::hold_slow_starters(const Snapshot& snapshot) {
  double sum = 0;
  std::size_t settled = 0;
  for (const Row& row : rows_) {
    if (in_slow_start(snapshot.origins[row.index], snapshot.now)) continue;
    sum += row.score.score;
    ++settled;
  }
  if (settled == 0 || settled == rows_.size()) return;
  const double mean = sum / static_cast<double>(settled);
  for (Row& row : rows_) {
    if (!in_slow_start(snapshot.origins[row.index], snapshot.now)) continue;
    row.score.score = std::max(row.score.score, mean);
  }
}

/// Brings the best kRecordCandidatesMax rows to the front, in order.
void Placer::rank(const Question& question, const Snapshot& snapshot) {
  double best = std::numeric_limits<double>::infinity();
  for (const Row& row : rows_) best = std::min(best, row.score.score);
  const std::uint64_t stream = rendezvous_hash(question.request.stream.str());
  for (Row& row : rows_) {
    row.order = band(row.score.score, best) << 32 | row.streams;
    row.weight = rendezvous_weight(stream, snapshot.origins[row.index].id_hash);
  }
  const auto better = [&](const Row& a, const Row& b) {
    if (a.order != b.order) return a.order < b.order;
    if (a.weight != b.weight) return a.weight > b.weight;
    return snapshot.origins[a.index].description->id < snapshot.origins[b.index].description->id;
  };
  const auto kept = static_cast<std::ptrdiff_t>(std::min(rows_.size(), kRecordCandidatesMax));
  std::partial_sort(rows_.begin(), rows_.begin() + kept, rows_.end(), better);
}

void Placer::answer(const Snapshot& snapshot, Decision& decision) const {
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
  const std::size_t passed = std::min(rows_.size(), room);
  const std::size_t rejected = std::min(rejected_.size(), kRecordCandidatesMax - passed);
  record.candidates.reserve(passed + rejected);
  for (std::size_t i = 0; i < passed; ++i) {
    Candidate& added = record.candidates.emplace_back(candidate(rows_[i].index));
    added.score = rows_[i].score.score;
    added.predicted_utilization = rows_[i].score.predicted_utilization;
    added.bottleneck = rows_[i].score.bottleneck;
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
