#pragma once
// Limits of weirctl. Threading: constants.

#include <chrono>

namespace weir::cli {

/// The server's largest page: fewest round trips.
inline constexpr int kPageSize = 1000;
inline constexpr std::chrono::milliseconds kTimeoutDefault{5000};
inline constexpr std::chrono::milliseconds kTimeoutMax{3600 * 1000};
/// Pause between attempts to take up a broken watch.
inline constexpr std::chrono::milliseconds kWatchRetryDelay{200};

}  // namespace weir::cli
