#pragma once
// IdPool: a small number for each id that many records name, with a count of them.
//
// Purpose: a million placements name ten thousand origins; each keeps 4 bytes of them.
// Threading: one thread. Lifetime: a number is good while it is held, then given to another id.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/base/contract.h"

namespace weir::core {

template <class Id>
class IdPool {
 public:
  using Number = std::uint32_t;

  /// One more holder of `id`.
  Number hold(const Id& id) {
    const auto [at, added] = numbers_.try_emplace(id, 0);
    if (added) {
      if (free_.empty()) {
        at->second = static_cast<Number>(entries_.size());
        entries_.emplace_back();
      } else {
        at->second = free_.back();
        free_.pop_back();
      }
      entries_[at->second].id = id;
    }
    ++entries_[at->second].holders;
    return at->second;
  }

  /// One less; without holders the id is forgotten.
  void drop(Number number) {
    Entry& entry = entries_[number];
    WEIR_ASSERT(entry.holders > 0);
    if (--entry.holders > 0) return;
    numbers_.erase(entry.id);
    entry.id = Id();
    free_.push_back(number);
  }

  const Id& at(Number number) const { return entries_[number].id; }
  std::uint32_t holders(Number number) const { return entries_[number].holders; }
  std::optional<Number> find(const Id& id) const {
    const auto found = numbers_.find(id);
    if (found == numbers_.end()) return std::nullopt;
    return found->second;
  }

 private:
  struct Entry {
    Id id;
    std::uint32_t holders = 0;
  };
  std::vector<Entry> entries_;
  std::vector<Number> free_;
  std::unordered_map<Id, Number> numbers_;
};

}  // namespace weir::core
