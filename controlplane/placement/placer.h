#pragma once
// Placer: `filter* → score* → choose` over a snapshot (design 5). Pure: the same snapshot and
// request give the same decision, on every replica.
//
// Use: decide, ledger.reserve(ranked.front(), cost), store.acquire(ranked); then ledger.bound or
// ledger.release. A dry run is decide alone.
// Threading: one object per thread; it owns scratch memory, nothing else.
// Lifetime: keeps no reference to what it was given.

#include <cstdint>
#include <utility>
#include <vector>

#include "controlplane/placement/decision.h"
#include "controlplane/placement/origin_view.h"
#include "controlplane/placement/rules.h"

namespace weir::placement {

class Placer {
 public:
  explicit Placer(Settings settings) : settings_(settings) {}

  void set_settings(Settings settings) { settings_ = settings; }

  /// Policy `spread`: the best of all, or of a sample; `pinned`: the one that the request names.
  Decision decide(const Request& request, const Snapshot& snapshot);

 private:
  /// An origin that passed the filters.
  struct Row {
    double score = 0;
    std::uint64_t id_hash = 0;
    std::uint32_t index = 0;  ///< in the snapshot
    std::uint32_t streams = 0;
  };
  /// One of the best.
  struct Ranked {
    std::uint64_t order = 0;   ///< bucket of the score, then streams
    std::uint64_t weight = 0;  ///< rendezvous
    std::uint32_t index = 0;
    double score = 0;
  };

  void look_at_all(const Question& question, const Snapshot& snapshot, Decision& decision);
  void look_at_sample(const Question& question, const Snapshot& snapshot, Decision& decision);
  bool look_at(const Question& question, const Snapshot& snapshot, std::size_t index,
               Decision& decision);
  void hold_slow_starters(const Snapshot& snapshot);
  void rank(const Question& question, const Snapshot& snapshot);
  void answer(const Question& question, const Snapshot& snapshot, Decision& decision) const;

  Settings settings_;
  Standing fresh_;  ///< of the origin that is looked at
  std::vector<Row> rows_;
  bool slow_starters_ = false;  ///< among the rows
  std::vector<Ranked> best_;    ///< at most kRecordCandidatesMax, in order
  /// The first rejected ones, for the record.
  std::vector<std::pair<std::uint32_t, Rejection>> rejected_;
};

}  // namespace weir::placement
