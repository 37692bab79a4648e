#pragma once
// RecordKeeper: orders and secrets outlive the store and this process (design 3).
//
// Purpose: writes what this replica has of them to --state-dir, and back into a store that lost
// them. Threading: the core's thread. Lifetime: as the core; what is under way goes with it.

#include <cstdint>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/generation.h"

namespace weir::core {

class RecordKeeper {
 public:
  RecordKeeper(Context& context, ClusterView& view, Generation& generation);

  /// The store was read, or its history is another one: what is kept is written back.
  void restore_all();
  /// Meanwhile a change could be one of something that is about to come back.
  bool restoring() const { return unfinished_; }
  void tick();
  /// At the end: whatever is not saved yet.
  void save();
  bool saved() const { return last_save_worked_; }

 private:
  void restore_next();
  void finish();
  void ask_whether_known();
  RecordBook& book() { return view_.records(); }

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  std::vector<store::Record> waiting_;  ///< to be written back, from the end
  bool unfinished_ = false;
  bool complete_ = false;     ///< this replica had all that the store had
  std::uint64_t target_ = 0;  ///< generation into which they are written back
  std::uint64_t round_ = 0;   ///< a loss in the middle begins another one
  bool in_flight_ = false;
  bool asking_ = false;
  MonotonicTime next_try_{};
  MonotonicTime next_look_{};
  std::uint64_t saved_changes_ = 0;
  bool last_save_worked_ = true;
  MonotonicTime next_save_{};
};

}  // namespace weir::core
