#include "dataplane/routing/streamed_acquires.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::routing {

void StreamedAcquires::ask(AcquireRequest request, MonotonicTime deadline, Done done) {
  const std::uint64_t number = ++last_number_;
  waiting_.emplace_hint(waiting_.end(), number, Entry{deadline, std::move(done)});
  unsent_.push_back({number, std::move(request)});
}

AcquireBatch StreamedAcquires::take_unsent(std::size_t max) {
  AcquireBatch batch;
  auto next = unsent_.begin();
  for (; next != unsent_.end() && batch.entries.size() < max; ++next) {
    if (waiting_.contains(next->number)) batch.entries.push_back(std::move(*next));
  }
  unsent_.erase(unsent_.begin(), next);
  return batch;
}

void StreamedAcquires::replied(AcquireReplies replies) {
  for (AcquireReplies::Entry& entry : replies.entries) {
    auto node = waiting_.extract(entry.number);
    if (!node.empty()) node.mapped().done(std::move(entry.reply));
  }
}

void StreamedAcquires::expire(MonotonicTime now) {
  while (!waiting_.empty() && waiting_.begin()->second.deadline <= now) {
    auto node = waiting_.extract(waiting_.begin());
    node.mapped().done(Unreachable{"no answer on the attach stream in time"});
  }
}

void StreamedAcquires::lost(const std::string& why) {
  unsent_.clear();
  for (auto& [number, entry] : std::exchange(waiting_, {})) entry.done(Unreachable{why});
}

}  // namespace weir::routing
