#include "controlplane/store/redis/snapshot_reader.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/values.h"

namespace weir::store::redis {
namespace {

struct Table {
  std::string_view name;
  std::size_t per_page;
  bool per_shard;
};
constexpr std::array kTables = {Table{"origins", kOriginsPerPage, false},
                                Table{"records", kRecordsPerPage, false},
                                Table{"placements", kPlacementsPerPage, true}};

class SnapshotReading : public std::enable_shared_from_this<SnapshotReading> {
 public:
  SnapshotReading(ScriptCaller& scripts, Callback<void(Revision)> began,
                  Callback<void(std::variant<SnapshotDraft, StoreError>)> done)
      : scripts_(scripts), began_(std::move(began)), done_(std::move(done)) {}

  void ask() {
    scripts_.call(
        store_scripts().snapshot, kFirstShard, {},
        {cursor_, std::to_string(kTables[table_].per_page)},
        [weak = weak_from_this()](ScriptCaller::Outcome outcome) {
          if (const auto self = weak.lock()) self->on_page(std::move(outcome));
        },
        kTables[table_].name);
  }

 private:
  void on_page(ScriptCaller::Outcome outcome) {
    if (const auto* error = std::get_if<StoreError>(&outcome)) return done_(*error);
    Fields& fields = std::get<Fields>(outcome);
    std::string run = fields.text();
    Revision revision;
    revision.generation = fields.number();
    revision.number = fields.number();
    const bool settling = fields.flag();
    std::string cursor = fields.text();
    const std::vector<std::string> entries = fields.texts(2);
    if (fields.failed()) return done_(scripts_.unexpected(store_scripts().snapshot));
    if (!run_) {
      run_ = std::move(run);
      draft_.first = revision;
      began_(draft_.first);
    } else if (run != *run_ || revision.generation != draft_.first.generation) {
      return start_over();
    }
    draft_.last = revision;
    draft_.settling = settling;
    cursor_ = std::move(cursor);
    for (std::size_t i = 0; i < entries.size(); i += 2) take(entries[i], entries[i + 1]);
    if (cursor_ == "0") ++table_;
    if (table_ < kTables.size()) return ask();
    if (unreadable_) scripts_.unexpected(store_scripts().snapshot);
    done_(std::move(draft_));
  }

  /// Another process orders its tables differently: its pages leave out what these had not reached.
  void start_over() {
    draft_ = {};
    run_.reset();
    table_ = 0;
    cursor_ = "0";
    unreadable_ = false;
    ask();
  }

  void take(const std::string& field, const std::string& packed) {
    const std::string_view table = kTables[table_].name;
    if (table == "placements") {
      if (auto placement = parse_placement(field, packed)) {
        draft_.placements.insert_or_assign(placement->stream, *std::move(placement));
        return;
      }
    } else if (table == "origins") {
      if (auto record = parse_origin(field, packed)) {
        draft_.origins.insert_or_assign(record->description.id, *std::move(record));
        return;
      }
    } else if (auto record = parse_record(field, packed)) {
      draft_.records.insert_or_assign({record->kind, record->name}, *std::move(record));
      return;
    }
    unreadable_ = true;
  }

  ScriptCaller& scripts_;
  Callback<void(Revision)> began_;
  Callback<void(std::variant<SnapshotDraft, StoreError>)> done_;
  SnapshotDraft draft_;
  std::size_t table_ = 0;
  std::string cursor_ = "0";
  std::optional<std::string> run_;  ///< of the Redis that answered the first page
  bool unreadable_ = false;
};

}  // namespace

void SnapshotDraft::apply(const Change& change) {
  if (const auto* placement = std::get_if<Change::PlacementChanged>(&change.what)) {
    placements.erase(placement->stream);
    if (placement->placement) placements.emplace(placement->stream, *placement->placement);
  } else if (const auto* origin = std::get_if<Change::OriginChanged>(&change.what)) {
    origins.erase(origin->origin);
    if (origin->record) origins.emplace(origin->origin, *origin->record);
  } else if (const auto* changed = std::get_if<Change::RecordChanged>(&change.what)) {
    records.insert_or_assign({changed->record.kind, changed->record.name}, changed->record);
  }
}

Snapshot SnapshotDraft::take() {
  Snapshot snapshot;
  snapshot.revision = last;
  snapshot.settling = settling;
  snapshot.placements.reserve(placements.size());
  for (auto& [stream, placement] : placements) {
    snapshot.placements.push_back(std::move(placement));
  }
  for (auto& [id, record] : origins) snapshot.origins.push_back(std::move(record));
  for (auto& [key, record] : records) snapshot.records.push_back(std::move(record));
  return snapshot;
}

std::shared_ptr<void> read_snapshot(ScriptCaller& scripts, Callback<void(Revision)> began,
                                    Callback<void(std::variant<SnapshotDraft, StoreError>)> done) {
  auto reading = std::make_shared<SnapshotReading>(scripts, std::move(began), std::move(done));
  reading->ask();
  return reading;
}

}  // namespace weir::store::redis
