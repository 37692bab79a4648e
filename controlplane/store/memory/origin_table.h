#pragma once
// OriginTable: origins, their incarnations, the dead set.
//
// Purpose: mints ids and incarnations. An incarnation is live while it is its origin's current one
// and not in the dead set; only a live one can be bound. A verdict is monotone: an entry of the
// dead set goes only when no placement names it and a newer incarnation of its origin exists, or
// after a day unused. Threading: the store's thread. Lifetime: owned by the store; records stay
// valid until forgotten.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/store/memory/incarnation_name.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

class OriginTable {
 public:
  struct Now {
    MonotonicTime monotonic{};
    WallTime wall{};
    std::uint64_t generation = 0;
  };
  /// How many placements name an incarnation.
  using References = std::function<std::size_t(const IncarnationId&)>;

  explicit OriginTable(References references) : references_(std::move(references)) {}

  struct Upserted {
    OriginRecord* record;
    bool changed = false;
    bool new_incarnation = false;
    bool id_taken = false;
  };
  Upserted upsert(const OriginUpsert& request, const Now& now);

  struct Verdict {
    bool dead = false;
    OriginRecord* changed = nullptr;  ///< the record whose current incarnation died by this call
  };
  Verdict declare_dead(const DeathEvidence& evidence, const Now& now);

  OriginRecord* find(const OriginId& origin);
  const OriginRecord* find(const OriginId& origin) const;
  bool is_dead(const IncarnationId& incarnation) const { return dead_.contains(incarnation); }
  bool is_live(const Candidate& candidate) const;
  std::vector<OriginRecord> all() const;

  /// Called when the last placement that named an incarnation is gone.
  void forget_dead_when_unused(const IncarnationId& incarnation);
  /// Removes what has been dead and unused for a day, one origin at a time; nullopt: nothing is
  /// due.
  std::optional<OriginId> forget_old(MonotonicTime now);

  std::size_t dead_size() const { return dead_.size(); }

 private:
  struct Origin {
    OriginRecord record;
    OriginId wanted;        ///< what its reporter calls it
    MonotonicTime began{};  ///< of the incarnation, in this history
  };
  struct Death {
    MonotonicTime until;
    IncarnationId incarnation;
  };

  Origin* find_reporter(const OriginUpsert& request, const OriginId& wanted);
  OriginId free_id(const OriginUpsert& request, const OriginId& wanted) const;
  Origin& create(const OriginId& id, const OriginId& wanted, const Now& now);
  IncarnationId choose_incarnation(const OriginUpsert& request, const Origin& origin,
                                   const Now& now);
  bool acceptable(const IncarnationId& known, const Origin& origin, const Now& now) const;
  void add_dead(const IncarnationId& incarnation, MonotonicTime now);
  bool superseded(const IncarnationId& incarnation) const;

  References references_;
  std::unordered_map<OriginId, Origin> origins_;
  std::unordered_map<OriginId, std::set<OriginId>> namesakes_;  ///< wanted id -> ids in use for it
  std::unordered_set<IncarnationId> dead_;
  std::deque<Death> deaths_;  ///< in order of their time
  std::uint64_t incarnations_ = 0;
};

}  // namespace weir::store
