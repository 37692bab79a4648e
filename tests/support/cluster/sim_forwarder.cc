#include "tests/support/cluster/sim_forwarder.h"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::cluster {

SimForwarder::SimForwarder(World& world, Origins& origins, std::string id, std::string instance,
                           std::size_t endpoint, Ended ended)
    : world_(world),
      origins_(origins),
      id_(std::move(id)),
      instance_(std::move(instance)),
      ended_(std::move(ended)),
      attachment_(world, id_, endpoint,
                  {[this](std::uint64_t attach) { return hello(attach); },
                   [this](const Down& down) { message(down); },
                   [this] {
                     heartbeat_due_ = world_.clock.now();
                     flush();
                   },
                   [this] { detached(); }}) {}

SimForwarder::Up SimForwarder::hello(std::uint64_t attach) const {
  Up up;
  auto& hello = *up.mutable_hello();
  hello.set_forwarder(id_);
  hello.set_instance(instance_);
  hello.set_version("simulated");
  hello.set_generation_seen(attachment_.generation_seen());
  hello.set_takes_route_updates(true);
  hello.set_attach(attach);
  for (const auto& [number, session] : sessions_) put_session(session, *hello.add_sessions());
  for (const auto& [stream, sessions] : by_stream_) hello.add_interests(stream);
  for (const std::string& stream : watched_) {
    if (!by_stream_.contains(stream)) hello.add_interests(stream);
  }
  return up;
}

void SimForwarder::put_session(const Session& session, pb::Session& out) const {
  out.set_id(session.id);
  out.set_forwarder(id_);
  out.set_stream(session.encoder.stream);
  out.set_intent(pb::INTENT_PUBLISH);
  out.set_protocol(pb::PROTOCOL_RTMP);
  out.set_state(session.state == State::kWaiting      ? pb::SESSION_STATE_WAITING
                : session.state == State::kConnecting ? pb::SESSION_STATE_CONNECTING
                                                      : pb::SESSION_STATE_ACTIVE);
  out.set_client_address("127.0.0.1:1");
  out.set_client_agent("simulated");
  if (!session.epoch.is_set()) return;
  out.set_origin(session.origin_name);
  out.set_incarnation(session.incarnation);
  out.mutable_epoch()->set_generation(session.epoch.generation);
  out.mutable_epoch()->set_counter(session.epoch.counter);
}

void SimForwarder::message(const Down& message) {
  if (message.has_welcome()) {
    attachment_.welcome(message.welcome().generation());
  } else if (message.has_heartbeat()) {
    attachment_.note_generation(message.heartbeat().generation());
    settling_ = message.heartbeat().settling();
  } else if (message.has_route_update()) {
    told(message.route_update());
  } else if (message.has_route_updates()) {
    for (const auto& update : message.route_updates().updates()) told(update);
  } else if (message.has_session_query()) {
    answer(message.session_query());
  } else if (message.has_close_session()) {
    close(message.close_session());
  } else if (message.has_claim_answer()) {
    claimed(message.claim_answer());
  }
}

void SimForwarder::detached() {
  settling_ = true;
  for (auto& [number, session] : sessions_) session.claimed.reset();
  // What was written last may not have arrived.
  const MonotonicTime now = world_.clock.now();
  for (Release& release : recent_ends_) {
    if (now - release.first <= kEndMayBeLost) releases_.push_back(std::move(release));
  }
  recent_ends_.clear();
  changed_.clear();
  ended_sessions_.clear();
  interests_added_.clear();
  interests_removed_.clear();
}

void SimForwarder::told(const pb::RouteUpdate& update) {
  const auto& placement = update.route().placement();
  Known known;
  known.placed = update.has_route();
  known.revision = {update.revision().generation(), update.revision().number()};
  if (known.placed) {
    known.epoch = epoch_of(placement.epoch());
    known.holder = holder_of(placement.holder());
    known.orphaned = placement.state() == pb::PLACEMENT_STATE_ORPHANED;
  }
  world_.history.write({.kind = history::Kind::kTold,
                        .who = id_,
                        .number = attachment_.count(),
                        .replica = attachment_.replica(),
                        .stream = update.stream(),
                        .holder = known.holder,
                        .origin = placement.origin(),
                        .incarnation = placement.incarnation(),
                        .epoch = known.epoch,
                        .revision = known.revision,
                        .outcome = known.placed ? "route" : "unplaced"});
  const bool wanted = by_stream_.contains(update.stream()) || watching_.contains(update.stream());
  // "Not placed" may only mean "not restored yet".
  if (!wanted || (!known.placed && settling_)) return;
  Known& last = routes_[update.stream()];
  if (known.epoch < last.epoch || (known.epoch == last.epoch && known.revision < last.revision)) {
    // What is not placed has no epoch; the highest one stays the fence.
    if (known.placed || known.revision < last.revision) return;
    known.epoch = last.epoch;
  }
  last = known;
  fence(update.stream(), known);
  claim_missing(update.stream());
}

