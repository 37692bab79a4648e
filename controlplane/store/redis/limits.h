#pragma once
// Bounds of what a Redis, a sentinel or a busy process can make a client hold or repeat.
// Threading: constants.

#include <cstddef>

namespace weir::store::redis {

/// Commands under way, waiting or written; one more is refused at once.
inline constexpr std::size_t kCommandsMax = 16'384;
/// Their bytes, keys and arguments.
inline constexpr std::size_t kCommandBytesMax = std::size_t{64} * 1024 * 1024;
/// Bytes of one reply; beyond, the connection is closed.
inline constexpr std::size_t kReplyBytesMax = std::size_t{16} * 1024 * 1024;
/// Elements of one reply, arrays within arrays included; likewise.
inline constexpr std::size_t kReplyElementsMax = 1'000'000;
/// Taken from the socket at once.
inline constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
/// Written to the socket at once; more waits for the next write.
inline constexpr std::size_t kWriteBytesMax = std::size_t{256} * 1024;
/// Sentinels in a URL.
inline constexpr std::size_t kAddressesMax = 16;
/// Of an error text that a Redis sent, in a log or an answer.
inline constexpr std::size_t kErrorBytesMax = 256;

}  // namespace weir::store::redis
