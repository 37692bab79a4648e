#include "dataplane/routing/control_client.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "common/base/contract.h"
#include "dataplane/routing/limits.h"

namespace weir::routing {

ControlClient::ControlClient(ControlLink& link, Executor& executor, const Clock& clock,
                             Random& random, ControlObserver& observer,
                             std::function<std::uint32_t()> unidentified, Remembered remembered)
    : link_(link),
      executor_(executor),
      clock_(clock),
      observer_(observer),
      unidentified_(std::move(unidentified)),
      replicas_(link.endpoint_count(), clock, random),
      fresher_(replicas_.choice(), random),
      calls_(
          link, replicas_, executor, random,
          [this](std::size_t endpoint, const AcquireRequest& request, StreamedAcquires::Done done) {
            ask(endpoint, request, std::move(done));
          },
          [this](ReleaseRequest request) {
            calls_.queue_release(std::move(request), clock_.now());
          }),
      acquires_([this](ReleaseRequest granted) { granted_late(std::move(granted)); }),
      generation_seen_(remembered.generation_seen),
      vhosts_(std::move(remembered.vhosts)) {
  origins_.apply(remembered.origins);
}

WorkerIndex ControlClient::add_worker(Executor& executor, WorkerEvents& events) {
  WEIR_ASSERT(state_ == State::kStopped);
  workers_.push_back(Worker{&executor, &events});
  return static_cast<WorkerIndex>(workers_.size() - 1);
}

void ControlClient::post_to(WorkerIndex worker, Callback<void(WorkerEvents&)> call) {
  WorkerEvents* events = workers_[worker].events;
  workers_[worker].executor->post([events, call = std::move(call)]() mutable { call(*events); });
}

void ControlClient::start() {
  WEIR_ASSERT(state_ == State::kStopped);
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker)
    post_to(worker, [rules = vhosts_](WorkerEvents& events) { events.on_vhosts(rules); });
  attach(replicas_.choice().next(clock_.now()).endpoint);
  tick();
}

void ControlClient::stop() {
  if (state_ == State::kOpening || state_ == State::kAttached) link_.detach();
  state_ = State::kStopped;
}

std::optional<Duration> ControlClient::replica_silence() const {
  if (!replica_) return std::nullopt;
  return clock_.now() - *replica_;
}

void ControlClient::on_message(Downward message) {
  if (state_ != State::kOpening && state_ != State::kAttached) return;
  heard_ = clock_.now();
  replica_ = heard_;
  replicas_.heard();
  std::visit([this](auto& content) { handle(content); }, message);
}

void ControlClient::on_writable() {
  writable_ = true;
  flush();
}

void ControlClient::schedule_flush() {
  if (flush_posted_ || !writable_) return;
  flush_posted_ = true;
  executor_.post([this] {
    flush_posted_ = false;
    flush();
  });
}

void ControlClient::flush() {
  if (!writable_ || state_ != State::kAttached) return;
  if (auto message = next_message()) {
    writable_ = false;
    link_.send(std::move(*message));
  }
}

// --- what a replica says

void ControlClient::handle(const Welcome& welcome) {
  if (state_ != State::kOpening) return;
  state_ = State::kAttached;
  replicas_.welcomed(endpoint_);
  takes_acquires_ = welcome.takes_acquires;
  note_generation(welcome.generation);
  vhosts_ = VhostRules(welcome.vhosts);
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker)
    post_to(worker, [rules = vhosts_](WorkerEvents& events) { events.on_vhosts(rules); });
  observer_.on_attached(link_.endpoint_name(endpoint_), welcome);
  schedule_flush();
}

void ControlClient::handle(const ReplicaHeartbeat& heartbeat) {
  note_generation(heartbeat.generation);
  replicas_.told_stale(heartbeat.stale);
  fresher_.heard(endpoint_, heartbeat.stale, clock_.now());
  const bool settled = settling_ && !heartbeat.settling;
  settling_ = heartbeat.settling;
  if (settled) consider_all_claims(clock_.now());
}

void ControlClient::handle(const RouteUpdate& update) {
  // A push that crossed the end of our interest would stay in the cache for ever.
  if (!interests_.contains(update.stream)) return;
  // "Not placed" may only mean "not restored yet"; what is known stays in use meanwhile.
  if (!update.route && settling_) return;
  learn_route(update);
  consider_claims(update.stream, clock_.now());
}

void ControlClient::handle(const RouteUpdates& message) {
  for (const RouteUpdate& update : message.updates) handle(update);
}

void ControlClient::handle(AcquireReplies& replies) {
  acquires_.replied(std::move(replies));
  schedule_flush();
}

