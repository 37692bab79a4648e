#pragma once
// Named bounds and timings of origins that register themselves.
// Threading: constants. Lifetime: static.

#include <chrono>

namespace weir::agent {

/// Between two looks for origins to forget.
inline constexpr std::chrono::seconds kSweepInterval{5};
/// One that never answered a probe is forgotten this long after it was last heard.
inline constexpr std::chrono::seconds kUnprovenKept{60};
/// When there are kOriginsMax, one that has not answered for this long gives way to a new one.
inline constexpr std::chrono::seconds kGivesWayAfter{10};

static_assert(kSweepInterval < kGivesWayAfter && kGivesWayAfter < kUnprovenKept);

}  // namespace weir::agent
