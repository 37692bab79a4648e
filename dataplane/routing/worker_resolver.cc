#include "dataplane/routing/worker_resolver.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/base/contract.h"
#include "dataplane/routing/limits.h"

namespace weir::routing {

struct WorkerResolver::Watch {
  StreamKey stream;
  Callback<void(const RouteUpdate&)> on_update;
  bool active = true;  ///< false once the subscription is dropped
  bool told = false;
};

class WorkerResolver::WatchHandle final : public Subscription {
 public:
  WatchHandle(WorkerResolver& resolver, std::shared_ptr<Watch> watch)
      : resolver_(resolver), watch_(std::move(watch)) {}
  ~WatchHandle() override {
    watch_->active = false;
    resolver_.unsubscribe(*watch_);
  }

 private:
  WorkerResolver& resolver_;
  std::shared_ptr<Watch> watch_;
};

WorkerResolver::WorkerResolver(ControlClient& control, Executor& executor, const Clock& clock)
    : control_(control),
      executor_(executor),
      clock_(clock),
      index_(control.add_worker(executor, *this)) {}

WorkerResolver::~WorkerResolver() = default;

/// What is told in one turn of the worker crosses to the control thread together: waking it costs
/// more than what it then does.
void WorkerResolver::tell(Callback<void(ControlClient&)> call) {
  told_.push_back(std::move(call));
  if (told_.size() > 1) return;
  executor_.post([this] {
    control_.executor().post([&control = control_, calls = std::exchange(told_, {})]() mutable {
      for (auto& call : calls) call(control);
    });
  });
}

void WorkerResolver::start() {
  tick();
}

void WorkerResolver::tick() {
  const MonotonicTime now = clock_.now();
  forget_idle(now);
  report_activity(now);
  executor_.run_after(kActivityEvery, [this] { tick(); });
}

// --- sessions

void WorkerResolver::session_started(const SessionInfo& info, SessionControl& control) {
  const auto [it, inserted] = sessions_.try_emplace(info.id);
  WEIR_ASSERT(inserted);
  it->second.info = info;
  it->second.control = &control;
  // A publisher hears of its stream even when it does not watch: fencing and claims depend on it.
  if (info.intent == Intent::kPublish) need(info.stream, false).publishers.push_back(info.id);
  tell([worker = index_, info](ControlClient& c) mutable {
    c.session_upserted(worker, std::move(info));
  });
}

void WorkerResolver::session_changed(const SessionInfo& info) {
  const auto it = sessions_.find(info.id);
  if (it == sessions_.end()) return;
  it->second.info = info;
  tell([worker = index_, info](ControlClient& c) mutable {
    c.session_upserted(worker, std::move(info));
  });
}

void WorkerResolver::session_ended(const SessionId& id, std::string reason) {
  auto node = sessions_.extract(id);
  if (node.empty()) return;
  Session& session = node.mapped();
  if (session.info.intent == Intent::kPublish) {
    const auto stream = streams_.find(session.info.stream);
    WEIR_ASSERT(stream != streams_.end());
    std::erase(stream->second.publishers, id);
    became_idle(stream->second);
  }
  tell([id, reason = std::move(reason),
        closes = std::move(session.closes)](ControlClient& c) mutable {
    c.session_ended(id, std::move(reason));
    for (const std::uint64_t query : closes) c.session_closed(query);
  });
}

void WorkerResolver::acquire(AcquireRequest request, Callback<void(AcquireAnswer)> answer) {
  const auto it = sessions_.find(request.session);
  WEIR_ASSERT(it != sessions_.end());
  it->second.answer = std::move(answer);
  tell([worker = index_, request = std::move(request)](ControlClient& c) mutable {
    c.acquire(worker, std::move(request));
  });
}

void WorkerResolver::on_acquire_answer(const SessionId& id, AcquireAnswer answer) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || !it->second.answer) return;
  // Moved out first: the session may ask again, or end, from within.
  Callback<void(AcquireAnswer)> callback = std::move(it->second.answer);
  callback(std::move(answer));
}

void WorkerResolver::on_close(const SessionId& id, SessionControl::Close reason,
                              std::uint64_t query) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) {
    tell([query](ControlClient& c) { c.session_closed(query); });
    return;
  }
  if (query != 0) it->second.closes.push_back(query);
  it->second.control->close_session(reason, [this, id, query] { closed(id, query); });
}

void WorkerResolver::closed(const SessionId& id, std::uint64_t query) {
  const auto it = sessions_.find(id);
  // When it has ended, session_ended() has answered.
  if (it == sessions_.end() || std::erase(it->second.closes, query) == 0) return;
  tell([query](ControlClient& c) { c.session_closed(query); });
}

void WorkerResolver::on_query(std::uint64_t query, const std::vector<SessionId>& sessions) {
  const MonotonicTime now = clock_.now();
  std::vector<SessionFacts> facts;
  for (const SessionId& id : sessions) {
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) continue;
    const SessionActivity activity = it->second.control->activity();
    SessionFacts fact{.session = id,
                      .media_idle = {},
                      .waiting = it->second.info.state != SessionInfo::State::kActive};
    if (activity.last_media) fact.media_idle = now - *activity.last_media;
    facts.push_back(std::move(fact));
  }
  tell([query, facts = std::move(facts)](ControlClient& c) mutable {
    c.query_answered(query, std::move(facts));
  });
}

// --- streams

