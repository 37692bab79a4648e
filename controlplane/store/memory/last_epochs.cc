#include "controlplane/store/memory/last_epochs.h"

#include <algorithm>

#include "controlplane/store/limits.h"

namespace weir::store {

void LastEpochs::remember(const StreamKey& stream, Epoch epoch, MonotonicTime now) {
  forget(stream);
  by_age_.push_back({stream.str(), epoch, now + kLastEpochKept});
  by_stream_.emplace(by_age_.back().stream, std::prev(by_age_.end()));
  if (by_age_.size() > streams_max_) {
    dropped_ = std::max(dropped_, by_age_.front().epoch);
    drop_oldest();
  }
}

void LastEpochs::forget(const StreamKey& stream) {
  const auto found = by_stream_.find(stream.str());
  if (found == by_stream_.end()) return;
  const auto last = found->second;
  by_stream_.erase(found);  // before its key's storage goes
  by_age_.erase(last);
}

Epoch LastEpochs::of(const StreamKey& stream) const {
  const auto found = by_stream_.find(stream.str());
  return found == by_stream_.end() ? dropped_ : found->second->epoch;
}

void LastEpochs::forget_old(MonotonicTime now) {
  while (!by_age_.empty() && by_age_.front().until <= now) drop_oldest();
}

void LastEpochs::drop_oldest() {
  by_stream_.erase(by_age_.front().stream);
  by_age_.pop_front();
}

}  // namespace weir::store