/// A newer epoch that names another holder ends our publisher.
void SimForwarder::fence(const std::string& stream, const Known& known) {
  const auto found = by_stream_.find(stream);
  if (found == by_stream_.end() || !known.placed) return;
  const std::vector<SessionNumber> numbers = found->second;
  for (const SessionNumber number : numbers) {
    const Session* session = find(number);
    if (session == nullptr || !session->epoch.is_set()) continue;
    if (known.epoch <= session->epoch || known.holder == session->holder) continue;
    end(number, history::why::kFenced);
  }
}

void SimForwarder::answer(const pb::SessionQuery& query) {
  Up up;
  auto& answer = *up.mutable_session_answer();
  answer.set_query(query.query());
  for (const std::string& id : query.sessions()) {
    const auto known = by_id_.find(id);
    if (known == by_id_.end()) continue;
    const Session& session = sessions_.at(known->second);
    auto& facts = *answer.add_sessions();
    facts.set_session(id);
    facts.set_waiting(session.state != State::kActive);
    if (session.state != State::kActive) continue;
    const Duration idle =
        session.silent_since ? world_.clock.now() - *session.silent_since : Duration{};
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
    facts.mutable_media_idle()->set_seconds(millis / 1'000);
    facts.mutable_media_idle()->set_nanos(static_cast<int>(millis % 1'000) * 1'000'000);
  }
  attachment_.send(std::move(up));
}

void SimForwarder::close(const pb::CloseSession& order) {
  const auto known = by_id_.find(order.session());
  if (known != by_id_.end()) {
    end(known->second, order.reason() == pb::CLOSE_REASON_TAKEN_OVER ? history::why::kTakenOver
                                                                     : history::why::kFenced);
  }
  if (order.query() == 0) return;
  Up up;
  up.mutable_session_answer()->set_query(order.query());
  attachment_.send(std::move(up));
}

void SimForwarder::claim_missing(const std::string& stream) {
  if (!attachment_.attached() || settling_) return;
  const auto found = by_stream_.find(stream);
  const auto known = routes_.find(stream);
  if (found == by_stream_.end() || known == routes_.end()) return;
  const MonotonicTime now = world_.clock.now();
  for (const SessionNumber number : found->second) {
    Session& session = sessions_.at(number);
    if (session.state != State::kActive) continue;
    const bool orphaned_by_itself =
        known->second.orphaned && known->second.holder == session.holder;
    if (known->second.placed && !orphaned_by_itself) continue;
    if (session.claimed && now - *session.claimed < kClaimAgain) continue;
    session.claimed = now;
    Up up;
    auto& claim = *up.mutable_claim();
    claim.set_session(session.id);
    claim.set_stream(stream);
    claim.set_incarnation(session.incarnation);
    claim.mutable_epoch()->set_generation(session.epoch.generation);
    claim.mutable_epoch()->set_counter(session.epoch.counter);
    attachment_.send(std::move(up));
  }
}

void SimForwarder::claimed(const pb::ClaimAnswer& answer) {
  const auto known = by_id_.find(answer.session());
  if (known == by_id_.end()) return;
  const Session& session = sessions_.at(known->second);
  world_.history.write({.kind = history::Kind::kTold,
                        .who = id_,
                        .number = attachment_.count(),
                        .replica = attachment_.replica(),
                        .stream = session.encoder.stream,
                        .holder = session.holder,
                        .epoch = epoch_of(answer.epoch()),
                        .outcome = answer.granted() ? "granted" : "refused"});
  if (!answer.granted()) end(known->second, history::why::kClaimRefused);
}

// --- what is told

void SimForwarder::changed(SessionNumber session) {
  changed_.insert(session);
  if (std::exchange(flush_due_, true)) return;
  world_.executor.run_after(kFlushAfter, [this] { flush(); });
}

void SimForwarder::flush() {
  flush_due_ = false;
  if (!attachment_.attached()) return;  // the next hello says it all
  while (!changed_.empty() || !ended_sessions_.empty()) {
    Up up;
    auto& sessions = *up.mutable_sessions();
    for (std::size_t room = kSessionsPerMessageMax; room > 0 && !changed_.empty(); --room) {
      const auto node = changed_.extract(changed_.begin());
      if (const Session* session = find(node.value()))
        put_session(*session, *sessions.add_upserted());
    }
    for (auto& [id, why] : std::exchange(ended_sessions_, {})) {
      auto& ended = *sessions.add_ended();
      ended.set_session(id);
      ended.set_reason(why);
    }
    attachment_.send(std::move(up));
  }
  if (interests_added_.empty() && interests_removed_.empty()) return;
  Up up;
  auto& interest = *up.mutable_interest();
  for (const auto& stream : std::exchange(interests_added_, {})) interest.add_add(stream);
  for (const auto& stream : std::exchange(interests_removed_, {})) interest.add_remove(stream);
  attachment_.send(std::move(up));
}

void SimForwarder::heartbeat() {
  std::set<std::string> active;
  for (const auto& [number, session] : sessions_) {
    if (session.state == State::kActive && !session.silent_since)
      active.insert(session.incarnation);
  }
  Up up;
  for (const auto& incarnation : active)
    up.mutable_heartbeat()->add_active_incarnations(incarnation);
  up.mutable_heartbeat();
  attachment_.send(std::move(up));
}

void SimForwarder::tick() {
  attachment_.tick();
  const MonotonicTime now = world_.clock.now();
  while (!recent_ends_.empty() && now - recent_ends_.front().first > kEndMayBeLost)
    recent_ends_.pop_front();
  run_releases();
  if (!attachment_.attached()) return;
  if (now >= heartbeat_due_) {
    heartbeat_due_ = now + kHeartbeatEvery;
    heartbeat();
  }
  if (now < claims_due_) return;
  claims_due_ = now + std::chrono::seconds(1);
  for (const auto& [stream, sessions] : by_stream_) claim_missing(stream);
}

void SimForwarder::run_releases() {
  const MonotonicTime now = world_.clock.now();
  std::size_t looked_at = releases_.size();
  while (looked_at-- > 0 && releases_in_flight_ < kReleasesInFlightMax) {
    Release release = std::move(releases_.front());
    releases_.pop_front();
    if (release.due > now) {
      releases_.push_back(std::move(release));
      continue;
    }
    ++releases_in_flight_;
    const std::size_t endpoint = release.endpoint;
    const auto request = release.request;
    world_.replicas.release(
        endpoint, request,
        [this, release = std::move(release)](const grpc::Status& status,
                                             const pb::ReleasePlacementResponse&) mutable {
          --releases_in_flight_;
          const MonotonicTime now = world_.clock.now();
          if (status.ok() || now - release.first > kReleaseRetriedFor) return;
          release.endpoint = (release.endpoint + 1) % world_.replicas.size();
          release.due = now + jittered(2 * kReattachDelayMax, world_.random);
          releases_.push_back(std::move(release));
        });
  }
}

void SimForwarder::watch(const std::string& stream) {
  if (!watching_.insert(stream).second) return;
  watched_.push_back(stream);
  interests_added_.push_back(stream);
  if (watched_.size() > kWatchedMax) {
    const std::string oldest = std::move(watched_.front());
    watched_.pop_front();
    watching_.erase(oldest);
    drop_interest(oldest);
  }
  if (std::exchange(flush_due_, true)) return;
  world_.executor.run_after(kFlushAfter, [this] { flush(); });
}

void SimForwarder::drop_interest(const std::string& stream) {
  if (by_stream_.contains(stream) || watching_.contains(stream)) return;
  routes_.erase(stream);
  interests_removed_.push_back(stream);
}

std::vector<SimForwarder::Held> SimForwarder::all_held() const {
  std::vector<Held> held;
  for (const auto& [number, session] : sessions_) {
    if (session.state == State::kActive)
      held.push_back({session.encoder.stream, session.holder, session.epoch});
  }
  return held;
}

}  // namespace weir::cluster
