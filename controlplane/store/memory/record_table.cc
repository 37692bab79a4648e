#include "controlplane/store/memory/record_table.h"

#include "controlplane/store/limits.h"

namespace weir::store {

const Record* RecordTable::find(RecordKind kind, const std::string& name) const {
  const auto found = records_.find({kind, name});
  return found == records_.end() ? nullptr : &found->second.record;
}

RecordWritten RecordTable::put(RecordWrite write, const std::function<Revision()>& next_revision,
                               WallTime wall, MonotonicTime now) {
  const Record* before = find(write.kind, write.name);
  const auto unchanged = [&](bool full) {
    return RecordWritten{false, full, before ? std::optional(*before) : std::nullopt};
  };
  const bool living = before != nullptr && before->value;
  if (write.expected && *write.expected != (living ? before->revision : Revision{})) {
    return unchanged(false);
  }
  const bool same = living ? before->value == write.value : !write.value;
  if (same) return unchanged(false);
  const bool too_big = write.value && write.value->size() > kRecordBytesMax;
  if (too_big || (before == nullptr && records_.size() >= records_max_)) return unchanged(true);
  Record record{write.kind, std::move(write.name), std::move(write.value), next_revision(), wall};
  store(record, now);
  return {true, false, std::move(record)};
}

bool RecordTable::restore(const Record& kept, MonotonicTime now) {
  const Record* present = find(kept.kind, kept.name);
  if (present != nullptr ? present->revision >= kept.revision : records_.size() >= records_max_) {
    return false;
  }
  if (kept.value && kept.value->size() > kRecordBytesMax) return false;
  store(kept, now);
  return true;
}

void RecordTable::store(Record record, MonotonicTime now) {
  const Key key{record.kind, record.name};
  const MonotonicTime forget_at = now + kTombstoneKept;
  if (!record.value) tombstones_.emplace(forget_at, std::pair{key, record.revision});
  records_.insert_or_assign(key, Entry{std::move(record), forget_at});
}

void RecordTable::forget_old(MonotonicTime now) {
  while (!tombstones_.empty() && tombstones_.begin()->first <= now) {
    const auto& [key, revision] = tombstones_.begin()->second;
    const auto found = records_.find(key);
    // Written again meanwhile: another revision.
    if (found != records_.end() && found->second.record.revision == revision) {
      records_.erase(found);
    }
    tombstones_.erase(tombstones_.begin());
  }
}

std::vector<Record> RecordTable::all() const {
  std::vector<Record> records;
  records.reserve(records_.size());
  for (const auto& [key, entry] : records_) records.push_back(entry.record);
  return records;
}

}  // namespace weir::store
