#pragma once
// ForwardingStore: a StateStore that hands every verb on, to derive deliberately broken ones from.
// Threading: as the inner store. Lifetime: the inner store and the executor outlive it.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/executor.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

class ForwardingStore : public StateStore {
 public:
  ForwardingStore(StateStore& inner, Executor& executor) : inner_(inner), executor_(&executor) {}
  /// For those that put nothing off.
  explicit ForwardingStore(StateStore& inner) : inner_(inner) {}

  void read_generation(Caller caller, Done<GenerationState> done) override {
    inner_.read_generation(caller, std::move(done));
  }
  void raise_generation(std::uint64_t seen, std::uint64_t at_least, Caller caller,
                        Done<GenerationState> done) override {
    inner_.raise_generation(seen, at_least, caller, std::move(done));
  }
  void extend_settling(Done<GenerationState> done) override {
    inner_.extend_settling(std::move(done));
  }
  void lookup(const StreamKey& stream, Caller caller,
              Done<std::optional<model::Placement>> done) override {
    inner_.lookup(stream, caller, std::move(done));
  }
  void acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) override {
    inner_.acquire(std::move(request), caller, std::move(done));
  }
  void confirm(HolderRef held, Caller caller, Done<Changed> done) override {
    inner_.confirm(std::move(held), caller, std::move(done));
  }
  void release(HolderRef held, Caller caller, Done<Changed> done) override {
    inner_.release(std::move(held), caller, std::move(done));
  }
  void orphan(OrphanRequest request, Caller caller, Done<Changed> done) override {
    inner_.orphan(std::move(request), caller, std::move(done));
  }
  void repoint(HolderRef held, IncarnationId to, Caller caller, Done<Changed> done) override {
    inner_.repoint(std::move(held), std::move(to), caller, std::move(done));
  }
  void restore(RestoreRequest request, Caller caller, Done<Changed> done) override {
    inner_.restore(std::move(request), caller, std::move(done));
  }
  void claim(ClaimRequest request, Caller caller, Done<Changed> done) override {
    inner_.claim(std::move(request), caller, std::move(done));
  }
  void adopt(AdoptRequest request, Caller caller, Done<Changed> done) override {
    inner_.adopt(std::move(request), caller, std::move(done));
  }
  void move(MoveRequest request, Caller caller, Done<Changed> done) override {
    inner_.move(std::move(request), caller, std::move(done));
  }
  void upsert_origin(OriginUpsert request, Caller caller, Done<OriginUpserted> done) override {
    inner_.upsert_origin(std::move(request), caller, std::move(done));
  }
  void declare_dead(DeathEvidence evidence, Caller caller, Done<bool> done) override {
    inner_.declare_dead(std::move(evidence), caller, std::move(done));
  }
  void put_record(RecordWrite write, Caller caller, Done<RecordWritten> done) override {
    inner_.put_record(std::move(write), caller, std::move(done));
  }
  void restore_records(std::vector<Record> kept, bool complete, Caller caller,
                       Done<RecordsRestored> done) override {
    inner_.restore_records(std::move(kept), complete, caller, std::move(done));
  }
  void renew_forwarder(const ForwarderId& id, Caller caller, Done<bool> done) override {
    inner_.renew_forwarder(id, caller, std::move(done));
  }
  std::uint64_t subscribe(Done<Snapshot> done, Feed on_change) override {
    return inner_.subscribe(std::move(done), std::move(on_change));
  }
  void unsubscribe(std::uint64_t subscription) override { inner_.unsubscribe(subscription); }
  void read_changes(std::string token, std::size_t limit, Done<ChangePage> done) override {
    inner_.read_changes(std::move(token), limit, std::move(done));
  }
  void put_bulletin(const ReplicaId& from, std::string bytes, Done<bool> done) override {
    inner_.put_bulletin(from, std::move(bytes), std::move(done));
  }
  void broadcast(const ReplicaId& from, std::string bytes, Done<bool> done) override {
    inner_.broadcast(from, std::move(bytes), std::move(done));
  }
  void send_command(Mailbox to, Command command, Done<bool> done) override {
    inner_.send_command(std::move(to), std::move(command), std::move(done));
  }
  void take_commands(Mailbox from, Done<std::vector<Command>> done) override {
    inner_.take_commands(std::move(from), std::move(done));
  }
  void put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                         Done<bool> done) override {
    inner_.put_media_session(std::move(ufrag), std::move(bytes), expiry, std::move(done));
  }
  void find_media_session(std::string ufrag, Done<std::optional<std::string>> done) override {
    inner_.find_media_session(std::move(ufrag), std::move(done));
  }
  StoreHealth health() const override { return inner_.health(); }

 protected:
  StateStore& inner() { return inner_; }
  Executor& executor() { return *executor_; }

 private:
  StateStore& inner_;
  Executor* executor_ = nullptr;
};

}  // namespace weir::store
