#pragma once
// MemoryStateStore: the embedded store of a single replica, and the reference of the ownership
// rules.
//
// Purpose: implements StateStore in this process. It starts with no history (generation 0), as a
// Redis that was flushed: its owner raises the generation, and what runs is restored while it
// settles. Threading: one thread, the executor's. A verb is executed when it is called; its answer
// and the feed are posted, so the feed and the answers come in the order in which things happened.
// Lifetime: clock and executor outlive the store.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "controlplane/store/limits.h"
#include "controlplane/store/memory/change_feed.h"
#include "controlplane/store/memory/generation.h"
#include "controlplane/store/memory/last_epochs.h"
#include "controlplane/store/memory/origin_table.h"
#include "controlplane/store/memory/placement_table.h"
#include "controlplane/store/memory/post_office.h"
#include "controlplane/store/memory/record_table.h"
#include "controlplane/store/memory/renewals.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

class MemoryStateStore final : public StateStore {
 public:
  MemoryStateStore(Executor& executor, const Clock& clock,
                   std::size_t last_epochs_max = kLastEpochsMax);
  ~MemoryStateStore() override;
  MemoryStateStore(const MemoryStateStore&) = delete;
  MemoryStateStore& operator=(const MemoryStateStore&) = delete;

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
  /// An embedded store is never away.
  StoreHealth health() const override { return {}; }

 private:
  // Time, records, post (memory_state_store.cc)
  MonotonicTime enter();
  void expire(MonotonicTime now);
  void on_timer();
  void arm(MonotonicTime now);
  bool history_lost(const Caller& caller) const;
  GenerationState state(const Caller& caller) const;
  template <class T, class U>
  void answer(Done<T>& done, U&& reply) {
    executor_.post([done = std::move(done), reply = Reply<T>(std::forward<U>(reply))]() mutable {
      done(std::move(reply));
    });
  }
  void publish(decltype(Change::what) what, Revision revision);

  // Placements (memory_placement_verbs.cc)
  AcquireResult bind(const AcquireRequest& request, std::optional<model::Placement> before,
                     const std::optional<IncarnationId>& banned, bool same_origin, bool takeover);
  std::optional<Candidate> same_origin_as(const model::Placement& placement,
                                          const std::optional<IncarnationId>& banned,
                                          bool whatever_ordered) const;
  bool may_bind(const StreamKey& stream, const Candidate& candidate) const;
  std::optional<Candidate> best_candidate(const AcquireRequest& request,
                                          const std::optional<IncarnationId>& banned) const;
  bool renewal_gone(const model::Holder& holder) const;
  bool may_orphan(const OrphanRequest& request, const model::Placement& placement) const;
  bool may_adopt(const AdoptRequest& request) const;
  PlacementEntry* find(const HolderRef& held);
  Changed unchanged(const StreamKey& stream) const;
  Changed end_holder(PlacementEntry& entry);
  const model::Placement& put(model::Placement placement);
  void remove(const StreamKey& stream);
  void unreferenced(const IncarnationId& incarnation);
  model::Placement held_placement(const HolderRef& held, OriginId origin, IncarnationId incarnation,
                                  model::PlacementState state) const;

  Executor& executor_;
  const Clock& clock_;
  Generation generation_;
  PlacementTable placements_;
  LastEpochs last_epochs_;
  OriginTable origins_;
  Renewals renewals_;
  RecordTable records_{kRecordsMax};
  bool records_known_ = false;
  PostOffice post_office_;
  ChangeFeed feed_;
  MonotonicTime now_;  ///< of the verb or timer that runs
  TimerId timer_ = 0;
};

}  // namespace weir::store
