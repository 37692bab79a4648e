#pragma once
// The compact form of a decision that is kept with the stream.
// Threading: pure function.

#include <string>

#include "controlplane/placement/decision.h"

namespace weir::placement {

/// At most kVerdictBytesMax bytes, e.g. "o2 0.001 streams; next o1 0.001; 3 of 4; CORDONED 1".
/// Reads candidates, considered, eligible and rejected of `record`.
std::string make_verdict(const DecisionRecord& record);

}  // namespace weir::placement
