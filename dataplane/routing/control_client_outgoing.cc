// ControlClient, what it tells and in which order.

#include <optional>
#include <utility>

#include "dataplane/routing/control_client.h"
#include "dataplane/routing/limits.h"

namespace weir::routing {

/// What nobody waits for waits a little itself, for a replica that takes acquires on the stream: a
/// session that is being set up changes several times within a millisecond or two, and what is told
/// of it then would only take CPU time from those who set it up.
bool ControlClient::bulk_may_go(MonotonicTime now) {
  const bool any = sessions_.has_changes() || !interests_changed_.empty() || !dials_.empty();
  if (!any || !takes_acquires_ || interest_waits_ || dials_failed_ || !claims_.empty() ||
      sessions_.has_ends()) {
    bulk_held_since_.reset();
    return true;
  }
  if (!bulk_held_since_) {
    bulk_held_since_ = now;
    executor_.run_after(kBulkWithin, [this] { schedule_flush(); });
  }
  return now - *bulk_held_since_ >= kBulkWithin;
}

/// What is left of a backlog has waited long enough, too; what comes after it waits anew.
void ControlClient::bulk_taken() {
  if (!sessions_.has_changes() && interests_changed_.empty() && dials_.empty())
    bulk_held_since_.reset();
}

/// Answers first: somebody waits for them. Sessions before claims, which name them. The sign of
/// life comes before the bulk, so that no backlog delays it.
std::optional<Upward> ControlClient::next_message() {
  const MonotonicTime now = clock_.now();
  if (!answers_.empty()) {
    SessionAnswer answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  if (now >= heartbeat_due_) {
    heartbeat_due_ = now + kHeartbeatEvery;
    std::erase_if(active_, [&](const auto& entry) { return now - entry.second > kActiveFor; });
    Heartbeat heartbeat{.active_incarnations = {}, .unidentified = unidentified_()};
    for (const auto& [incarnation, time] : active_)
      heartbeat.active_incarnations.push_back(incarnation);
    return heartbeat;
  }
  // An end before the acquire of who comes back.
  if (acquires_.has_unsent(sessions_.ends_taken())) {
    AcquireBatch batch = acquires_.take_unsent(
        kAcquiresPerMessageMax, sessions_.ends_taken(), now,
        [this](const SessionId& session) { return calls_.acquiring(session); });
    if (!batch.entries.empty()) return batch;
  }
  const bool bulk = bulk_may_go(now);
  if (bulk && sessions_.has_changes()) {
    SessionChanges changes = sessions_.take_changes(kSessionChangesPerMessageMax);
    bulk_taken();
    return changes;
  }
  if (bulk && !interests_changed_.empty()) {
    interest_waits_ = false;
    InterestChange change;
    while (!interests_changed_.empty() &&
           change.add.size() + change.remove.size() < kInterestsPerMessageMax) {
      auto node = interests_changed_.extract(interests_changed_.begin());
      const bool wanted = interests_.contains(node.value());
      (wanted ? change.add : change.remove).push_back(std::move(node.value()));
    }
    bulk_taken();
    return change;
  }
  if (!claims_.empty()) {
    Claim claim = std::move(claims_.front());
    claims_.pop_front();
    return claim;
  }
  if (bulk && !dials_.empty()) {
    DialReport report = std::move(dials_.front());
    dials_.pop_front();
    if (dials_.empty()) dials_failed_ = false;
    bulk_taken();
    return report;
  }
  return std::nullopt;
}

}  // namespace weir::routing
