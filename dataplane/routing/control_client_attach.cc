// ControlClient, its attach stream: to which replica, when, and when to another.

#include <chrono>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "dataplane/routing/control_client.h"
#include "dataplane/routing/limits.h"

namespace weir::routing {

using endpoints::Failure;

void ControlClient::attach(std::size_t endpoint) {
  endpoint_ = endpoint;
  state_ = State::kOpening;
  heard_ = clock_.now();
  heartbeat_due_ = heard_ + kHeartbeatEvery;
  writable_ = false;
  link_.attach(endpoint_, make_hello(), *this);
}

void ControlClient::attach_at(endpoints::EndpointChoice::Next next) {
  executor_.run_after(next.at - clock_.now(), [this, endpoint = next.endpoint] {
    if (state_ == State::kWaiting) attach(endpoint);
  });
}

Hello ControlClient::make_hello() {
  Hello hello;
  hello.sessions = sessions_.take_complete();
  hello.interests.reserve(interests_.size());
  for (const auto& [stream, workers] : interests_) hello.interests.push_back(stream);
  interests_changed_.clear();
  interest_waits_ = false;
  hello.generation_seen = generation_seen_;
  hello.unidentified = unidentified_();
  hello.attach = ++attaches_;
  return hello;
}

void ControlClient::on_detached(std::string why, Failure failure) {
  if (state_ != State::kOpening && state_ != State::kAttached) return;
  const bool was_attached = state_ == State::kAttached;
  const MonotonicTime now = clock_.now();
  replicas_.choice().failed(endpoint_, failure, now);
  link_.renew(endpoint_);
  detached(why);
  attach_at(replicas_.choice().next_after(failure, was_attached, now));
}

void ControlClient::leave_silent(const std::string& why) {
  link_.detach();
  on_detached(why, Failure::kSilent);
}

void ControlClient::detached(const std::string& why) {
  const MonotonicTime now = clock_.now();
  observer_.on_detached(link_.endpoint_name(endpoint_), why);
  state_ = State::kWaiting;
  writable_ = false;
  settling_ = true;
  replicas_.detached();
  fresher_.detached();
  // What was meant for that replica means nothing to the next one.
  answers_.clear();
  queries_.clear();
  closes_.clear();
  claims_.clear();
  claimed_.clear();
  takes_acquires_ = false;
  acquires_.lost(why);
  for (auto& [time, request] : recent_ends_) {
    if (now - time <= kEndMayBeLost) calls_.queue_release(std::move(request), now);
  }
  recent_ends_.clear();
}

/// The next hello is complete. Without this, what changes while no replica can be reached would
/// pile up.
void ControlClient::forget_told_by_hello() {
  sessions_.forget_changes();
  interests_changed_.clear();
  interest_waits_ = false;
}

void ControlClient::tick() {
  if (state_ == State::kStopped) return;
  const MonotonicTime now = clock_.now();
  check_silence(now);
  look_for_fresher(now);
  if (state_ == State::kWaiting) forget_told_by_hello();
  expire_queries(now);
  acquires_.expire(now, writable_);
  calls_.run_releases(now);
  while (!recent_ends_.empty() && now - recent_ends_.front().first > kEndMayBeLost)
    recent_ends_.pop_front();
  if (now >= claims_due_) {
    claims_due_ = now + std::chrono::seconds{1};
    consider_all_claims(now);
  }
  if (state_ == State::kAttached && now >= heartbeat_due_) schedule_flush();
  executor_.run_after(kTick, [this] { tick(); });
}

void ControlClient::check_silence(MonotonicTime now) {
  if (state_ == State::kAttached && now - heard_ > endpoints::kReplicaSilenceMax) {
    leave_silent(fmt::format("no heartbeat for {} ms", endpoints::kReplicaSilenceMax.count()));
  } else if (state_ == State::kOpening &&
             now - heard_ > replicas_.choice().welcome_within(endpoint_)) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - heard_);
    leave_silent(fmt::format("no welcome within {} ms", waited.count()));
  }
}

// --- a replica that is stale

void ControlClient::look_for_fresher(MonotonicTime now) {
  for (const std::size_t endpoint : fresher_.due(now)) {
    link_.ask_freshness(endpoint, kUnaryDeadline, [this, endpoint](const FreshnessReply& reply) {
      freshness_told(endpoint, reply);
    });
  }
}

void ControlClient::freshness_told(std::size_t endpoint, const FreshnessReply& reply) {
  if (const auto* unreachable = std::get_if<Unreachable>(&reply)) {
    if (unreachable->failure && replicas_.call_failed(endpoint, *unreachable->failure))
      link_.renew(endpoint);
    return;
  }
  const MonotonicTime now = clock_.now();
  const bool moves = fresher_.answered(endpoint, std::get<Freshness>(reply).stale, now);
  if (!moves || state_ != State::kAttached) return;
  link_.detach();
  detached(fmt::format("it is stale, {} is not", link_.endpoint_name(endpoint)));
  attach_at(replicas_.choice().next(now));
}

}  // namespace weir::routing
