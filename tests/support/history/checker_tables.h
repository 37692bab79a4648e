#pragma once
// What the checker keeps: texts as numbers, epochs and claims of each stream, spans of time.
// Threading: one thread. Lifetime: values.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "tests/support/history/reader.h"

namespace weir::history {

using Time = std::int64_t;  ///< microseconds
inline constexpr Time kNever = std::numeric_limits<Time>::max();

/// Numbers texts from 1; 0 stands for the empty one.
class Names {
 public:
  Names() { texts_.emplace_back(); }
  std::uint32_t of(std::string_view text) {
    if (text.empty()) return 0;
    const auto found = numbers_.find(text);
    if (found != numbers_.end()) return found->second;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
    numbers_.emplace(texts_.back(), number);
    return number;
  }
  std::optional<std::uint32_t> find(std::string_view text) const {
    const auto found = numbers_.find(text);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }
  const std::string& text(std::uint32_t number) const { return texts_[number]; }
  std::size_t size() const { return texts_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
  std::vector<std::string> texts_;
};

/// One epoch of one stream, as first seen.
struct SeenEpoch {
  Epoch epoch;
  std::uint32_t holder = 0;
  std::uint32_t origin = 0;  ///< 0 = not said yet
  bool reported = false;
  Time seen = 0;
  Place place;
};

/// The highest epoch so far, from `time` on.
struct Peak {
  Time time = 0;
  Epoch epoch;
  Place place;
};

inline constexpr std::uint32_t kNoClaim = std::numeric_limits<std::uint32_t>::max();

/// A session's right to a stream, from the answer that gave it to the session's end.
struct Claim {
  std::uint32_t stream = 0;
  std::uint32_t holder = 0;
  std::uint32_t origin = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t previous = kNoClaim;  ///< of the same holder
  Epoch epoch;
  Time asked = 0;
  Time given = 0;
  Time held = kNever;
  Time ended = kNever;
  Time idle = kNever;
  bool displaced = false;
  Place place;
};

struct StreamTable {
  std::vector<SeenEpoch> epochs;    ///< sorted
  std::vector<Peak> peaks;          ///< both grow
  std::vector<std::uint32_t> open;  ///< claims

  SeenEpoch* find(Epoch epoch) {
    const auto at = std::ranges::lower_bound(epochs, epoch, {}, &SeenEpoch::epoch);
    return at == epochs.end() || at->epoch != epoch ? nullptr : &*at;
  }
  SeenEpoch& insert(SeenEpoch seen) {
    if (peaks.empty() || peaks.back().epoch < seen.epoch)
      peaks.push_back({seen.seen, seen.epoch, seen.place});
    const auto at = std::ranges::lower_bound(epochs, seen.epoch, {}, &SeenEpoch::epoch);
    return *epochs.insert(at, seen);
  }
};

/// The last peak before `time`; nullptr = none.
inline const Peak* peak_before(const std::vector<Peak>& peaks, Time time) {
  const auto at = std::ranges::lower_bound(peaks, time, {}, &Peak::time);
  return at == peaks.begin() ? nullptr : &*(at - 1);
}

struct Span {
  Time begin = 0;
  Time end = kNever;
  bool overlaps(Time from, Time to) const { return begin <= to && end >= from; }
};

/// What was last heard about a stream on one way: an attach stream, a replica.
struct Heard {
  std::uint64_t attach = 0;
  Epoch epoch;
  Time time = 0;
  Place place;
};

inline std::uint64_t pair_key(std::uint32_t first, std::uint32_t second) {
  return (std::uint64_t{first} << 32) | second;
}

}  // namespace weir::history
