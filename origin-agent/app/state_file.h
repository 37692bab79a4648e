#pragma once
// StateFile: SavedState in `<state-dir>/origin-agent.state`.
//
// Purpose: written whole to a neighbour and renamed, so that a reader finds the old or the new one.
// Not synced to the disk: it serves restarts of the agent; after a crash of the host the origins
// are new processes anyway. Threading: one thread; writes a few hundred bytes in place. Lifetime:
// value.

#include <string>

#include "common/base/result.h"
#include "origin-agent/report/saved_state.h"

namespace weir::agent {

class StateFile {
 public:
  /// Empty `directory`: nothing is kept.
  explicit StateFile(const std::string& directory);

  /// An empty state when there is no file. Errors: it cannot be read or is damaged.
  Result<SavedState> read() const;
  Result<void> write(const SavedState& state) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace weir::agent
