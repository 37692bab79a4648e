#include "controlplane/placement/decision_ring.h"

#include <algorithm>
#include <utility>

#include "common/base/contract.h"

namespace weir::placement {

DecisionRing::DecisionRing(std::size_t capacity) : capacity_(capacity) {
  WEIR_ASSERT(capacity > 0);
}

void DecisionRing::add(DecisionRecord record) {
  // A publisher that finds no origin asks again and again: its last answer says it all.
  if (record.winner.empty()) {
    const auto entry = newest_.find(record.stream);
    if (entry != newest_.end() && slot(entry->second).record.winner.empty()) {
      slot(entry->second).record = std::move(record);
      return;
    }
  }
  const std::uint64_t number = last_ + 1;
  Slot added{.record = std::move(record)};
  if (slots_.size() == capacity_) {
    // The slot's old record leaves; its stream leaves the index unless it has a newer one.
    const auto entry = newest_.find(slot(number).record.stream);
    if (entry != newest_.end() && entry->second == number - capacity_) newest_.erase(entry);
  } else {
    slots_.emplace_back();
  }
  std::uint64_t& newest = newest_[added.record.stream];
  added.previous = newest;
  newest = number;
  slot(number) = std::move(added);
  last_ = number;
}

std::vector<const DecisionRecord*> DecisionRing::find(const StreamKey& stream) const {
  std::vector<const DecisionRecord*> found;
  const auto entry = newest_.find(stream);
  if (entry == newest_.end()) return found;
  for (std::uint64_t number = entry->second; kept(number); number = slot(number).previous) {
    found.push_back(&slot(number).record);
  }
  return found;
}

void DecisionRing::set_epoch(const StreamKey& stream, Epoch epoch) {
  const auto entry = newest_.find(stream);
  if (entry == newest_.end()) return;
  Epoch& newest = slot(entry->second).record.epoch;
  if (!newest.is_set()) newest = epoch;
}

std::size_t DecisionRing::size() const {
  return slots_.size();
}

}  // namespace weir::placement
