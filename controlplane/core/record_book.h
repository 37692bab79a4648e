#pragma once
// RecordBook: this replica's copy of the operators' orders and the cluster's secrets (design 3, 4).
//
// Purpose: the newest that is known of each record, tombstones included, whether it came from the
// store or from --state-dir. A store that lost its history does not empty it: what the store lacks
// is written back from here (Orders), and orders stay in force meanwhile. Listeners are told each
// change of a living record once, after the book shows it.
// Threading: the core's thread. Lifetime: listeners are registered once, before the first change.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/store/record.h"

namespace weir::core {

inline constexpr std::size_t kRecordKinds = 7;

/// All records of a book, as they are kept in --state-dir.
struct KeptRecords {
  /// Generation of the store whose records these are: in the same one, what the store does not
  /// have was deleted.
  std::uint64_t generation = 0;
  std::vector<store::Record> records;
  bool operator==(const KeptRecords&) const = default;
};

class RecordBook {
 public:
  using Kind = store::RecordKind;
  using Records = std::map<std::string, store::Record, std::less<>>;
  struct Change {
    Kind kind = Kind::kPolicy;
    std::string name;
    std::optional<store::Record> before;  ///< living ones only
    std::optional<store::Record> after;
  };
  using OnChange = std::function<void(const Change&)>;

  void on_change(OnChange listener) { on_change_.push_back(std::move(listener)); }

  /// What this replica kept; before anything else.
  void load(KeptRecords kept);
  /// All that the store has at `revision`.
  void replace(std::vector<store::Record> records, Revision revision);
  /// Older than what is known: ignored.
  void learn(store::Record record);
  /// Tombstones older than a day.
  void forget_old(WallTime now);

  /// A living one, else nullptr.
  const store::Record* find(Kind kind, std::string_view name) const;
  /// In order of name; tombstones included.
  const Records& all(Kind kind) const { return books_[static_cast<std::size_t>(kind)]; }
  std::size_t living(Kind kind) const { return living_[static_cast<std::size_t>(kind)]; }

  /// The generation up to which this book has all that the store had; 0 = it never had.
  std::uint64_t complete_in() const { return complete_in_; }
  void set_complete_in(std::uint64_t generation);
  KeptRecords kept() const;
  /// The highest revision among what was loaded.
  Revision highest_loaded() const { return highest_; }
  /// Grows with every change of what is kept.
  std::uint64_t changes() const { return changes_; }

 private:
  void put(store::Record record);
  void erase(Kind kind, const std::string& name);
  void tell(const Change& change);

  std::array<Records, kRecordKinds> books_;
  std::array<std::size_t, kRecordKinds> living_{};
  std::uint64_t complete_in_ = 0;
  Revision highest_;
  std::uint64_t changes_ = 0;
  std::vector<OnChange> on_change_;
};

}  // namespace weir::core
