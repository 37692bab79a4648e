#pragma once
// Named bounds and timings of speaking with SRS.
// Threading: constants. Lifetime: static.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::agent::srs {

/// JSON: nesting, one key, one text, scalars of one document. Texts may be as long as RTMP lets a
/// client's names be (64 KiB each), so that one odd client does not blind the agent to the others.
inline constexpr std::size_t kJsonDepthMax = 16;
inline constexpr std::size_t kJsonKeyBytesMax = 256;
inline constexpr std::size_t kJsonTextBytesMax = 128 * 1024;
inline constexpr std::size_t kJsonScalarsMax = 1'000'000;

/// Heartbeats: one name, addresses of one protocol.
inline constexpr std::size_t kHeartbeatTextBytesMax = 256;
inline constexpr std::size_t kHeartbeatAddressesMax = 16;

/// Register endpoint: one request; connections at once, beyond which the oldest is closed; from
/// accepting to the answer being sent; pause after a failed accept.
inline constexpr std::size_t kRegisterHeaderBytesMax = 16 * 1024;
inline constexpr std::size_t kRegisterBodyBytesMax = 512 * 1024;
inline constexpr std::size_t kRegisterConnectionsMax = 256;
inline constexpr std::chrono::seconds kRegisterRequestTimeout{5};
inline constexpr std::chrono::milliseconds kRegisterAcceptRetryDelay{100};
/// Refusals that are remembered so that each is logged once; beyond it all are forgotten.
inline constexpr std::size_t kRefusalsRememberedMax = 1024;
/// Lines about refusals that one address may cause in a while; what it sends is its choice. Beyond
/// so many addresses the others share one such share.
inline constexpr std::size_t kRefusalLinesMax = 32;
inline constexpr std::chrono::seconds kRefusalLinesPer{60};
inline constexpr std::size_t kRefusalPeersMax = 256;
/// Between two lines about trouble with one API.
inline constexpr std::chrono::seconds kTroubleLogInterval{10};

/// From listing an origin's streams to listing them again: while something is published there,
/// and for kQuietAfter more; while nothing is and nothing was said to change; and so much for each
/// stream that SRS, which takes about 20 us for each on its one thread, spends 1 % of a core at
/// most.
inline constexpr std::chrono::milliseconds kListingInterval{1000};
inline constexpr std::chrono::milliseconds kQuietListingInterval{2000};
inline constexpr std::chrono::seconds kQuietAfter{5};
inline constexpr std::chrono::milliseconds kListingIntervalPerStream{2};
inline constexpr std::chrono::milliseconds kListingIntervalMax{5000};
/// Between two listings of the same origin, however often hooks call for one.
inline constexpr std::chrono::milliseconds kHintPause{100};
/// Summaries of a process that /proc does not show here, of one that it shows. SRS itself takes
/// these figures every 3 s.
inline constexpr std::chrono::seconds kSummariesInterval{3};
inline constexpr std::chrono::seconds kLocalSummariesInterval{60};
/// Byte counters that do not move for this long stand still; SRS moves them every 3 s.
inline constexpr std::chrono::seconds kCountersStandStill{7};

/// Streams of one page; pages of one listing; streams of one origin. A page that is too large to be
/// taken is asked for again with half as many.
inline constexpr std::size_t kPageStreams = 100;
inline constexpr std::size_t kPageStreamsMin = 10;
inline constexpr std::size_t kListingPagesMax = 512;
inline constexpr std::size_t kStreamsMax = 20'000;
/// Publishers whose tag is read in one look; the others are reported as not looked at yet.
inline constexpr std::size_t kTagReadsPerLookMax = 32;
/// A publisher that cannot be read is tried again after 1, 2, 4 … listings, so many at most.
inline constexpr std::uint64_t kTagRetryListingsMax = 32;
/// One client id, which becomes part of a path.
inline constexpr std::size_t kClientIdBytesMax = 64;

/// Requests waiting for the one connection.
inline constexpr std::size_t kRequestsWaitingMax = 64;
/// Publishers being kicked at once; tries of one kick until the next look begins anew; the pause
/// between them.
inline constexpr std::size_t kKicksAtOnceMax = 16;
inline constexpr int kKickTriesMax = 4;
inline constexpr std::chrono::milliseconds kKickRetryDelay{250};

/// What SRS allows where its configuration does not say; a configuration file.
inline constexpr std::uint32_t kMaxConnectionsDefault = 1000;
inline constexpr std::size_t kServerConfigBytesMax = 1024 * 1024;

static_assert(kPageStreamsMin <= kPageStreams && kPageStreams * kListingPagesMax >= kStreamsMax);
static_assert(kListingInterval <= kQuietListingInterval);
static_assert(kKicksAtOnceMax <= kRequestsWaitingMax);
static_assert(kHeartbeatTextBytesMax <= kJsonTextBytesMax);
static_assert(kJsonTextBytesMax <= kRegisterBodyBytesMax);

}  // namespace weir::agent::srs
