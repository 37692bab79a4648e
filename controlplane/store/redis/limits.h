#pragma once
// Bounds of what a Redis, a sentinel or a busy process can make a client hold or repeat.
// Threading: constants.

#include <chrono>
#include <cstddef>

namespace weir::store::redis {

/// Commands under way, waiting or written; one more is refused at once.
inline constexpr std::size_t kCommandsMax = 16'384;
/// Their bytes, keys and arguments.
inline constexpr std::size_t kCommandBytesMax = std::size_t{64} * 1024 * 1024;
/// Bytes of one reply; beyond, the connection is closed.
inline constexpr std::size_t kReplyBytesMax = std::size_t{16} * 1024 * 1024;
/// Elements of one reply, arrays within arrays included; likewise.
inline constexpr std::size_t kReplyElementsMax = 262'144;
/// Taken from the socket at once.
inline constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
/// Sentinels in a URL.
inline constexpr std::size_t kAddressesMax = 16;
/// Of an error text that a Redis sent, in a log or an answer.
inline constexpr std::size_t kErrorBytesMax = 256;

/// A timer that is this late says that this process stood still: what has arrived meanwhile is read
/// before anything is found missing, which is looked for again a little later.
inline constexpr auto kStoodStill = std::chrono::milliseconds(100);
inline constexpr auto kLookAgain = std::chrono::milliseconds(20);
/// Once the first sentinel has answered, the others have this long to name a newer primary.
inline constexpr auto kOtherSentinels = std::chrono::milliseconds(100);
/// Between attempts to subscribe to a sentinel.
inline constexpr auto kWatchRetryFirst = std::chrono::milliseconds(500);
inline constexpr auto kWatchRetryMax = std::chrono::seconds(5);

}  // namespace weir::store::redis
