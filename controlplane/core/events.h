#pragma once
// Events: what happened in the cluster, the newest 10,000, for people and programs (design 10).
//
// Purpose: readers pull with a cursor, so a slow one costs nothing but its place: it is told that
// events were lost and goes on with new ones. Types: docs/operations/events.md.
// Threading: the core's thread. Lifetime: waiting readers are dropped with the ring.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/ids.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "controlplane/core/errors.h"

namespace weir::core {

enum class Severity { kInfo, kWarning, kError };

struct Event {
  Revision revision;  ///< generation at that time, and the number within it
  WallTime time{};
  std::string type;
  Severity severity = Severity::kInfo;
  std::string subject;  ///< `origins/…`, `streams/…`, `forwarders/…`, `agents/…`, `cluster`
  std::string message;
  std::map<std::string, std::string> attributes;
};

/// A reader's place.
struct EventCursor {
  std::uint64_t next = 0;
  bool told_current = false;
  std::shared_ptr<void> place = nullptr;  ///< one of the watchers, until its last copy goes
};

struct EventBatch {
  std::vector<Event> events;
  std::vector<std::string> tokens;  ///< one for each event
  bool current = false;             ///< everything up to here has been read
  bool reset = false;               ///< events before these were lost for this reader
  std::string token;                ///< where to resume after this batch
  EventCursor cursor;
};

class EventRing {
 public:
  using Attributes = std::map<std::string, std::string>;

  EventRing(Executor& executor, const Clock& clock, metrics::Registry& metrics, log::Logger logger);

  /// Later events belong to `generation`.
  void set_generation(std::uint64_t generation);
  void add(std::string_view type, Severity severity, std::string subject, std::string message,
           Attributes attributes = {});
  /// An event of another replica, which told of it; numbered as one of ours.
  void take(Event event);
  /// Called with each later event that only this replica can tell of. Others are seen by every
  /// replica for itself: changes of the store, and what the liveness rules make of them.
  void tell_others(std::function<void(const Event&)> tell) { tell_ = std::move(tell); }
  /// Tokens name the ring, since numbers mean something else at another replica.
  void name_ring(std::string name) { ring_ = std::move(name); }

  /// Errors: kResumeTokenExpired, kLimitReached. `since`: only events not older.
  Answer<EventCursor> open(const std::string& token, std::optional<Duration> since) const;
  /// Answers at once when there is something to say, else with the next event, or with `current`
  /// after 10 s. Returns a number for cancel(); 0: answered already.
  std::uint64_t read(EventCursor cursor, Callback<void(EventBatch)> done);
  void cancel(std::uint64_t read);

  std::size_t size() const { return events_.size(); }

 private:
  struct Era {
    std::uint64_t generation;
    std::uint64_t first;  ///< sequence of its event number 1
  };
  struct Waiting {
    EventCursor cursor;
    Callback<void(EventBatch)> done;
    TimerId timer = 0;
  };

  std::uint64_t oldest() const { return next_ - events_.size(); }
  EventBatch batch_from(EventCursor cursor) const;
  std::string token_before(std::uint64_t next) const;
  std::string token(const Revision& revision) const;
  void push(Event event);
  void wake();
  std::shared_ptr<void> take_place() const;

  Executor& executor_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  log::Logger log_;
  std::function<void(const Event&)> tell_;
  std::string ring_;
  std::deque<Event> events_;
  std::uint64_t next_ = 1;  ///< sequence of the next event, across generations
  std::deque<Era> eras_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_read_ = 0;
  /// Atomic and shared: cursors go on whatever thread a stream ends, also after the ring.
  std::shared_ptr<std::atomic<std::size_t>> watchers_ =
      std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace weir::core
