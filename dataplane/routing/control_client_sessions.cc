// ControlClient, the half that faces the workers: sessions, interests, acquires, claims.

#include <algorithm>
#include <utility>
#include <variant>

#include "dataplane/routing/control_client.h"
#include "dataplane/routing/limits.h"

namespace weir::routing {
namespace {

std::string result_name(const AcquireAnswer& answer) {
  if (std::holds_alternative<Acquired>(answer)) return "OK";
  if (std::holds_alternative<Held>(answer)) return "STREAM_HELD";
  if (const auto* later = std::get_if<RetryLater>(&answer)) return later->reason;
  return "REJECTED";
}

}  // namespace

void ControlClient::session_upserted(WorkerIndex worker, SessionInfo info) {
  worker_of_.insert_or_assign(info.id, worker);
  const StreamKey stream = info.stream;
  const bool may_claim =
      info.intent == Intent::kPublish && info.state == SessionInfo::State::kActive;
  sessions_.upsert(std::move(info));
  if (may_claim) consider_claims(stream, clock_.now());
  schedule_flush();
}

void ControlClient::session_ended(const SessionId& id, std::string reason) {
  calls_.cancel(id);
  worker_of_.erase(id);
  claimed_.erase(id);
  const auto record = sessions_.end(id, std::move(reason));
  if (!record) return;
  if (record->info.intent == Intent::kPublish && record->info.epoch.is_set()) {
    ReleaseRequest release{id, record->info.stream, record->info.epoch};
    const MonotonicTime now = clock_.now();
    if (state_ == State::kAttached) {
      if (recent_ends_.size() >= kReleasesPendingMax) recent_ends_.pop_front();
      recent_ends_.emplace_back(now, std::move(release));
    } else {
      calls_.queue_release(std::move(release), now);
    }
  }
  schedule_flush();
}

void ControlClient::acquire(WorkerIndex worker, AcquireRequest request) {
  const SessionId session = request.session;
  const StreamKey stream = request.stream;
  const MonotonicTime asked = clock_.now();
  calls_.acquire(std::move(request), [this, worker, session, stream, asked](AcquireAnswer answer) {
    check_age(stream, answer);
    observer_.on_acquire_result(result_name(answer), clock_.now() - asked);
    // Players of this forwarder need not wait for the push.
    const auto* acquired = std::get_if<Acquired>(&answer);
    if (acquired != nullptr) {
      note_generation(acquired->route.epoch.generation);
      sessions_.note_epoch(session, acquired->route.epoch);
    }
    std::optional<RouteUpdate> update;
    if (acquired != nullptr && interests_.contains(stream))
      update = RouteUpdate{stream, acquired->route, acquired->route.revision};
    // First of all: an encoder waits for it.
    post_to(worker, [session, answer = std::move(answer)](WorkerEvents& events) mutable {
      events.on_acquire_answer(session, std::move(answer));
    });
    if (update) learn_route(*update);
  });
}

/// A replica that was frozen may answer long after another has told of a newer owner; publishing by
/// the older epoch would only be fenced.
void ControlClient::check_age(const StreamKey& stream, AcquireAnswer& answer) const {
  const auto* acquired = std::get_if<Acquired>(&answer);
  if (acquired != nullptr && routes_.knows_newer(stream, acquired->route.epoch))
    answer = RetryLater{.retry_after = kRetryAfterOutdated, .reason = "OUTDATED_ANSWER"};
}

/// On the attach stream where it leads to that replica: many acquires share a message there.
void ControlClient::ask(std::size_t endpoint, const AcquireRequest& request,
                        StreamedAcquires::Done done) {
  if (state_ != State::kAttached || !takes_acquires_ || endpoint != endpoint_)
    return link_.acquire(endpoint, request, kUnaryDeadline, std::move(done));
  acquires_.ask(request, sessions_.ends_noted(), clock_.now(), std::move(done));
  schedule_flush();
}

/// Its try was given up. A session that asks again, or runs, is told the same placement elsewhere;
/// for one that has ended nobody would give it back.
void ControlClient::granted_late(ReleaseRequest granted) {
  if (sessions_.find(granted.session) != nullptr || calls_.acquiring(granted.session)) return;
  calls_.queue_release(std::move(granted), clock_.now());
}

void ControlClient::want(WorkerIndex worker, const StreamKey& stream, bool waits) {
  const auto [it, inserted] = interests_.try_emplace(stream);
  if (std::ranges::find(it->second, worker) == it->second.end()) it->second.push_back(worker);
  if (inserted) {
    interests_changed_.insert(stream);
    interest_waits_ |= waits;
    schedule_flush();
    return;
  }
  if (waits && interests_changed_.contains(stream)) {
    interest_waits_ = true;
    schedule_flush();
  }
  if (const RouteUpdate* known = routes_.find(stream))
    post_to(worker, [update = *known](WorkerEvents& events) { events.on_route(update); });
}

void ControlClient::unwant(WorkerIndex worker, const StreamKey& stream) {
  const auto it = interests_.find(stream);
  if (it == interests_.end()) return;
  std::erase(it->second, worker);
  if (!it->second.empty()) return;
  interests_.erase(it);
  routes_.erase(stream);
  interests_changed_.insert(stream);
  schedule_flush();
}

void ControlClient::report_dial(DialReport report) {
  observer_.on_dial(report);
  if (dials_.size() >= kDialReportsMax) dials_.pop_front();
  dials_failed_ |= report.outcome != ContactOutcome::kAnswered;
  dials_.push_back(std::move(report));
  schedule_flush();
}

void ControlClient::note_bytes_from(const IncarnationId& incarnation) {
  if (active_.size() < kActiveIncarnationsMax || active_.contains(incarnation))
    active_.insert_or_assign(incarnation, clock_.now());
}

void ControlClient::note_activity(const std::vector<ActivityRecord>& records) {
  for (const ActivityRecord& record : records)
    sessions_.note_activity(record.session, record.media_bytes, record.media_idle);
  schedule_flush();
}

// --- claims (design 4)

void ControlClient::consider_claims(const StreamKey& stream, MonotonicTime now) {
  if (state_ != State::kAttached || settling_) return;
  const RouteUpdate* known = routes_.find(stream);
  if (known == nullptr) return;
  for (const SessionRecord* record : sessions_.publishers_of(stream)) {
    const SessionInfo& info = record->info;
    if (info.state != SessionInfo::State::kActive || !info.epoch.is_set()) continue;
    const bool orphaned_by_itself = known->route &&
                                    known->route->state == PlacementState::kOrphaned &&
                                    known->route->holder_session == info.id;
    if (known->route && !orphaned_by_itself) continue;
    const auto asked = claimed_.find(info.id);
    if (asked != claimed_.end() && now - asked->second < kClaimAnswerWithin) {
      const bool granted = asked->second > now;
      if (!granted || !orphaned_by_itself) continue;
    }
    claimed_.insert_or_assign(info.id, now);
    claims_.push_back(Claim{info.id, stream, info.incarnation, info.epoch});
  }
  if (!claims_.empty()) schedule_flush();
}

void ControlClient::consider_all_claims(MonotonicTime now) {
  if (state_ != State::kAttached || settling_) return;
  const auto& publishers = sessions_.publishers();
  for (auto it = publishers.begin(); it != publishers.end();) {
    const StreamKey& stream = it->first;
    consider_claims(stream, now);
    it = publishers.equal_range(stream).second;
  }
}

void ControlClient::handle(const ClaimVerdict& verdict) {
  // Granted, yet its route cannot be told before its origin has come back: asking on is noise.
  if (verdict.granted && worker_of_.contains(verdict.session)) {
    claimed_.insert_or_assign(verdict.session, clock_.now() + kClaimGrantedQuiet);
  } else {
    claimed_.erase(verdict.session);
  }
  observer_.on_claim(verdict.session, verdict.granted);
  if (!verdict.granted) close_on_worker(verdict.session, SessionControl::Close::kFenced, 0);
}

}  // namespace weir::routing
