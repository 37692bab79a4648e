// The fixture's helpers; the sentences are in the other state_store_*_test.cc.

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {

void StateStoreConformance::SetUp() {
  under_test_ = GetParam().make();
  stream_ = make_stream_key(kDefaultVhost, "live", "camera").value();
}

void StateStoreConformance::begin() {
  raise();
  end_settling();
  advance(kRenewalGrace);
}

void StateStoreConformance::raise(std::uint64_t at_least) {
  const std::uint64_t seen = generation().generation;
  value(ask<GenerationState>(
      [&](auto done) { store().raise_generation(seen, at_least, caller_, std::move(done)); }));
}

void StateStoreConformance::lose_history() {
  under_test_->lose_history();
  caller_ = {};
}

AcquireResult StateStoreConformance::acquire(AcquireRequest request) {
  return value(ask<AcquireResult>(
      [&](auto done) { store().acquire(std::move(request), caller_, std::move(done)); }));
}

AcquireResult StateStoreConformance::acquire(const model::Holder& holder,
                                             std::vector<Candidate> candidates) {
  return acquire(request(holder, std::move(candidates)));
}

std::optional<StoreError> StateStoreConformance::acquire_error(AcquireRequest request) {
  return error(ask<AcquireResult>(
      [&](auto done) { store().acquire(std::move(request), caller_, std::move(done)); }));
}

Changed StateStoreConformance::confirm(const model::Placement& placement) {
  return value(
      ask<Changed>([&](auto done) { store().confirm(ref(placement), caller_, std::move(done)); }));
}

Changed StateStoreConformance::release(const model::Placement& placement) {
  return release(ref(placement));
}

Changed StateStoreConformance::release(HolderRef held) {
  return value(
      ask<Changed>([&](auto done) { store().release(std::move(held), caller_, std::move(done)); }));
}

Changed StateStoreConformance::orphan(OrphanRequest request) {
  return value(ask<Changed>(
      [&](auto done) { store().orphan(std::move(request), caller_, std::move(done)); }));
}

Changed StateStoreConformance::repoint(const model::Placement& placement, const IncarnationId& to) {
  return value(ask<Changed>(
      [&](auto done) { store().repoint(ref(placement), to, caller_, std::move(done)); }));
}

Changed StateStoreConformance::restore(const model::Placement& held) {
  return value(ask<Changed>([&](auto done) { store().restore({held}, caller_, std::move(done)); }));
}

Reply<Changed> StateStoreConformance::claim(const model::Placement& held) {
  return ask<Changed>([&](auto done) {
    store().claim({ref(held), held.origin, held.incarnation}, caller_, std::move(done));
  });
}

bool StateStoreConformance::granted(const model::Placement& held) {
  return value(claim(held)).changed;
}

Changed StateStoreConformance::adopt(const Candidate& where) {
  return value(ask<Changed>([&](auto done) {
    store().adopt({stream_, where.origin, where.incarnation}, caller_, std::move(done));
  }));
}

std::optional<model::Placement> StateStoreConformance::lookup() {
  return value(ask<std::optional<model::Placement>>(
      [&](auto done) { store().lookup(stream_, caller_, std::move(done)); }));
}

OriginUpserted StateStoreConformance::upsert(OriginUpsert request) {
  return value(ask<OriginUpserted>(
      [&](auto done) { store().upsert_origin(std::move(request), caller_, std::move(done)); }));
}

OriginUpserted StateStoreConformance::upsert(const std::string& origin,
                                             const std::string& process) {
  OriginUpsert request;
  request.description.id = OriginId(origin);
  request.description.endpoints = {{model::Protocol::kRtmp, origin + ".example:1935"}};
  request.process = process;
  return upsert(std::move(request));
}

Candidate StateStoreConformance::origin(const std::string& id) {
  const OriginUpserted upserted = upsert(id);
  return {upserted.record.description.id, upserted.record.incarnation};
}

bool StateStoreConformance::declare_dead(const IncarnationId& incarnation, Duration age) {
  return value(ask<bool>([&](auto done) {
    store().declare_dead({incarnation, "test", age}, caller_, std::move(done));
  }));
}

RecordWritten StateStoreConformance::order(RecordKind kind, const std::string& name,
                                           std::optional<std::string> text,
                                           std::optional<Revision> expected) {
  return value(ask<RecordWritten>([&](auto done) {
    store().put_record({kind, name, std::move(text), expected}, caller_, std::move(done));
  }));
}

RecordsRestored StateStoreConformance::restore(std::vector<Record> kept, bool complete) {
  return value(ask<RecordsRestored>([&](auto done) {
    store().restore_records(std::move(kept), complete, caller_, std::move(done));
  }));
}

void StateStoreConformance::cordon(const std::string& origin, bool on) {
  order(RecordKind::kCordon, origin, on ? std::optional<std::string>("maintenance") : std::nullopt);
}

void StateStoreConformance::renew(const std::string& forwarder) {
  value(ask<bool>([&](auto done) {
    store().renew_forwarder(ForwarderId(forwarder), caller_, std::move(done));
  }));
}

GenerationState StateStoreConformance::generation() {
  return value(
      ask<GenerationState>([&](auto done) { store().read_generation(caller_, std::move(done)); }));
}

model::Holder StateStoreConformance::session(const std::string& id, const std::string& forwarder) {
  return model::SessionHolder{ForwarderId(forwarder), SessionId(id)};
}

HolderRef StateStoreConformance::ref(const model::Placement& placement) {
  return {placement.stream, placement.holder, placement.epoch};
}

AcquireRequest StateStoreConformance::request(const model::Holder& holder,
                                              std::vector<Candidate> candidates) const {
  AcquireRequest request;
  request.stream = stream_;
  request.holder = holder;
  request.candidates = std::move(candidates);
  return request;
}

void StateStoreSettled::SetUp() {
  StateStoreConformance::SetUp();
  begin();
  o1_ = origin("o1");
  o2_ = origin("o2");
}

AcquireRequest StateStoreSettled::takeover(const model::Holder& holder, const AcquireResult& held,
                                           Takeover::Evidence evidence) const {
  AcquireRequest asked = request(holder, {o2_, o1_});
  asked.takeover = Takeover{held.placement.value().epoch, evidence, held.store_time};
  return asked;
}

AcquireResult StateStoreSettled::publish(const model::Holder& holder) {
  AcquireResult bound = acquire(holder, {o1_, o2_});
  confirm(bound.placement.value());
  return bound;
}

void StateStoreOrigins::SetUp() {
  StateStoreConformance::SetUp();
  begin();
}

Changed StateStoreConformance::move(const Epoch& expected, std::vector<Candidate> candidates) {
  return value(ask<Changed>([&](auto done) {
    store().move({stream_, expected, std::move(candidates), "operator", "moved"}, caller_,
                 std::move(done));
  }));
}

RecordWritten StateStoreRecords::put(RecordWrite write) {
  return value(ask<RecordWritten>(
      [&](auto done) { store().put_record(std::move(write), caller_, std::move(done)); }));
}

std::size_t StateStoreRecords::restore_records(std::vector<Record> kept, bool complete) {
  return value(ask<RecordsRestored>([&](auto done) {
           store().restore_records(std::move(kept), complete, caller_, std::move(done));
         }))
      .changed;
}

bool StateStorePost::bulletin(const ReplicaId& from, std::string bytes) {
  return value(
      ask<bool>([&](auto done) { store().put_bulletin(from, std::move(bytes), std::move(done)); }));
}

bool StateStorePost::broadcast(const ReplicaId& from, std::string bytes) {
  return value(
      ask<bool>([&](auto done) { store().broadcast(from, std::move(bytes), std::move(done)); }));
}

bool StateStorePost::send(Mailbox to, Command command) {
  return value(ask<bool>([&](auto done) {
    store().send_command(std::move(to), std::move(command), std::move(done));
  }));
}

std::vector<Command> StateStorePost::take(Mailbox from) {
  return value(ask<std::vector<Command>>(
      [&](auto done) { store().take_commands(std::move(from), std::move(done)); }));
}

}  // namespace weir::store
