#pragma once
// FeedReader: polls the store, and hands what is new to each subscriber.
//
// Purpose: one poll at a time, every kPollInterval. It moves store time on, lets what is due
// expire, and reads the changes after the last one that was read, and notices from other replicas.
// Changes come in the order of their revisions, each once. A subscriber gets the snapshot first;
// what comes while it is read is kept for it. Where there is a gap (trimmed, or this replica had
// read what a failover lost) subscribers get a Reset and go on from the present.
// Threading: the event loop's thread. Lifetime: nothing is delivered after it is gone, except that
// snapshots which are on their way are answered with kUnavailable.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "controlplane/store/redis/script_caller.h"
#include "controlplane/store/redis/snapshot_reader.h"
#include "controlplane/store/state_store.h"

namespace weir::store::redis {

class FeedReader {
 public:
  FeedReader(Executor& executor, const Clock& clock, ScriptCaller& scripts);
  ~FeedReader();
  FeedReader(const FeedReader&) = delete;
  FeedReader& operator=(const FeedReader&) = delete;

  std::uint64_t add(Done<Snapshot> done, StateStore::Feed on_change);
  void remove(std::uint64_t subscription);
  /// Since the feed was last read to its end.
  Duration age() const;

 private:
  struct Subscriber {
    StateStore::Feed on_change;
    Done<Snapshot> done;  ///< until the snapshot is delivered
    std::shared_ptr<void> reading;
    std::optional<SnapshotDraft> draft;  ///< read; changes up to its end are still missing
    std::vector<Change> kept;            ///< until it is delivered
    bool ended = false;
    bool ready() const { return !done; }
  };

  void schedule(Duration delay);
  void poll();
  void on_poll(std::optional<Revision> asked, ScriptCaller::Outcome outcome);
  bool take_changes(std::optional<Revision> asked, Fields& fields, std::vector<Change>& changes,
                    bool& more);
  bool take_notices(Fields& fields, std::vector<Change>& changes);
  void read_all(const std::shared_ptr<Subscriber>& subscriber);
  void refuse_waiting();
  void finish(const std::shared_ptr<Subscriber>& subscriber);
  void deliver(const std::vector<Change>& changes);
  void reset();

  Executor& executor_;
  const Clock& clock_;
  ScriptCaller& scripts_;
  std::map<std::uint64_t, std::shared_ptr<Subscriber>> subscribers_;
  std::uint64_t last_subscription_ = 0;
  std::optional<Revision> read_;  ///< the last change that was read
  std::string bulletins_seen_, broadcasts_seen_, mail_seen_;
  MonotonicTime polled_at_{};
  MonotonicTime read_to_end_;
  TimerId timer_ = 0;
  /// Completions that are on their way know by it whether this is still here.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weir::store::redis