WorkerResolver::Stream& WorkerResolver::need(const StreamKey& key, bool waits) {
  const auto [it, inserted] = streams_.try_emplace(key);
  if (inserted) {
    stats_.streams.store(streams_.size(), std::memory_order_relaxed);
  } else if (it->second.idle()) {
    --idle_streams_;
  }
  // A publisher's own interest may wait; that of a player who joins it may not.
  const bool hurries = waits && !it->second.told_that_it_waits;
  it->second.told_that_it_waits |= waits;
  if (inserted || hurries)
    tell([worker = index_, key, waits](ControlClient& c) { c.want(worker, key, waits); });
  return it->second;
}

void WorkerResolver::became_idle(Stream& stream) {
  if (!stream.idle()) return;
  stream.idle_since = clock_.now();
  if (++idle_streams_ > kIdleStreamsMax) forget_idle(stream.idle_since);
}

/// Idle streams are dropped lazily; beyond their bound all of them go, which costs each at most one
/// question when somebody comes back.
void WorkerResolver::forget_idle(MonotonicTime now) {
  const bool all = idle_streams_ > kIdleStreamsMax;
  for (auto it = streams_.begin(); it != streams_.end();) {
    if (!it->second.idle() || (!all && now - it->second.idle_since < kInterestLinger)) {
      ++it;
      continue;
    }
    routes_.erase(it->first);
    tell([worker = index_, key = it->first](ControlClient& c) { c.unwant(worker, key); });
    it = streams_.erase(it);
    --idle_streams_;
  }
  stats_.streams.store(streams_.size(), std::memory_order_relaxed);
}

std::unique_ptr<Subscription> WorkerResolver::watch(const StreamKey& stream, Intent intent,
                                                    Callback<void(const RouteUpdate&)> on_update) {
  auto watch = std::make_shared<Watch>();
  watch->stream = stream;
  watch->on_update = std::move(on_update);
  need(stream, intent == Intent::kPlay).watches.push_back(watch);
  if (routes_.find(stream) != nullptr) {
    stats_.watches_known.fetch_add(1, std::memory_order_relaxed);
    executor_.post([this, watch] { deliver_present(watch); });
  } else {
    stats_.watches_unknown.fetch_add(1, std::memory_order_relaxed);
  }
  return std::make_unique<WatchHandle>(*this, std::move(watch));
}

void WorkerResolver::deliver_present(const std::shared_ptr<Watch>& watch) {
  if (!watch->active || watch->told) return;
  const RouteUpdate* known = routes_.find(watch->stream);
  if (known == nullptr) return;
  watch->told = true;
  // A copy: the callback may cause the entry to be forgotten.
  const RouteUpdate update = *known;
  watch->on_update(update);
}

void WorkerResolver::unsubscribe(const Watch& watch) {
  const auto it = streams_.find(watch.stream);
  WEIR_ASSERT(it != streams_.end());
  std::erase_if(it->second.watches, [&](const auto& entry) { return entry.get() == &watch; });
  // became_idle() may sweep, which must not happen under a caller that walks the streams: it only
  // erases idle ones, and nobody holds a reference to those.
  became_idle(it->second);
}

void WorkerResolver::on_route(const RouteUpdate& update) {
  const auto it = streams_.find(update.stream);
  if (it == streams_.end() || routes_.apply(update) != RouteCache::Verdict::kApplied) return;
  // Both lists are copied: callbacks subscribe, unsubscribe and end sessions.
  const std::vector<std::shared_ptr<Watch>> watches = it->second.watches;
  fence_publishers(update);
  for (const auto& watch : watches) {
    if (!watch->active) continue;
    watch->told = true;
    watch->on_update(update);
  }
}

/// A newer epoch that names another holder ends our publisher (design 6).
void WorkerResolver::fence_publishers(const RouteUpdate& update) {
  if (!update.route) return;
  const std::vector<SessionId> publishers = streams_.at(update.stream).publishers;
  for (const SessionId& id : publishers) {
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) continue;
    Session& session = it->second;
    if (session.fenced || !session.info.epoch.is_set()) continue;
    if (update.route->epoch <= session.info.epoch || update.route->holder_session == id) continue;
    session.fenced = true;
    stats_.fenced.fetch_add(1, std::memory_order_relaxed);
    session.control->close_session(SessionControl::Close::kFenced, [] {});
  }
}

// --- facts about origins

void WorkerResolver::report_dial(const IncarnationId& incarnation, ContactOutcome outcome,
                                 Duration dial_time) {
  tell([report = DialReport{incarnation, outcome, dial_time}](ControlClient& c) mutable {
    c.report_dial(std::move(report));
  });
}

void WorkerResolver::note_bytes_from(const IncarnationId& incarnation) {
  const MonotonicTime now = clock_.now();
  const auto [it, inserted] = bytes_noted_.try_emplace(incarnation, now);
  if (!inserted) {
    if (now - it->second < kBytesNoteEvery) return;
    it->second = now;
  }
  tell([incarnation](ControlClient& c) { c.note_bytes_from(incarnation); });
}

void WorkerResolver::report_activity(MonotonicTime now) {
  std::erase_if(bytes_noted_, [&](const auto& entry) { return now - entry.second > kActiveFor; });
  std::vector<ActivityRecord> records;
  for (auto& [id, session] : sessions_) {
    const SessionActivity activity = session.control->activity();
    if (activity.media_bytes == session.reported_bytes) continue;
    session.reported_bytes = activity.media_bytes;
    ActivityRecord record{.session = id, .media_bytes = activity.media_bytes, .media_idle = {}};
    if (activity.last_media) record.media_idle = now - *activity.last_media;
    records.push_back(std::move(record));
  }
  if (records.empty()) return;
  tell([records = std::move(records)](ControlClient& c) { c.note_activity(records); });
}

}  // namespace weir::routing
