#pragma once
// StreamTable: which streams of an origin the control plane was told about, so that reports between
// complete snapshots carry only what changed.
//
// Purpose: a stream is news when it appears, when its tag changes (another publisher), or when its
// rates or players moved enough to matter to placement; it is told as ended once.
// Threading: one thread. Lifetime: one per origin; forget() when a stream attaches anew.

#include <string>
#include <unordered_map>
#include <vector>

#include "origin-agent/report/messages.h"

namespace weir::agent {

class StreamTable {
 public:
  /// The newest complete list from the origin.
  void update(std::vector<ReportedStream> streams);
  const std::vector<ReportedStream>& current() const { return current_; }

  /// Nothing was told yet: the next report must be complete.
  void forget() { told_.clear(); }
  /// Fills `out` with everything, or with what changed since it was last filled.
  void fill(OriginReport& out, bool complete);

 private:
  std::vector<ReportedStream> current_;
  std::unordered_map<std::string, ReportedStream> told_;
};

}  // namespace weir::agent
