#pragma once
// Named bounds and timings of origins that register themselves.
// Threading: constants. Lifetime: static.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::agent {

/// Between two looks for origins to forget.
inline constexpr std::chrono::seconds kSweepInterval{5};
/// One that never answered a probe is forgotten this long after it was last heard.
inline constexpr std::chrono::seconds kUnprovenKept{60};
/// When there are kOriginsMax, one that has not answered for this long gives way to a new one.
inline constexpr std::chrono::seconds kGivesWayAfter{10};
/// From answering a hook of SRS to looking for what it spoke of, and to looking once more.
inline constexpr std::chrono::milliseconds kHookLookAfter{100};
inline constexpr std::chrono::milliseconds kHookLookAgainAfter{200};

/// A server that registers from the place of one that still answers has it once that one is gone,
/// when it was heard no longer ago than this.
inline constexpr std::chrono::seconds kSuccessorKept{60};
/// RTMP listeners of one registration that entries of the configuration are matched with; the first
/// is the one that is used. Of other protocols the one that is used is kept.
inline constexpr std::size_t kRtmpListenersKept = 4;
/// An SRS is given so many connections less than its own `max_connections`: at least this many, or
/// one of so many, but never more than half. One beyond its limit, it closes its listener for good.
inline constexpr std::uint32_t kSrsConnectionsMarginMin = 16;
inline constexpr std::uint32_t kSrsConnectionsMarginFraction = 20;

static_assert(kSweepInterval < kGivesWayAfter && kGivesWayAfter < kUnprovenKept);

}  // namespace weir::agent
