// Records: operators' orders and the cluster's secrets.

#include <algorithm>
#include <memory>
#include <utility>

#include "controlplane/store/redis/redis_state_store.h"
#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/values.h"

namespace weir::store::redis {
namespace {

/// Records are written back a batch at a time: a script holds up all of Redis.
struct RecordsToRestore {
  std::vector<Record> kept;
  std::size_t at = 0;
  bool complete = false;
  Caller caller;
  Done<RecordsRestored> done;
  RecordsRestored restored;
};

std::vector<std::string> next_batch(RecordsToRestore& all) {
  std::vector<std::string> args = {""};
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (all.at < all.kept.size() && count < kRecordsPerRestore && bytes < kRecordBytesPerRestore) {
    Record& record = all.kept[all.at++];
    if (record.value && record.value->size() > kRecordBytesMax) continue;
    ++count;
    const bool pin = record.kind == RecordKind::kPin && record.value;
    args.emplace_back(kind_word(record.kind));
    args.push_back(to_word(record.name));
    args.push_back(number_word(record.revision.generation));
    args.push_back(number_word(record.revision.number));
    args.push_back(time_word(record.update_time));
    args.emplace_back(record.value ? "1" : "0");
    std::string word = pin ? to_word(*record.value) : std::string();
    bytes += record.value ? record.value->size() : 0;
    args.push_back(std::move(record.value).value_or(std::string()));
    args.push_back(std::move(word));
  }
  args.front() = all.complete && all.at == all.kept.size() ? "1" : "0";
  return args;
}

void restore_next(ScriptCaller& scripts, std::shared_ptr<RecordsToRestore> all,
                  std::weak_ptr<void> alive) {
  std::vector<std::string> args = next_batch(*all);
  Done<std::size_t> done = [&scripts, all, alive](store::Reply<std::size_t> reply) {
    if (const auto* error = std::get_if<StoreError>(&reply)) return all->done(*error);
    all->restored.changed += std::get<std::size_t>(reply);
    if (all->at == all->kept.size()) return all->done(all->restored);
    if (alive.expired()) return all->done(StoreError::kUnavailable);
    restore_next(scripts, all, alive);
  };
  scripts.verb(store_scripts().restore_records, kFirstShard, all->caller, std::move(args),
               std::move(done),
               [](Fields& fields) { return static_cast<std::size_t>(fields.number()); });
}

}  // namespace

void RedisStateStore::put_record(RecordWrite write, Caller caller, Done<RecordWritten> done) {
  const std::string field = std::string(kind_word(write.kind)) + ' ' + to_word(write.name);
  if (write.value && write.value->size() > kRecordBytesMax) {
    return answer(done, RecordWritten{false, true, std::nullopt});
  }
  const std::string value = write.value.value_or(std::string());
  scripts_.verb(
      store_scripts().put_record, kFirstShard, caller,
      {std::string(kind_word(write.kind)), to_word(write.name), write.value ? "put" : "delete",
       value, write.kind == RecordKind::kPin ? to_word(value) : std::string(),
       write.expected ? number_word(write.expected->generation) : std::string(),
       write.expected ? number_word(write.expected->number) : std::string()},
      std::move(done), [field](Fields& fields) {
        RecordWritten written;
        written.changed = fields.flag();
        written.full = fields.flag();
        const std::string packed = fields.text();
        if (packed.empty()) return written;
        written.record = parse_record(field, packed);
        if (!written.record) fields.fail();
        return written;
      });
}

void RedisStateStore::restore_records(std::vector<Record> kept, bool complete, Caller caller,
                                      Done<RecordsRestored> done) {
  auto all = std::make_shared<RecordsToRestore>();
  std::erase_if(kept, [](const Record& record) { return !is_credible(record.revision); });
  // What the store has not handed out shows that it lost its history.
  for (const Record& record : kept) {
    caller.highest_seen = std::max(caller.highest_seen, record.revision);
  }
  all->kept = std::move(kept);
  all->complete = complete;
  all->caller = caller;
  all->done = std::move(done);
  restore_next(scripts_, std::move(all), alive_);
}

}  // namespace weir::store::redis
