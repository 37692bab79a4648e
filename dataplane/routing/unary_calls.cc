#include "dataplane/routing/unary_calls.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "dataplane/routing/limits.h"

namespace weir::routing {
namespace {

/// Uniform in [half, limit]: spreads callers that failed together, yet never hurries.
Duration jittered(Duration limit, Random& random) {
  const auto half = static_cast<std::uint64_t>(limit.count() / 2);
  return Duration{static_cast<Duration::rep>(half + random.below(half + 1))};
}

}  // namespace

void UnaryCalls::acquire(AcquireRequest request, AcquireDone done) {
  const SessionId session = request.session;
  const std::uint64_t number = ++last_number_;
  request.request_id = random_.uuid4();
  // A session asks again only after an answer or a new end of its leg: the newest question counts.
  acquires_.insert_or_assign(
      session,
      Acquire{
          .request = std::move(request), .done = std::move(done), .tried = {}, .number = number});
  try_acquire(session, number);
}

void UnaryCalls::cancel(const SessionId& session) {
  acquires_.erase(session);
}

UnaryCalls::Acquire* UnaryCalls::find(const SessionId& session, std::uint64_t number) {
  const auto it = acquires_.find(session);
  return it == acquires_.end() || it->second.number != number ? nullptr : &it->second;
}

void UnaryCalls::try_acquire(const SessionId& session, std::uint64_t number) {
  Acquire* call = find(session, number);
  if (call == nullptr) return;
  const std::size_t endpoint = replicas_.for_call(call->tried, call->silence);
  call->tried.push_back(endpoint);
  ask_(endpoint, call->request,
       [this, session, stream = call->request.stream, number, endpoint](AcquireReply reply) {
         acquire_replied(session, stream, number, endpoint, std::move(reply));
       });
}

void UnaryCalls::note(std::size_t endpoint, const AcquireReply& reply) {
  const auto* unreachable = std::get_if<Unreachable>(&reply);
  if (unreachable == nullptr) {
    replicas_.call_answered(endpoint);
  } else if (unreachable->failure && replicas_.call_failed(endpoint, *unreachable->failure)) {
    link_.renew(endpoint);
  }
}

bool UnaryCalls::try_again(const Acquire& call, const AcquireReply& reply) const {
  const std::size_t tries = std::clamp(replicas_.count() + 1, kAcquireTriesMin, kAcquireTriesMax);
  if (call.tried.size() >= tries) return false;
  if (std::holds_alternative<Unreachable>(reply)) return true;
  // One that has lost the store may be cut off alone. The rest is the same everywhere.
  const auto* later = std::get_if<RetryLater>(&reply);
  return later != nullptr && later->elsewhere && call.tried.size() < replicas_.count();
}

void UnaryCalls::acquire_replied(const SessionId& session, const StreamKey& stream,
                                 std::uint64_t number, std::size_t endpoint, AcquireReply reply) {
  note(endpoint, reply);
  Acquire* call = find(session, number);
  if (call == nullptr) {
    const auto* acquired = std::get_if<Acquired>(&reply);
    // A newer question of the same session will be told the same placement: nothing to give back.
    if (acquired != nullptr && !acquires_.contains(session))
      orphaned_(ReleaseRequest{session, stream, acquired->route.epoch});
    return;
  }
  if (try_again(*call, reply)) {
    const auto* unreachable = std::get_if<Unreachable>(&reply);
    call->silence = unreachable != nullptr && unreachable->failure == endpoints::Failure::kSilent;
    executor_.run_after(jittered(kAcquireRetryDelayMax, random_),
                        [this, session, number] { try_acquire(session, number); });
    return;
  }
  if (std::holds_alternative<Unreachable>(reply))
    reply = RetryLater{kRetryAfterUnreachable, "CONTROL_PLANE_UNREACHABLE"};
  AcquireDone done = std::move(call->done);
  acquires_.erase(session);
  if (auto* later = std::get_if<RetryLater>(&reply)) {
    later->retry_after = jittered(2 * later->retry_after, random_);
    done(std::move(*later));
  } else if (auto* acquired = std::get_if<Acquired>(&reply)) {
    done(std::move(*acquired));
  } else if (auto* held = std::get_if<Held>(&reply)) {
    done(std::move(*held));
  } else {
    done(std::move(std::get<Rejected>(reply)));
  }
}

void UnaryCalls::queue_release(ReleaseRequest request, MonotonicTime now) {
  // The oldest goes: the expiry of this forwarder's renewal and the replicas' questions heal it
  // too.
  if (releases_.size() >= kReleasesPendingMax) releases_.pop_front();
  releases_.push_back(
      Release{.request = std::move(request), .first = now, .due = now, .tried = {}});
}

void UnaryCalls::run_releases(MonotonicTime now) {
  std::size_t looked_at = releases_.size();
  while (looked_at-- > 0 && releases_in_flight_ < kReleasesInFlightMax) {
    Release release = std::move(releases_.front());
    releases_.pop_front();
    if (release.due > now) {
      releases_.push_back(std::move(release));
      continue;
    }
    ++releases_in_flight_;
    if (release.tried.size() >= replicas_.count()) release.tried.clear();
    const std::size_t endpoint = replicas_.for_call(release.tried, false);
    release.tried.push_back(endpoint);
    const ReleaseRequest request = release.request;
    link_.release(endpoint, request, kUnaryDeadline,
                  [this, release = std::move(release), now](bool acknowledged) mutable {
                    release_done(std::move(release), acknowledged, now);
                  });
  }
}

void UnaryCalls::release_done(Release release, bool acknowledged, MonotonicTime started) {
  --releases_in_flight_;
  if (acknowledged || started - release.first >= kReleaseRetriedFor) return;
  release.due = started + jittered(kReleaseRetryDelayMax, random_);
  releases_.push_back(std::move(release));
}

}  // namespace weir::routing
