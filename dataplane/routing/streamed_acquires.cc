#include "dataplane/routing/streamed_acquires.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "dataplane/routing/limits.h"

namespace weir::routing {

void StreamedAcquires::ask(AcquireRequest request, std::uint64_t after_ends, MonotonicTime now,
                           Done done) {
  const std::uint64_t number = ++last_number_;
  waiting_.emplace_hint(
      waiting_.end(), number,
      Entry{now + kAcquireUnsentMax, std::move(done), request.session, request.stream});
  unsent_.push_back({after_ends, {number, std::move(request)}});
}

AcquireBatch StreamedAcquires::take_unsent(std::size_t max, std::uint64_t ends_told,
                                           MonotonicTime now, const Wanted& wanted) {
  AcquireBatch batch;
  while (has_unsent(ends_told) && batch.entries.size() < max) {
    AcquireBatch::Entry entry = std::move(unsent_.front().entry);
    unsent_.pop_front();
    if (!wanted(entry.request.session)) {
      waiting_.erase(entry.number);
    } else if (const auto it = waiting_.find(entry.number); it != waiting_.end()) {
      it->second.deadline = now + kUnaryDeadline;
      batch.entries.push_back(std::move(entry));
    }
  }
  return batch;
}

void StreamedAcquires::replied(AcquireReplies replies) {
  for (AcquireReplies::Entry& entry : replies.entries) {
    if (auto node = waiting_.extract(entry.number); !node.empty()) {
      node.mapped().done(std::move(entry.reply));
      continue;
    }
    const auto expired = std::ranges::lower_bound(expired_, entry.number, {}, &Expired::number);
    if (expired == expired_.end() || expired->number != entry.number) continue;
    Expired late = std::move(*expired);
    expired_.erase(expired);
    if (const auto* acquired = std::get_if<Acquired>(&entry.reply))
      late_({std::move(late.session), std::move(late.stream), acquired->route.epoch});
  }
}

StreamedAcquires::Waiting::iterator StreamedAcquires::overdue(MonotonicTime now) {
  const auto past = [&](Waiting::iterator it) {
    return it != waiting_.end() && it->second.deadline <= now;
  };
  if (past(waiting_.begin())) return waiting_.begin();
  if (unsent_.empty()) return waiting_.end();
  // The deadline of one sent late lies behind those of the unsent that were asked with it.
  const auto unsent = waiting_.lower_bound(unsent_.front().entry.number);
  return past(unsent) ? unsent : waiting_.end();
}

void StreamedAcquires::expire(MonotonicTime now, bool moves) {
  for (auto it = overdue(now); it != waiting_.end(); it = overdue(now)) {
    auto node = waiting_.extract(it);
    const bool sent = unsent_.empty() || node.key() < unsent_.front().entry.number;
    if (sent) {
      // The oldest goes: the replicas ask for bound placements without media, too.
      if (expired_.size() >= kReleasesPendingMax) expired_.pop_front();
      expired_.push_back({node.key(), node.mapped().session, node.mapped().stream});
    }
    // What the replica has not even got it cannot answer to a repeat.
    node.mapped().done(
        sent && moves
            ? Unreachable{"no answer on the attach stream in time", endpoints::Failure::kSilent}
            : Unreachable{"the attach stream takes nothing", std::nullopt});
  }
}

void StreamedAcquires::lost(const std::string& why) {
  unsent_.clear();
  expired_.clear();
  for (auto& [number, entry] : std::exchange(waiting_, {}))
    entry.done(Unreachable{why, std::nullopt});
}

}  // namespace weir::routing
