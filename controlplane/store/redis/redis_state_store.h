#pragma once
// RedisStateStore: the store that several replicas share (docs/adr/0014-redis-store.md).
//
// Purpose: implements StateStore over one Redis (or the primary that Sentinel names). Each verb is
// one Lua script (lua/), so it is one atomic step for all replicas; the rules are those of
// controlplane/store/memory. It starts with whatever history Redis has.
// Threading: the thread of the executor, which is the runner's. An answer may be ahead of the feed.
// Lifetime: executor, clock and runner outlive it. Verbs under way are answered by the runner, also
// after this has gone.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "controlplane/store/redis/feed_reader.h"
#include "controlplane/store/redis/script_caller.h"
#include "controlplane/store/state_store.h"

namespace weir::store::redis {

class RedisStateStore final : public StateStore {
 public:
  /// `prefix`: in front of every key. `time`: in place of Redis's clock.
  RedisStateStore(Executor& executor, const Clock& clock, ScriptRunner& runner, std::string prefix,
                  StoreTime time = {});
  ~RedisStateStore() override;
  RedisStateStore(const RedisStateStore&) = delete;
  RedisStateStore& operator=(const RedisStateStore&) = delete;

  void read_generation(Caller caller, Done<GenerationState> done) override;
  void raise_generation(std::uint64_t seen, std::uint64_t at_least, Caller caller,
                        Done<GenerationState> done) override;
  void extend_settling(Done<GenerationState> done) override;

  void lookup(const StreamKey& stream, Caller caller,
              Done<std::optional<model::Placement>> done) override;
  void acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) override;
  void confirm(HolderRef held, Caller caller, Done<Changed> done) override;
  void release(HolderRef held, Caller caller, Done<Changed> done) override;
  void orphan(OrphanRequest request, Caller caller, Done<Changed> done) override;
  void repoint(HolderRef held, IncarnationId to, Caller caller, Done<Changed> done) override;
  void restore(RestoreRequest request, Caller caller, Done<Changed> done) override;
  void claim(ClaimRequest request, Caller caller, Done<Changed> done) override;
  void adopt(AdoptRequest request, Caller caller, Done<Changed> done) override;
  void move(MoveRequest request, Caller caller, Done<Changed> done) override;

  void upsert_origin(OriginUpsert request, Caller caller, Done<OriginUpserted> done) override;
  void declare_dead(DeathEvidence evidence, Caller caller, Done<bool> done) override;

  void put_record(RecordWrite write, Caller caller, Done<RecordWritten> done) override;
  void restore_records(std::vector<Record> kept, bool complete, Caller caller,
                       Done<RecordsRestored> done) override;

  void renew_forwarder(const ForwarderId& id, Caller caller, Done<bool> done) override;

  std::uint64_t subscribe(Done<Snapshot> done, Feed on_change) override;
  void unsubscribe(std::uint64_t subscription) override;
  void read_changes(std::string token, std::size_t limit, Done<ChangePage> done) override;

  void put_bulletin(const ReplicaId& from, std::string bytes, Done<bool> done) override;
  void broadcast(const ReplicaId& from, std::string bytes, Done<bool> done) override;
  void send_command(Mailbox to, Command command, Done<bool> done) override;
  void take_commands(Mailbox from, Done<std::vector<Command>> done) override;

  void put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                         Done<bool> done) override;
  void find_media_session(std::string ufrag, Done<std::optional<std::string>> done) override;

  StoreHealth health() const override;

 private:
  void held_verb(const StoreScript& script, const HolderRef& held, Caller caller,
                 std::vector<std::string> more, Done<Changed> done);
  void post(const StoreScript& script, std::vector<std::string> args, Done<bool> done,
            std::string_view last_key = {});
  template <class T, class U>
  void answer(Done<T>& done, U&& value) {
    executor_.post([done = std::move(done), value = store::Reply<T>(std::forward<U>(
                                                value))]() mutable { done(std::move(value)); });
  }

  Executor& executor_;
  ScriptCaller scripts_;
  FeedReader feed_;
  /// Verbs of several scripts know by it whether there is a next one.
  std::shared_ptr<void> alive_ = std::make_shared<int>();
};

}  // namespace weir::store::redis
