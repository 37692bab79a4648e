// Generations, origins, renewals, the feed; placements are in redis_placement_verbs.cc, records in
// redis_record_verbs.cc, what goes between replicas in redis_post_verbs.cc.

#include "controlplane/store/redis/redis_state_store.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "controlplane/store/limits.h"
#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/values.h"

namespace weir::store::redis {
namespace {

GenerationState read_state(Fields& fields) {
  GenerationState state;
  state.generation = fields.number();
  state.settling = fields.flag();
  state.lost = fields.flag();
  state.records_known = fields.flag();
  return state;
}

OriginId wanted_id(const model::OriginDescription& description) {
  if (!description.id.empty() || description.endpoints.empty()) return description.id;
  return OriginId(description.endpoints.front().address);
}

}  // namespace

RedisStateStore::RedisStateStore(Executor& executor, const Clock& clock, ScriptRunner& runner,
                                 std::string prefix, StoreTime time)
    : executor_(executor),
      scripts_(runner, std::move(prefix), std::move(time)),
      feed_(executor, clock, scripts_) {}

RedisStateStore::~RedisStateStore() = default;

StoreHealth RedisStateStore::health() const {
  return {feed_.age(), scripts_.trouble()};
}

// --------------------------------------------------------------------------------- generations

void RedisStateStore::read_generation(Caller caller, Done<GenerationState> done) {
  scripts_.verb(store_scripts().read_generation, kFirstShard, caller, {}, std::move(done),
                read_state);
}

void RedisStateStore::raise_generation(std::uint64_t seen, std::uint64_t at_least, Caller caller,
                                       Done<GenerationState> done) {
  // A nonsense number from outside must not bring the counter to its end.
  const std::uint64_t floor = at_least < kGenerationHeardMax ? at_least : 0;
  scripts_.verb(store_scripts().raise_generation, kFirstShard, caller,
                {number_word(seen), number_word(floor)}, std::move(done), read_state);
}

void RedisStateStore::extend_settling(Done<GenerationState> done) {
  scripts_.verb(store_scripts().extend_settling, kFirstShard, {}, {}, std::move(done), read_state);
}

// ------------------------------------------------------------------------------------- origins

void RedisStateStore::upsert_origin(OriginUpsert request, Caller caller,
                                    Done<OriginUpserted> done) {
  scripts_.verb(store_scripts().upsert_origin, kFirstShard, caller,
                {to_word(wanted_id(request.description).str()), to_word(request.process),
                 to_word(request.known_incarnation.str()), places_word(request.description),
                 pack_description(request.description)},
                std::move(done), [](Fields& fields) {
                  OriginUpserted upserted;
                  const std::string id = fields.text();
                  auto record = parse_origin(id, fields.text());
                  if (!record) fields.fail();
                  upserted.record = std::move(record).value_or(OriginRecord{});
                  upserted.new_incarnation = fields.flag();
                  upserted.id_taken = fields.flag();
                  return upserted;
                });
}

void RedisStateStore::declare_dead(DeathEvidence evidence, Caller caller, Done<bool> done) {
  scripts_.verb(store_scripts().declare_dead, kFirstShard, caller,
                {to_word(evidence.incarnation.str()), std::to_string(microseconds(evidence.age))},
                std::move(done), [](Fields& fields) { return fields.flag(); });
}

// ---------------------------------------------------------------------------- renewals and feed

void RedisStateStore::renew_forwarder(const ForwarderId& id, Caller caller, Done<bool> done) {
  scripts_.verb(store_scripts().renew_forwarder, kFirstShard, caller, {to_word(id.str())},
                std::move(done), [](Fields& fields) { return fields.flag(); });
}

std::uint64_t RedisStateStore::subscribe(Done<Snapshot> done, Feed on_change) {
  return feed_.add(std::move(done), std::move(on_change));
}

void RedisStateStore::unsubscribe(std::uint64_t subscription) {
  feed_.remove(subscription);
}

void RedisStateStore::read_changes(std::string token, std::size_t limit, Done<ChangePage> done) {
  const auto after = parse_revision(token, '.');
  std::vector<std::string> args = {"", "0"};
  if (after) {
    args = {number_word(after->generation), number_word(after->number)};
  } else if (!token.empty()) {
    args = {number_word(kGenerationMax), "0"};  // not one of ours: ahead of every history
  }
  args.push_back(std::to_string(std::clamp<std::size_t>(limit, 1, kChangesPerPoll)));
  const bool foreign = !after && !token.empty();
  scripts_.verb(store_scripts().read_changes, kFirstShard, {}, std::move(args), std::move(done),
                [foreign](Fields& fields) {
                  ChangePage page;
                  const auto last = parse_revision(fields.text(), '-');
                  page.more = fields.flag();
                  page.reset = fields.flag() || foreign;
                  const std::vector<std::string> entries = fields.texts(3);
                  if (!last) fields.fail();
                  for (std::size_t i = 0; i < entries.size() && !page.reset; i += 3) {
                    const auto revision = parse_revision(entries[i], '-');
                    auto what = revision ? parse_change(*revision, entries[i + 1], entries[i + 2])
                                         : std::nullopt;
                    // What cannot be read is a gap.
                    page.reset = !what;
                    if (what) page.changes.push_back({*revision, *std::move(what)});
                  }
                  if (page.reset) page.changes.clear();
                  page.token = fmt::format("{}", last.value_or(Revision{}));
                  return page;
                });
}

}  // namespace weir::store::redis
