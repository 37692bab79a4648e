#pragma once
// Named bounds and timings of watching one origin.
// Threading: constants. Lifetime: static.

#include <chrono>
#include <cstddef>

namespace weir::agent {

/// From the start of one look at an origin to the next.
inline constexpr std::chrono::milliseconds kObserveInterval{1000};
/// First looks at very many origins are spread over this time.
inline constexpr std::chrono::milliseconds kFirstLooksSpread{500};
/// From the start of one protocol probe to the next, and its deadline. A little under a second:
/// three failures in a row after a probe that was just answered must fit into 4 s (design 9) with
/// margin.
inline constexpr std::chrono::milliseconds kProbeInterval{950};
inline constexpr std::chrono::milliseconds kProbeTimeout{900};
inline constexpr int kProbeFailuresMax = 3;
/// Looks and probes follow each other this quickly for kEagerFor after a process went away or
/// appeared: a respawned worker is back within milliseconds.
inline constexpr std::chrono::milliseconds kEagerInterval{100};
inline constexpr std::chrono::seconds kEagerFor{10};

/// One HTTP exchange with an origin, connecting included, and its body.
inline constexpr std::chrono::milliseconds kHttpTimeout{1000};
inline constexpr std::size_t kHttpHeaderBytesMax = 16 * 1024;
inline constexpr std::size_t kHttpBodyBytesMax = 8 * 1024 * 1024;

/// Statistics page: nesting, one element name, one text; streams that are kept.
inline constexpr std::size_t kXmlDepthMax = 32;
inline constexpr std::size_t kXmlNameBytesMax = 64;
inline constexpr std::size_t kXmlTextBytesMax = 16 * 1024;
inline constexpr std::size_t kStatStreamsMax = 20000;

/// One file below /proc.
inline constexpr std::size_t kProcFileBytesMax = 4 * 1024 * 1024;
/// The descriptors of a process are counted at every so many readings of its usage, and remembered
/// of so many processes.
inline constexpr int kOpenFilesReadings = 10;
inline constexpr std::size_t kOpenFilesProcessesMax = 4096;
/// Publishers dropped by fencing after one look.
inline constexpr std::size_t kFencedAtOnceMax = 16;

static_assert(kProbeTimeout < kProbeInterval);
static_assert(kProbeInterval + (kProbeFailuresMax - 1) * kProbeInterval + kProbeTimeout <
              std::chrono::seconds(4));

}  // namespace weir::agent
