#pragma once
// Named bounds of turning counters into load.
// Threading: constants. Lifetime: static.

#include <chrono>

namespace weir::agent {

/// Time constant of the smoothing of rates: a step is half visible after about 2 s of samples, so
/// one key frame does not look like load and a new stream does within two reports.
inline constexpr std::chrono::milliseconds kRateSmoothing{3000};
/// Two samples closer than this say nothing about a rate.
inline constexpr std::chrono::milliseconds kRateWindowMin{50};
/// After a gap this long the old rate is history: the next one starts afresh.
inline constexpr std::chrono::seconds kRateGapMax{30};

static_assert(kRateWindowMin < kRateSmoothing && kRateSmoothing < kRateGapMax);

}  // namespace weir::agent
