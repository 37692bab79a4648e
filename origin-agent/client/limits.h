#pragma once
// Named bounds of the gRPC side of an agent.
// Threading: constants. Lifetime: static.

#include <chrono>
#include <cstddef>

namespace weir::agent {

/// Messages that wait for the network; a replica that lets more pile up is left. At one report and
/// two heartbeats a second this is far beyond the silence after which it is left anyway.
inline constexpr std::size_t kWriteQueueMax = 1024;
/// Tag of a publisher; Weir's own are shorter, other publishers may write anything there.
inline constexpr std::size_t kTagBytesMax = 512;
/// How long the end of the process waits for gRPC to let go of its streams.
inline constexpr std::chrono::milliseconds kLinkShutdownTimeout{1000};

}  // namespace weir::agent
