// Time, generations, origins, records, renewals, the feed and the post between replicas; the
// placement verbs are in memory_placement_verbs.cc.

#include "controlplane/store/memory/memory_state_store.h"

#include <algorithm>
#include <chrono>

namespace weir::store {
namespace {

using namespace std::chrono_literals;

/// Longest time between two looks at the clock: what is longer than kStallSeen was a stall. Every
/// expiry is further away than this, so the timer that is armed for one is armed for its exact
/// time.
constexpr Duration kWatchInterval = 250ms;
static_assert(kWatchInterval < kStallSeen && kWatchInterval < kSettlingExtension);

}  // namespace

MemoryStateStore::MemoryStateStore(Executor& executor, const Clock& clock,
                                   std::size_t last_epochs_max)
    : executor_(executor),
      clock_(clock),
      last_epochs_(last_epochs_max),
      origins_(
          [this](const IncarnationId& incarnation) { return placements_.references(incarnation); }),
      feed_(executor, kChangesKept),
      now_(clock.now()) {
  arm(now_);
}

MemoryStateStore::~MemoryStateStore() {
  executor_.cancel(timer_);
}

// ---------------------------------------------------------------------------------------- time

/// At the start of every verb: what is due happens first, however late the timer is.
MonotonicTime MemoryStateStore::enter() {
  const MonotonicTime now = clock_.now();
  const Duration gap = now - now_;
  if (gap > kStallSeen) {
    // This process stood still: renewals that came meanwhile were not read, and nobody could
    // restore.
    renewals_.mean_nothing_until(now + kRenewalGrace);
    generation_.stalled(gap);
  }
  now_ = now;
  expire(now);
  return now;
}

void MemoryStateStore::expire(MonotonicTime now) {
  if (generation_.end_settling_when_due(now)) {
    renewals_.mean_nothing_until(now + kRenewalGrace);
    publish(Change::SettlingEnded{}, generation_.next_revision());
  }
  while (const PlacementEntry* expired = placements_.next_expired(now)) {
    remove(expired->placement.stream);
  }
  while (const auto forgotten = origins_.forget_old(now)) {
    publish(Change::OriginChanged{*forgotten, std::nullopt}, generation_.next_revision());
  }
  while (const auto silent = post_office_.next_expired_bulletin(now)) {
    publish(Change::BulletinChanged{*silent, std::nullopt}, {});
  }
  last_epochs_.forget_old(now);
  renewals_.forget_old(now);
  records_.forget_old(now);
  post_office_.forget_old(now);
}

void MemoryStateStore::on_timer() {
  arm(enter());
}

void MemoryStateStore::arm(MonotonicTime now) {
  MonotonicTime next = now + kWatchInterval;
  if (const auto until = generation_.settling_until()) next = std::min(next, *until);
  if (const auto expiry = placements_.next_expiry()) next = std::min(next, *expiry);
  timer_ = executor_.run_after(next - now, [this] { on_timer(); });
}

bool MemoryStateStore::history_lost(const Caller& caller) const {
  return generation_.missing() || caller.highest_seen > generation_.revision() ||
         generation_.is_ahead(caller.highest_epoch);
}

GenerationState MemoryStateStore::state(const Caller& caller) const {
  return {generation_.number(), generation_.settling(), history_lost(caller), records_known_};
}

void MemoryStateStore::publish(decltype(Change::what) what, Revision revision) {
  feed_.publish({revision, std::move(what)});
}

// --------------------------------------------------------------------------------- generations

void MemoryStateStore::read_generation(Caller caller, Done<GenerationState> done) {
  enter();
  answer(done, state(caller));
}

void MemoryStateStore::raise_generation(std::uint64_t seen, std::uint64_t at_least, Caller caller,
                                        Done<GenerationState> done) {
  const MonotonicTime now = enter();
  const bool lost = history_lost(caller) || generation_.is_below(at_least);
  // Nobody knows of an earlier history: there are no records that could be missing.
  const bool is_new = generation_.missing() && at_least == 0;
  if (lost && generation_.raise(seen, at_least, clock_.wall_now(), now)) {
    records_known_ = is_new;
    renewals_.mean_nothing_until(now + kSettlingFirst + kRenewalGrace);
    publish(Change::GenerationRaised{generation_.number()}, generation_.next_revision());
  }
  GenerationState after = state(caller);
  // Another one raised it from the same generation, to less than this caller asked for.
  after.lost = after.lost || generation_.is_below(at_least);
  answer(done, after);
}

void MemoryStateStore::extend_settling(Done<GenerationState> done) {
  const MonotonicTime now = enter();
  generation_.extend_settling(now);
  if (const auto until = generation_.settling_until()) {
    renewals_.mean_nothing_until(*until + kRenewalGrace);
  }
  answer(done, state({}));
}

// ------------------------------------------------------------------------------------- origins

void MemoryStateStore::upsert_origin(OriginUpsert request, Caller caller,
                                     Done<OriginUpserted> done) {
  const MonotonicTime now = enter();
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  const auto upserted = origins_.upsert(request, {now, clock_.wall_now(), generation_.number()});
  OriginRecord& record = *upserted.record;
  if (upserted.changed) {
    record.revision = generation_.next_revision();
    publish(Change::OriginChanged{record.description.id, record}, record.revision);
  }
  answer(done, OriginUpserted{record, upserted.new_incarnation, upserted.id_taken});
}

void MemoryStateStore::declare_dead(DeathEvidence evidence, Caller caller, Done<bool> done) {
  const MonotonicTime now = enter();
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  const auto verdict =
      origins_.declare_dead(evidence, {now, clock_.wall_now(), generation_.number()});
  if (OriginRecord* record = verdict.changed) {
    record->revision = generation_.next_revision();
    publish(Change::OriginChanged{record->description.id, *record}, record->revision);
  }
  answer(done, verdict.dead);
}

// ------------------------------------------------------------------------------------- records

void MemoryStateStore::put_record(RecordWrite write, Caller caller, Done<RecordWritten> done) {
  const MonotonicTime now = enter();
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  auto written = records_.put(
      std::move(write), [this] { return generation_.next_revision(); }, clock_.wall_now(), now);
  if (written.changed) publish(Change::RecordChanged{*written.record}, written.record->revision);
  answer(done, std::move(written));
}

void MemoryStateStore::restore_records(std::vector<Record> kept, bool complete, Caller caller,
                                       Done<RecordsRestored> done) {
  const MonotonicTime now = enter();
  std::erase_if(kept, [](const Record& record) { return !is_credible(record.revision); });
  // What the store has not handed out shows that it lost its history.
  for (const Record& record : kept) {
    caller.highest_seen = std::max(caller.highest_seen, record.revision);
  }
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  RecordsRestored restored;
  for (const Record& record : kept) {
    if (!records_.restore(record, now)) continue;
    ++restored.changed;
    // In the feed it has a place of its own; the record's revision is of the write it stands for.
    publish(Change::RecordChanged{record}, generation_.next_revision());
  }
  records_known_ = records_known_ || complete;
  answer(done, restored);
}

// ---------------------------------------------------------------------------- renewals and feed

void MemoryStateStore::renew_forwarder(const ForwarderId& id, Caller caller, Done<bool> done) {
  const MonotonicTime now = enter();
  if (history_lost(caller)) return answer(done, StoreError::kHistoryLost);
  answer(done, renewals_.renew(id, now));
}

std::uint64_t MemoryStateStore::subscribe(Done<Snapshot> done, Feed on_change) {
  enter();
  // Posted before any later change is, so the reader has all of the past when the first change
  // comes.
  answer(done, Snapshot{generation_.revision(), generation_.settling(), placements_.all(),
                        origins_.all(), records_.all()});
  return feed_.add(std::move(on_change));
}

void MemoryStateStore::unsubscribe(std::uint64_t subscription) {
  feed_.remove(subscription);
}

void MemoryStateStore::read_changes(std::string token, std::size_t limit, Done<ChangePage> done) {
  enter();
  answer(done, feed_.read_after(token, limit, generation_.revision()));
}

// ------------------------------------------------------------------------------ between replicas

void MemoryStateStore::put_bulletin(const ReplicaId& from, std::string bytes, Done<bool> done) {
  const bool put = post_office_.put_bulletin(from, bytes, enter());
  if (put) publish(Change::BulletinChanged{from, std::move(bytes)}, {});
  answer(done, put);
}

void MemoryStateStore::broadcast(const ReplicaId& from, std::string bytes, Done<bool> done) {
  enter();
  const bool fits = bytes.size() <= kBroadcastBytesMax;
  if (fits) publish(Change::BroadcastReceived{from, std::move(bytes)}, {});
  answer(done, fits);
}

void MemoryStateStore::send_command(Mailbox to, Command command, Done<bool> done) {
  const bool sent = post_office_.send(to, std::move(command), enter());
  if (sent) publish(Change::MailCame{std::move(to)}, {});
  answer(done, sent);
}

void MemoryStateStore::take_commands(Mailbox from, Done<std::vector<Command>> done) {
  answer(done, post_office_.take(from, enter()));
}

void MemoryStateStore::put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                                         Done<bool> done) {
  const MonotonicTime now = enter();
  answer(done, post_office_.put_media_session(std::move(ufrag), std::move(bytes), expiry, now));
}

void MemoryStateStore::find_media_session(std::string ufrag,
                                          Done<std::optional<std::string>> done) {
  answer(done, post_office_.find_media_session(ufrag, enter()));
}

}  // namespace weir::store
