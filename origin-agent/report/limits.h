#pragma once
// Named bounds and timings of the report stream (design 6).
// Threading: constants. Lifetime: static.

#include <chrono>
#include <cstddef>

namespace weir::agent {

/// Something goes up at least this often, so that 2 s of silence always means trouble.
inline constexpr std::chrono::milliseconds kOwnHeartbeatInterval{500};

inline constexpr std::chrono::milliseconds kReportIntervalDefault{1000};
inline constexpr std::chrono::milliseconds kReportIntervalMin{100};
inline constexpr std::chrono::milliseconds kReportIntervalMax{60000};
inline constexpr std::chrono::seconds kSnapshotIntervalDefault{60};
inline constexpr std::chrono::seconds kSnapshotIntervalMin{1};
inline constexpr std::chrono::seconds kSnapshotIntervalMax{3600};

/// Pause before an origin that the control plane rejected is offered again; doubles up to the
/// maximum.
inline constexpr std::chrono::milliseconds kRejectedRetryInitial{1000};
inline constexpr std::chrono::milliseconds kRejectedRetryMax{30000};

/// Origins of one agent.
inline constexpr std::size_t kOriginsMax = 1024;
/// Streams of one origin that are reported; a server with more is reported by counts only beyond
/// it.
inline constexpr std::size_t kReportedStreamsMax = 20000;
/// Streams whose epochs are kept for fencing.
inline constexpr std::size_t kKnownEpochsMax = 100000;
/// State file, bytes: kOriginsMax registrations of the longest names. What would not fit is not
/// written.
inline constexpr std::size_t kStateFileBytesMax = 4 << 20;

static_assert(kOwnHeartbeatInterval < std::chrono::seconds(2));

}  // namespace weir::agent
