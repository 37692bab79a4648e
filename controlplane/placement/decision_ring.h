#pragma once
// DecisionRing: the last kDecisionsKept decision records, found by stream.
// Threading: one thread. Lifetime: owns the records; pointers are valid until the next add().

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "controlplane/placement/decision.h"
#include "controlplane/placement/limits.h"

namespace weir::placement {

class DecisionRing {
 public:
  explicit DecisionRing(std::size_t capacity = kDecisionsKept);

  /// A record without a winner replaces the stream's newest one if that has none either.
  void add(DecisionRecord record);
  /// Newest first.
  std::vector<const DecisionRecord*> find(const StreamKey& stream) const;
  /// Sets the epoch of the newest record of `stream`, unless it has one: the store has bound it.
  void set_epoch(const StreamKey& stream, Epoch epoch);
  std::size_t size() const;

 private:
  struct Slot {
    DecisionRecord record;
    std::uint64_t previous = 0;  ///< number of the stream's record before this one; 0 = none
  };

  Slot& slot(std::uint64_t number) { return slots_[(number - 1) % capacity_]; }
  const Slot& slot(std::uint64_t number) const { return slots_[(number - 1) % capacity_]; }
  bool kept(std::uint64_t number) const { return number != 0 && number + capacity_ > last_; }

  std::size_t capacity_;
  std::uint64_t last_ = 0;  ///< number of the newest record; the first is 1
  std::vector<Slot> slots_;
  std::unordered_map<StreamKey, std::uint64_t> newest_;
};

}  // namespace weir::placement
