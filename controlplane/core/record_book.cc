#include "controlplane/core/record_book.h"

#include <algorithm>
#include <set>
#include <utility>

#include "controlplane/store/limits.h"

namespace weir::core {
namespace {

std::optional<store::Record> living_only(std::optional<store::Record> record) {
  if (record && !record->value) return std::nullopt;
  return record;
}

}  // namespace

void RecordBook::load(KeptRecords kept) {
  for (auto& record : kept.records) {
    if (!store::is_credible(record.revision)) continue;
    highest_ = std::max(highest_, record.revision);
    put(std::move(record));
  }
  complete_in_ = kept.generation;
  changes_ = 0;
}

void RecordBook::replace(std::vector<store::Record> records, Revision revision) {
  // In the generation that this book is complete in, what is missing was deleted so long ago that
  // its tombstone is gone. In another one it was lost, and this copy counts.
  if (complete_in_ != 0 && complete_in_ == revision.generation) {
    std::set<std::pair<Kind, std::string_view>> there;
    for (const auto& record : records) there.emplace(record.kind, record.name);
    std::vector<std::pair<Kind, std::string>> gone;
    for (const Records& book : books_) {
      for (const auto& [name, record] : book) {
        if (record.revision <= revision && !there.contains({record.kind, name})) {
          gone.emplace_back(record.kind, name);
        }
      }
    }
    for (const auto& [kind, name] : gone) erase(kind, name);
  }
  for (auto& record : records) learn(std::move(record));
}

void RecordBook::learn(store::Record record) {
  const Records& book = all(record.kind);
  const auto known = book.find(record.name);
  if (known != book.end() && known->second.revision >= record.revision) return;
  put(std::move(record));
}

void RecordBook::forget_old(WallTime now) {
  for (Records& book : books_) {
    changes_ += std::erase_if(book, [now](const auto& entry) {
      return !entry.second.value && now - entry.second.update_time > store::kTombstoneKept;
    });
  }
}

const store::Record* RecordBook::find(Kind kind, std::string_view name) const {
  const Records& book = all(kind);
  const auto found = book.find(name);
  return found == book.end() || !found->second.value ? nullptr : &found->second;
}

void RecordBook::set_complete_in(std::uint64_t generation) {
  if (complete_in_ == generation) return;
  complete_in_ = generation;
  ++changes_;
}

KeptRecords RecordBook::kept() const {
  KeptRecords kept{complete_in_, {}};
  for (const Records& book : books_) {
    for (const auto& [name, record] : book) kept.records.push_back(record);
  }
  return kept;
}

void RecordBook::put(store::Record record) {
  const auto kind = static_cast<std::size_t>(record.kind);
  auto& entry = books_[kind][record.name];
  Change change{record.kind, record.name, std::nullopt, std::nullopt};
  if (entry.value) change.before = std::move(entry);
  entry = std::move(record);
  if (entry.value) change.after = entry;
  tell(change);
}

void RecordBook::erase(Kind kind, const std::string& name) {
  auto node = books_[static_cast<std::size_t>(kind)].extract(name);
  if (node.empty()) return;
  tell({kind, name, living_only(std::move(node.mapped())), std::nullopt});
}

void RecordBook::tell(const Change& change) {
  ++changes_;
  auto& living = living_[static_cast<std::size_t>(change.kind)];
  if (change.after && !change.before) ++living;
  if (!change.after && change.before) --living;
  if (!change.before && !change.after) return;
  // The same order again (written back under another revision) is no news.
  if (change.before && change.after && change.before->value == change.after->value) return;
  for (const auto& listener : on_change_) listener(change);
}

}  // namespace weir::core
