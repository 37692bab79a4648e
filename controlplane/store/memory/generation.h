#pragma once
// Generation: the counters that order everything, and settling (design 3, loss of history).
//
// Purpose: mints epochs and revisions that never repeat or go back, raises the generation, and
// knows whether the store is settling. Threading: the store's thread. Lifetime: owned by the store.

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weir::store {

class Generation {
 public:
  std::uint64_t number() const { return number_; }
  bool missing() const { return number_ == 0; }
  Revision revision() const { return {number_, revisions_}; }

  /// Whether somebody knows a higher generation than this one; nonsense does not count.
  bool is_below(std::uint64_t known) const;
  /// Compare-and-set: false = `seen` is not the generation (somebody else raised it).
  bool raise(std::uint64_t seen, std::uint64_t at_least, WallTime wall, MonotonicTime now);
  /// True when somebody knows an epoch that was not handed out in this history.
  bool is_ahead(const Epoch& known) const;

  Epoch next_epoch() { return {number_, ++epochs_}; }
  Revision next_revision() { return {number_, ++revisions_}; }

  bool settling() const { return settling_until_.has_value(); }
  std::optional<MonotonicTime> settling_until() const { return settling_until_; }
  void extend_settling(MonotonicTime now);
  /// Time in which nobody could restore does not count.
  void stalled(Duration gap);
  /// True when settling ended by this call.
  bool end_settling_when_due(MonotonicTime now);

 private:
  std::uint64_t number_ = 0;
  std::uint64_t epochs_ = 0;
  std::uint64_t revisions_ = 0;
  std::optional<MonotonicTime> settling_until_;
  MonotonicTime settling_bound_{};
};

}  // namespace weir::store