void ControlClient::handle(const OriginTableUpdate& update) {
  if (origins_.apply(update)) observer_.on_origin_table(origins_);
}

void ControlClient::note_generation(std::uint64_t generation) {
  if (generation <= generation_seen_) return;
  generation_seen_ = generation;
  observer_.on_generation(generation);
}

void ControlClient::learn_route(const RouteUpdate& update) {
  if (update.route) note_generation(update.route->epoch.generation);
  note_generation(update.revision.generation);
  if (routes_.apply(update) == RouteCache::Verdict::kApplied) tell_workers(update.stream);
}

void ControlClient::tell_workers(const StreamKey& stream) {
  const auto interest = interests_.find(stream);
  const RouteUpdate* known = routes_.find(stream);
  if (interest == interests_.end() || known == nullptr) return;
  const auto shared = std::make_shared<const RouteUpdate>(*known);
  for (const WorkerIndex worker : interest->second)
    post_to(worker, [shared](WorkerEvents& events) { events.on_route(*shared); });
}

void ControlClient::handle(const CloseCommand& command) {
  std::uint64_t query = 0;
  if (command.query != 0 && closes_.size() < kQueriesPendingMax) {
    query = ++last_query_;
    closes_.emplace(query, command.query);
  }
  close_on_worker(command.session, command.reason, query);
}

void ControlClient::close_on_worker(const SessionId& session, SessionControl::Close reason,
                                    std::uint64_t query) {
  const auto worker = worker_of_.find(session);
  if (worker == worker_of_.end()) {
    session_closed(query);
    return;
  }
  post_to(worker->second, [session, reason, query](WorkerEvents& events) {
    events.on_close(session, reason, query);
  });
}

void ControlClient::session_closed(std::uint64_t query) {
  const auto it = closes_.find(query);
  if (it == closes_.end()) return;
  answers_.push_back(SessionAnswer{.query = it->second, .sessions = {}});
  closes_.erase(it);
  schedule_flush();
}

void ControlClient::handle(const SessionQuery& query) {
  if (queries_.size() >= kQueriesPendingMax) return;
  const std::uint64_t number = ++last_query_;
  PendingQuery pending;
  pending.answer.query = query.query;
  pending.deadline = clock_.now() + kQueryAnswerWithin;
  std::unordered_map<WorkerIndex, std::vector<SessionId>> by_worker;
  for (const SessionId& session : query.sessions) {
    const auto worker = worker_of_.find(session);
    if (worker == worker_of_.end()) continue;
    by_worker[worker->second].push_back(session);
    pending.asked.insert(session);
  }
  pending.workers_left = by_worker.size();
  for (auto& [worker, sessions] : by_worker)
    post_to(worker, [number, asked = std::move(sessions)](WorkerEvents& events) {
      events.on_query(number, asked);
    });
  if (pending.workers_left == 0) {
    finish_query(std::move(pending));
  } else {
    queries_.emplace(number, std::move(pending));
  }
}

void ControlClient::query_answered(std::uint64_t query, std::vector<SessionFacts> facts) {
  const auto it = queries_.find(query);
  if (it == queries_.end()) return;
  PendingQuery& pending = it->second;
  for (SessionFacts& fact : facts) pending.answer.sessions.push_back(std::move(fact));
  if (--pending.workers_left > 0) return;
  PendingQuery done = std::move(pending);
  queries_.erase(it);
  // Asked and not answered by its worker: it has ended. That is an answer too.
  done.asked.clear();
  finish_query(std::move(done));
}

void ControlClient::expire_queries(MonotonicTime now) {
  for (auto it = queries_.begin(); it != queries_.end();) {
    if (it->second.deadline > now) {
      ++it;
      continue;
    }
    PendingQuery late = std::move(it->second);
    it = queries_.erase(it);
    finish_query(std::move(late));
  }
}

/// Sessions still in `asked` belong to a worker that did not answer in time: silence must not read
/// as "not known", so they are said to be busy.
void ControlClient::finish_query(PendingQuery pending) {
  for (const SessionFacts& fact : pending.answer.sessions) pending.asked.erase(fact.session);
  for (const SessionId& session : pending.asked) {
    const SessionRecord* record = sessions_.find(session);
    if (record == nullptr) continue;
    pending.answer.sessions.push_back(
        SessionFacts{.session = session,
                     .media_idle = Duration::zero(),
                     .waiting = record->info.state != SessionInfo::State::kActive});
  }
  answers_.push_back(std::move(pending.answer));
  schedule_flush();
}

}  // namespace weir::routing
