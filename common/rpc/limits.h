#pragma once
// Limits of RPC transports, both ends. Threading: constants.

#include <chrono>

namespace weir::rpc {

/// Longest message either way. gRPC has one limit for all calls of a server or channel, so the
/// longest decides: the hello of a forwarder with all the 200,000 sessions that the control plane
/// keeps of it, at some 300 bytes each.
inline constexpr int kMessageBytesMax = 64 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kReconnectBackoffInitial{100};
inline constexpr std::chrono::milliseconds kReconnectBackoffMax{1000};
/// A connection attempt that a frozen host never answers ends here.
inline constexpr std::chrono::milliseconds kConnectTimeout{1000};
/// Calls at once on one connection.
inline constexpr int kConcurrentStreamsMax = 10000;

}  // namespace weir::rpc
