#pragma once
// Limits of RPC transports, both ends. Threading: constants.

#include <chrono>

namespace weir::rpc {

/// Longest message either way: a hello of a forwarder with 100,000 sessions fits.
inline constexpr int kMessageBytesMax = 16 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kReconnectBackoffInitial{100};
inline constexpr std::chrono::milliseconds kReconnectBackoffMax{1000};
/// A connection attempt that a frozen host never answers ends here.
inline constexpr std::chrono::milliseconds kConnectTimeout{1000};
/// Calls at once on one connection.
inline constexpr int kConcurrentStreamsMax = 10000;

}  // namespace weir::rpc
