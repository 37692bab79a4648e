#pragma once
// TextOrder: numbers in the order of the texts they stand for, in some 6 bytes each.
//
// Purpose: pages of a list of a million streams, without a tree node per stream. Sorted runs of
// numbers in a sorted list of runs: two binary searches find a place.
// Threading: one thread. Lifetime: the texts are the owner's; a number's text does not change while
// it is in here.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/contract.h"

namespace weir::core {

/// `TextOf`: std::string_view of a number.
template <class TextOf>
class TextOrder {
 public:
  using Number = std::uint32_t;

  explicit TextOrder(TextOf text_of) : text_of_(std::move(text_of)) {}

  void insert(Number number) {
    const std::string_view text = text_of_(number);
    if (runs_.empty()) runs_.emplace_back().reserve(kRunMax);
    std::size_t at = run_of(text);
    if (runs_[at].size() == kRunMax) at = split(at, text);
    Run& run = runs_[at];
    run.insert(lower(run, text), number);
  }

  /// It must be in here.
  void erase(Number number) {
    const std::string_view text = text_of_(number);
    const std::size_t at = run_of(text);
    Run& run = runs_[at];
    const auto found = lower(run, text);
    WEIR_ASSERT(found != run.end() && *found == number);
    run.erase(found);
    join(at);
  }

  /// In order, from the first text after `after` (empty: from the start), while `visit` is true.
  template <class Visit>
  void walk(std::string_view after, Visit visit) const {
    if (runs_.empty()) return;
    std::size_t at = after.empty() ? 0 : run_of(after);
    auto from = std::upper_bound(
        runs_[at].begin(), runs_[at].end(), after,
        [&](std::string_view text, Number number) { return text < text_of_(number); });
    while (true) {
      for (; from != runs_[at].end(); ++from) {
        if (!visit(*from)) return;
      }
      if (++at == runs_.size()) return;
      from = runs_[at].begin();
    }
  }

 private:
  static constexpr std::size_t kRunMax = 512;
  using Run = std::vector<Number>;

  /// The last run that begins at or before `text`; the first when none does.
  std::size_t run_of(std::string_view text) const {
    const auto after = std::upper_bound(
        runs_.begin() + 1, runs_.end(), text,
        [&](std::string_view wanted, const Run& run) { return wanted < text_of_(run.front()); });
    return static_cast<std::size_t>(after - runs_.begin()) - 1;
  }

  Run::iterator lower(Run& run, std::string_view text) const {
    return std::lower_bound(
        run.begin(), run.end(), text,
        [&](Number number, std::string_view wanted) { return text_of_(number) < wanted; });
  }

  /// Makes room; the run where `text` belongs.
  std::size_t split(std::size_t at, std::string_view text) {
    Run added;
    added.reserve(kRunMax);
    // What comes in order fills its runs.
    const bool at_end = at + 1 == runs_.size() && text_of_(runs_[at].back()) < text;
    if (!at_end) {
      Run& full = runs_[at];
      added.assign(full.begin() + kRunMax / 2, full.end());
      full.resize(kRunMax / 2);
    }
    const bool later = at_end || !(text < text_of_(added.front()));
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(added));
    return later ? at + 1 : at;
  }

  /// No run stays empty, nor two half empty ones beside each other.
  void join(std::size_t at) {
    const auto run_at = [&](std::size_t index) {
      return runs_.begin() + static_cast<std::ptrdiff_t>(index);
    };
    if (runs_[at].empty()) {
      runs_.erase(run_at(at));
      return;
    }
    if (at + 1 == runs_.size() || runs_[at].size() + runs_[at + 1].size() > kRunMax / 2) return;
    runs_[at].insert(runs_[at].end(), runs_[at + 1].begin(), runs_[at + 1].end());
    runs_.erase(run_at(at + 1));
  }

  TextOf text_of_;
  std::vector<Run> runs_;  ///< none is empty, but for the moment before an insertion
};

}  // namespace weir::core
