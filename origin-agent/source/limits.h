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
/// From the last sign of life to the next protocol probe; its deadline; from the start of one that
/// failed to the next. Three failures in a row after a sign of life must fit into 4 s (design 9)
/// with margin.
inline constexpr std::chrono::milliseconds kProbeInterval{1050};
inline constexpr std::chrono::milliseconds kProbeTimeout{900};
inline constexpr std::chrono::milliseconds kProbeRetryInterval{900};
/// An answer to an adapter's own question is a sign of life, too, but the RTMP listener may be dead
/// all the same: from the start of one probe to the next at most.
inline constexpr std::chrono::milliseconds kProbeIntervalMax{2100};
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

static_assert(kProbeTimeout <= kProbeRetryInterval && kProbeInterval < kProbeIntervalMax);
static_assert(kProbeInterval + (kProbeFailuresMax - 1) * kProbeRetryInterval + kProbeTimeout <
              std::chrono::seconds(4));

}  // namespace weir::agent
