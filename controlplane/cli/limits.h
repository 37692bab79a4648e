#pragma once
// Limits of weirctl. Threading: constants.

#include <chrono>
#include <cstddef>

namespace weir::cli {

/// The server's largest page: fewest round trips.
inline constexpr int kPageSize = 1000;
inline constexpr std::chrono::milliseconds kTimeoutDefault{5000};
inline constexpr std::chrono::milliseconds kTimeoutMax{3600 * 1000};
/// A connection to one of several endpoints; then it is the next one's turn.
inline constexpr std::chrono::milliseconds kConnectWithin{500};
/// Of a word that is no command, in the message that says so.
inline constexpr std::size_t kWordShownMax = 64;
/// Pause between attempts to take up a broken watch.
inline constexpr std::chrono::milliseconds kWatchRetryDelay{200};

}  // namespace weir::cli
