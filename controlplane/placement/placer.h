#pragma once
// Placer: `filter* → score* → choose` over a snapshot (design 5). Pure: the same snapshot and
// request give the same decision, on every replica.
//
// Use: decide, ledger.reserve(ranked.front(), cost), store.acquire(ranked); then ledger.bound or
// ledger.release. A dry run is decide alone.
// Threading: one object per thread; it owns scratch memory, nothing else.
// Lifetime: keeps no reference to what it was given.

#include <cstdint>
#include <vector>

#include "controlplane/placement/decision.h"
#include "controlplane/placement/origin_view.h"

namespace weir::placement {

class Placer {
 public:
  explicit Placer(Settings settings) : settings_(settings) {}

  /// Policy `spread`: the best of all.
  Decision decide(const Request& request, const Snapshot& snapshot);

 private:
  struct Row;

  Settings settings_;
  std::vector<std::uint32_t> passed_;
};

}  // namespace weir::placement
