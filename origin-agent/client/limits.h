#pragma once
// Named bounds of the gRPC side of an agent.
// Threading: constants. Lifetime: static.

#include <chrono>
#include <cstddef>

#include "origin-agent/report/limits.h"

namespace weir::agent {

/// Messages that wait for the network; a replica that lets more pile up is left. At one report and
/// two heartbeats a second this is far beyond the silence after which it is left anyway; the end of
/// every origin of a host at one instant, and their return, must fit.
inline constexpr std::size_t kWriteQueueMax = 4096;
static_assert(kWriteQueueMax >= 3 * kOriginsMax);
/// Changes of what is remembered over a restart that come within this time are written at once.
inline constexpr std::chrono::milliseconds kSaveDelay{50};
/// Tag of a publisher; Weir's own are shorter, other publishers may write anything there.
inline constexpr std::size_t kTagBytesMax = 512;
/// Any other text that turns out not to be UTF-8.
inline constexpr std::size_t kTextBytesMax = 2048;
/// What a server says of its own version; more is cut.
inline constexpr std::size_t kSoftwareBytesMax = 64;
/// How long the end of the process waits for gRPC to let go of its streams.
inline constexpr std::chrono::milliseconds kLinkShutdownTimeout{1000};

}  // namespace weir::agent
