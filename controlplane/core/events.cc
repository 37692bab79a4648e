#include "controlplane/core/events.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

constexpr std::size_t kBatch = 64;
constexpr auto kIdleMarker = 10s;

/// What happened at one replica and shows nowhere else.
constexpr std::array<std::string_view, 14> kTold{
    "AGENT_ATTACHED",     "AGENT_DETACHED",     "AGENT_REPLACED",  "FORWARDER_ATTACHED",
    "FORWARDER_DETACHED", "FORWARDER_REPLACED", "ORIGIN_ID_TAKEN", "ORIGIN_REJECTED",
    "REPLICA_ID_TAKEN",   "SESSION_KICKED",     "STORE_BACK",      "STORE_STALE",
    "STREAM_SPLIT",       "STREAM_SPLIT_ENDED"};
static_assert(std::ranges::is_sorted(kTold));

std::optional<Revision> decode_token(std::string_view text) {
  Revision revision;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view part, std::uint64_t& into) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), into);
    return error == std::errc{} && end == part.data() + part.size() && !part.empty();
  };
  if (!number(text.substr(0, dot), revision.generation)) return std::nullopt;
  if (!number(text.substr(dot + 1), revision.number)) return std::nullopt;
  return revision;
}

CoreError expired(std::string message) {
  return {Reason::kResumeTokenExpired, std::move(message), "", {}, std::nullopt};
}

}  // namespace

EventRing::EventRing(Executor& executor, const Clock& clock, metrics::Registry& metrics,
                     log::Logger logger)
    : executor_(executor),
      clock_(clock),
      metrics_(metrics),
      log_(std::move(logger)),
      eras_{Era{0, 1}} {}

void EventRing::set_generation(std::uint64_t generation) {
  if (eras_.back().generation == generation) return;
  eras_.push_back({generation, next_});
}

void EventRing::add(std::string_view type, Severity severity, std::string subject,
                    std::string message, Attributes attributes) {
  switch (severity) {
    case Severity::kInfo:
      log_.info("{} {}: {}", type, subject, message);
      break;
    case Severity::kWarning:
      log_.warning("{} {}: {}", type, subject, message);
      break;
    case Severity::kError:
      log_.error("{} {}: {}", type, subject, message);
      break;
  }
  metrics_
      .counter("weir_controlplane_events_total", "Events of the cluster, by type",
               {{"type", std::string(type)}})
      .add();
  push({{},
        clock_.wall_now(),
        std::string(type),
        severity,
        std::move(subject),
        std::move(message),
        std::move(attributes)});
  if (tell_ && std::ranges::binary_search(kTold, type)) tell_(events_.back());
}

void EventRing::take(Event event) {
  log_.debug("{} {}: {}", event.type, event.subject, event.message);
  push(std::move(event));
}

void EventRing::push(Event event) {
  const Era& era = eras_.back();
  event.revision = {era.generation, next_ - era.first + 1};
  events_.push_back(std::move(event));
  ++next_;
  if (events_.size() > kEventsKept) events_.pop_front();
  // An era whose events are all gone can no longer be resumed from; the present one always stays.
  while (eras_.size() > 1 && eras_[1].first < oldest()) eras_.pop_front();
  if (!waiting_.empty()) executor_.post([this] { wake(); });
}

Answer<EventCursor> EventRing::open(const std::string& token, std::optional<Duration> since) const {
  if (watchers_->load() >= kEventWatchersMax) {
    return CoreError{Reason::kLimitReached,
                     fmt::format("{} watchers of events are there already", kEventWatchersMax),
                     "",
                     {},
                     std::nullopt};
  }
  if (token.empty()) {
    EventCursor cursor{oldest(), false, take_place()};
    if (!since) return cursor;
    const auto from = clock_.wall_now() - std::chrono::duration_cast<WallTime::duration>(*since);
    // Not a binary search: the calendar may have been set back between events.
    for (const Event& event : events_) {
      if (event.time >= from) break;
      ++cursor.next;
    }
    return cursor;
  }
  const std::string_view text(token);
  const auto at = text.find('@');
  if ((at == std::string_view::npos ? std::string_view{} : text.substr(at + 1)) != ring_) {
    return expired("the resume token is of another replica, or of its earlier run");
  }
  const auto revision = decode_token(text.substr(0, at));
  if (!revision) return expired("the resume token is not one of this cluster's");
  const auto era = std::find_if(eras_.begin(), eras_.end(),
                                [&](const Era& e) { return e.generation == revision->generation; });
  if (era == eras_.end()) return expired("the resume token is of another generation");
  const std::uint64_t next = era->first + revision->number;
  if (next < oldest() || next > next_) return expired("events after the resume token are gone");
  return EventCursor{next, false, take_place()};
}

std::shared_ptr<void> EventRing::take_place() const {
  ++*watchers_;
  return {static_cast<void*>(nullptr), [watchers = watchers_](void*) { --*watchers; }};
}

std::uint64_t EventRing::read(EventCursor cursor, Callback<void(EventBatch)> done) {
  if (cursor.next < next_ || !cursor.told_current) {
    done(batch_from(cursor));
    return 0;
  }
  const std::uint64_t id = ++last_read_;
  const TimerId timer = executor_.run_after(kIdleMarker, [this, id] {
    const auto node = waiting_.extract(id);
    if (!node.empty()) node.mapped().done(batch_from(node.mapped().cursor));
  });
  waiting_.emplace(id, Waiting{cursor, std::move(done), timer});
  return id;
}

void EventRing::cancel(std::uint64_t read) {
  const auto found = waiting_.find(read);
  if (found == waiting_.end()) return;
  executor_.cancel(found->second.timer);
  waiting_.erase(found);
}

EventBatch EventRing::batch_from(EventCursor cursor) const {
  EventBatch batch;
  if (cursor.next < oldest()) {
    batch.reset = true;
    cursor.next = next_;
  }
  while (cursor.next < next_ && batch.events.size() < kBatch) {
    batch.events.push_back(events_[cursor.next - oldest()]);
    batch.tokens.push_back(this->token(batch.events.back().revision));
    ++cursor.next;
  }
  if (cursor.next == next_) {
    // Once told, a reader of new events is not told again with each of them.
    batch.current = !cursor.told_current || batch.events.empty();
    cursor.told_current = true;
  }
  batch.token = token_before(cursor.next);
  batch.cursor = cursor;
  return batch;
}

std::string EventRing::token_before(std::uint64_t next) const {
  const Era* at = &eras_.front();
  for (const Era& era : eras_) {
    if (era.first <= next) at = &era;
  }
  return token({at->generation, next - at->first});
}

std::string EventRing::token(const Revision& revision) const {
  return ring_.empty() ? format_as(revision) : fmt::format("{}@{}", revision, ring_);
}

void EventRing::wake() {
  std::vector<std::uint64_t> ready;
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.cursor.next < next_) ready.push_back(id);
  }
  for (const std::uint64_t id : ready) {
    auto node = waiting_.extract(id);
    if (node.empty()) continue;
    executor_.cancel(node.mapped().timer);
    node.mapped().done(batch_from(node.mapped().cursor));
  }
}

}  // namespace weir::core
