#pragma once
// RecordTable: operators' orders and secrets, with tombstones (design 3, 4).
// Threading: the store's thread. Lifetime: owned by the store; records stay valid until the next
// change.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "controlplane/store/record.h"

namespace weir::store {

class RecordTable {
 public:
  explicit RecordTable(std::size_t records_max) : records_max_(records_max) {}

  /// nullptr: never written, or its tombstone has expired.
  const Record* find(RecordKind kind, const std::string& name) const;
  /// `next_revision` is called only when something changes.
  RecordWritten put(RecordWrite write, const std::function<Revision()>& next_revision,
                    WallTime wall, MonotonicTime now);
  /// True when it took effect: there was none of that name, or an older one. The record keeps its
  /// revision, so that whoever restores last cannot bring back what is older.
  bool restore(const Record& kept, MonotonicTime now);
  void forget_old(MonotonicTime now);
  std::vector<Record> all() const;

 private:
  using Key = std::pair<RecordKind, std::string>;
  struct Entry {
    Record record;
    MonotonicTime forget_at{};  ///< of a tombstone
  };
  void store(Record record, MonotonicTime now);

  std::size_t records_max_;
  std::map<Key, Entry> records_;
  std::multimap<MonotonicTime, std::pair<Key, Revision>> tombstones_;
};

}  // namespace weir::store
