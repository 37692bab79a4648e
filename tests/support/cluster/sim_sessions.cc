// SimForwarder, the half that faces its encoders: they ask, are given an origin, publish, leave.

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/rpc/status.h"
#include "tests/support/cluster/sim_forwarder.h"

namespace weir::cluster {
namespace {

Epoch parse_epoch(std::string_view text) {
  Epoch epoch;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return {};
  std::from_chars(text.data(), text.data() + dot, epoch.generation);
  std::from_chars(text.data() + dot + 1, text.data() + text.size(), epoch.counter);
  return epoch;
}

/// Another replica may do better at once.
bool means_next_replica(std::string_view outcome) {
  return outcome == kTimedOut || outcome == kUnreachable || outcome == rpc::reason::kShuttingDown;
}

}  // namespace

SimForwarder::Session* SimForwarder::find(SessionNumber number) {
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : &found->second;
}

SimForwarder::SessionNumber SimForwarder::publish(Encoder encoder) {
  const SessionNumber number = ++last_;
  Session& session = sessions_[number];
  session.id = fmt::format("{}-{}", instance_, number);
  session.holder = id_ + '/' + session.id;
  session.encoder = std::move(encoder);
  session.began = world_.clock.now();
  session.endpoint = attachment_.endpoint();
  session.request_id = world_.random.uuid4();
  by_id_.emplace(session.id, number);
  auto& sessions = by_stream_[session.encoder.stream];
  if (sessions.empty() && !watching_.contains(session.encoder.stream))
    interests_added_.push_back(session.encoder.stream);
  sessions.push_back(number);
  ++world_.figures.asked_to_publish;
  changed(number);
  ask(number);
  return number;
}

void SimForwarder::ask(SessionNumber number) {
  const Session* session = find(number);
  if (session == nullptr) return;
  pb::AcquirePlacementRequest request;
  request.set_stream(session->encoder.stream);
  auto& holder = *request.mutable_holder()->mutable_client_session();
  holder.set_forwarder(id_);
  holder.set_session(session->id);
  request.set_protocol(pb::PROTOCOL_RTMP);
  request.set_request_id(session->request_id);
  if (session->failed) *request.mutable_failed() = *session->failed;
  const MonotonicTime asked = world_.clock.now();
  const std::size_t endpoint = session->endpoint;
  world_.replicas.acquire(
      endpoint, request,
      [this, number, endpoint, asked, stream = session->encoder.stream, id = session->id](
          const grpc::Status& status, const pb::AcquirePlacementResponse& response) {
        if (find(number) != nullptr) return answered(number, endpoint, asked, status, response);
        // It has left meanwhile.
        Session gone;
        gone.holder = id_ + '/' + id;
        gone.encoder.stream = stream;
        note_call(outcome_of(status), gone, endpoint, asked, status.ok() ? &response : nullptr, {},
                  {});
        if (status.ok())
          give_back(stream, id, epoch_of(response.route().placement().epoch()), true);
      });
}

void SimForwarder::note_call(std::string_view outcome, const Session& session, std::size_t endpoint,
                             MonotonicTime asked, const pb::AcquirePlacementResponse* response,
                             std::string_view owner, Epoch epoch) {
  ++world_.figures.acquires[std::string(outcome)];
  history::Event event{.kind = history::Kind::kAcquire,
                       .since = history::Recorder::micros(asked),
                       .who = session.holder,
                       .replica = world_.replicas.name(endpoint),
                       .stream = session.encoder.stream,
                       .holder = owner,
                       .epoch = epoch,
                       .outcome = outcome};
  std::string named;
  if (response != nullptr) {
    const auto& placement = response->route().placement();
    named = holder_of(placement.holder());
    event.holder = named;
    event.origin = placement.origin();
    event.incarnation = placement.incarnation();
    event.epoch = epoch_of(placement.epoch());
    event.revision = {placement.revision().generation(), placement.revision().number()};
  }
  world_.history.write(event);
}

void SimForwarder::answered(SessionNumber number, std::size_t endpoint, MonotonicTime asked,
                            const grpc::Status& status,
                            const pb::AcquirePlacementResponse& response) {
  const Session& session = *find(number);
  const std::string outcome = outcome_of(status);
  std::string owner;
  Epoch epoch;
  std::optional<Duration> delay;
  if (const auto details = rpc::details_of(status)) {
    delay = details->retry_delay;
    const auto& facts = details->metadata;
    if (const auto found = facts.find("holder"); found != facts.end()) owner = found->second;
    if (const auto found = facts.find("epoch"); found != facts.end())
      epoch = parse_epoch(found->second);
  }
  note_call(outcome, session, endpoint, asked, status.ok() ? &response : nullptr, owner, epoch);
  if (status.ok() || outcome == rpc::reason::kStreamHeld)
    world_.figures.acquire_latency.add(world_.clock.now() - asked);
  if (status.ok()) return given(number, response);
  refused(number, outcome, delay);
}

void SimForwarder::refused(SessionNumber number, const std::string& reason,
                           std::optional<Duration> delay) {
  Session& session = *find(number);
  if (reason == rpc::reason::kStreamHeld) return end(number, "held");
  if (world_.clock.now() - session.began > kClientPatience) return end(number, "gave_up");
  Duration wait = jittered(2 * delay.value_or(kRetryAfterUnreachable), world_.random);
  if (means_next_replica(reason)) {
    session.endpoint = (session.endpoint + 1) % world_.replicas.size();
    if (++session.tries < kTries) {
      wait = jittered(kReattachDelayMin, world_.random);
    } else {
      session.tries = 0;
      session.request_id = world_.random.uuid4();
    }
  } else {
    session.request_id = world_.random.uuid4();
  }
  world_.executor.run_after(wait, [this, number] { ask(number); });
}

void SimForwarder::given(SessionNumber number, const pb::AcquirePlacementResponse& response) {
  Session& session = *find(number);
  const auto& placement = response.route().placement();
  const Epoch epoch = epoch_of(placement.epoch());
  // A repeated answer of a question before.
  if (session.epoch.is_set() && epoch <= session.epoch && session.state != State::kConnecting)
    return;
  session.epoch = epoch;
  session.origin_name = placement.origin();
  session.incarnation = placement.incarnation();
  session.origin = origins_.find(placement.origin());
  session.after_takeover = response.after_takeover();
  session.busy_until = world_.clock.now() + kBusyFor;
  session.state = State::kConnecting;
  session.failed.reset();
  changed(number);
  const auto known = routes_.find(session.encoder.stream);
  if (known != routes_.end() && known->second.placed && known->second.epoch > epoch &&
      known->second.holder != session.holder) {
    return end(number, history::why::kFenced);
  }
  world_.executor.run_after(kDialTime, [this, number, epoch] { dial(number, epoch); });
}

void SimForwarder::dial(SessionNumber number, Epoch epoch) {
  Session* session = find(number);
  if (session == nullptr || session->epoch != epoch) return;
  if (std::exchange(session->encoder.first_dial_fails, false) || session->origin == nullptr ||
      !session->origin->running()) {
    return try_another(number, pb::CONTACT_OUTCOME_REFUSED);
  }
  Leg leg{session->holder, epoch, [this, number](std::string_view why) { end(number, why); }};
  if (session->origin->publish(session->encoder.stream, std::move(leg))) return accepted(number);
  // Somebody else's leg is still there.
  if (!session->after_takeover) return end(number, "refused_by_origin");
  if (world_.clock.now() >= session->busy_until)
    return try_another(number, pb::CONTACT_OUTCOME_ANSWERED);
  world_.executor.run_after(kBusyRetry, [this, number, epoch] { dial(number, epoch); });
}

void SimForwarder::try_another(SessionNumber number, pb::ContactOutcome outcome) {
  Session& session = *find(number);
  if (world_.clock.now() - session.began > kClientPatience) return end(number, "gave_up");
  auto& failed = session.failed.emplace();
  failed.set_incarnation(session.incarnation);
  failed.mutable_epoch()->set_generation(session.epoch.generation);
  failed.mutable_epoch()->set_counter(session.epoch.counter);
  failed.set_outcome(outcome);
  session.request_id = world_.random.uuid4();
  session.tries = 0;
  world_.executor.run_after(kBusyRetry, [this, number] { ask(number); });
}

void SimForwarder::accepted(SessionNumber number) {
  Session& session = *find(number);
  session.state = State::kActive;
  ++held_;
  ++world_.figures.placed;
  world_.figures.wait_latency.add(world_.clock.now() - session.began);
  world_.history.write({.kind = history::Kind::kHold,
                        .who = id_,
                        .stream = session.encoder.stream,
                        .holder = session.holder,
                        .origin = session.origin_name,
                        .incarnation = session.incarnation,
                        .epoch = session.epoch});
  changed(number);
  std::exchange(session.encoder.published, {})(Published::kAccepted, number);
}

void SimForwarder::leave(SessionNumber session) {
  if (find(session) != nullptr) end(session, "left");
}

void SimForwarder::fall_silent(SessionNumber number) {
  Session* session = find(number);
  if (session == nullptr || session->state != State::kActive) return;
  session->silent_since = world_.clock.now();
  world_.history.write({.kind = history::Kind::kIdle, .who = id_, .holder = session->holder});
}

void SimForwarder::end(SessionNumber number, std::string_view why) {
  auto node = sessions_.extract(number);
  if (node.empty()) return;
  Session& session = node.mapped();
  const std::string& stream = session.encoder.stream;
  by_id_.erase(session.id);
  changed_.erase(number);
  if (session.origin != nullptr) session.origin->unpublish(stream, session.holder);
  world_.history.write({.kind = history::Kind::kEnd,
                        .who = id_,
                        .stream = stream,
                        .holder = session.holder,
                        .epoch = session.epoch,
                        .outcome = why});
  ++world_.figures.ends[std::string(why)];
  auto& sessions = by_stream_.at(stream);
  std::erase(sessions, number);
  if (sessions.empty()) {
    by_stream_.erase(stream);
    drop_interest(stream);
  }
  if (session.epoch.is_set()) give_back(stream, session.id, session.epoch, !attachment_.attached());
  ended_sessions_.emplace_back(session.id, why);
  if (!std::exchange(flush_due_, true)) world_.executor.run_after(kFlushAfter, [this] { flush(); });
  if (session.state == State::kActive) {
    --held_;
    return ended_(*this, number, stream, why);
  }
  const bool held = why == "held" || why == history::why::kFenced;
  held ? ++world_.figures.held_by_another : ++world_.figures.gave_up;
  std::exchange(session.encoder.published, {})(held ? Published::kHeld : Published::kGaveUp,
                                               number);
}

/// The end of a session says so on the attach stream; by a call where there is none, where it broke
/// soon after, and for what was granted to a session that had left.
void SimForwarder::give_back(const std::string& stream, const std::string& session, Epoch epoch,
                             bool by_call) {
  Release release;
  release.request.set_stream(stream);
  auto& holder = *release.request.mutable_holder()->mutable_client_session();
  holder.set_forwarder(id_);
  holder.set_session(session);
  release.request.mutable_epoch()->set_generation(epoch.generation);
  release.request.mutable_epoch()->set_counter(epoch.counter);
  release.first = world_.clock.now();
  release.due = release.first;
  release.endpoint = attachment_.endpoint();
  (by_call ? releases_ : recent_ends_).push_back(std::move(release));
}

}  // namespace weir::cluster
