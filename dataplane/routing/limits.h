#pragma once
// Bounds of everything the routing code keeps or waits for. Threading: constants.

#include <chrono>
#include <cstddef>

#include "common/endpoints/limits.h"

namespace weir::routing {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a client or an origin said, as it is told to the control plane.
inline constexpr std::size_t kForeignTextBytesMax = 1'024;
/// A stream nobody watches any more stays known this long, so that a viewer who comes back costs
/// nothing.
inline constexpr seconds kInterestLinger{30};
/// Streams kept per worker with no session on them. Those with sessions are bounded by the
/// connections.
inline constexpr std::size_t kIdleStreamsMax = 10'000;

/// Changes per message on the attach stream; more wait for the next one.
inline constexpr std::size_t kSessionChangesPerMessageMax = 500;
inline constexpr std::size_t kInterestsPerMessageMax = 2'000;
inline constexpr std::size_t kAcquiresPerMessageMax = 200;
/// What nobody waits for is told this late at most.
inline constexpr milliseconds kBulkWithin{50};
/// Dial reports waiting to be sent; the oldest go first when there are more.
inline constexpr std::size_t kDialReportsMax = 1'000;
/// Ended publishers whose release the control plane has not acknowledged.
inline constexpr std::size_t kReleasesPendingMax = 10'000;
inline constexpr std::size_t kReleasesInFlightMax = 16;
inline constexpr seconds kReleaseRetriedFor{60};
inline constexpr milliseconds kReleaseRetryDelayMax{2'000};
/// An end written this shortly before the stream broke may not have arrived.
inline constexpr seconds kEndMayBeLost{3};
inline constexpr std::size_t kQueriesPendingMax = 10'000;
inline constexpr std::size_t kActiveIncarnationsMax = 10'000;
inline constexpr std::size_t kOriginTableMax = 100'000;

inline constexpr milliseconds kTick{50};
inline constexpr milliseconds kHeartbeatEvery{500};
/// Without a sign of life for this long, new acquires go to another replica than the one attached
/// to; it is left for its silence later.
inline constexpr milliseconds kReplicaDoubtedAfter{450};

using endpoints::kUnaryDeadline;
/// An acquire that waits to be written, in a crowd, before it counts as unanswered. Its deadline
/// begins when it is written.
inline constexpr milliseconds kAcquireUnsentMax{2'000};
/// Dials of one origin under way, of all workers together; each worker has its part, but at least
/// the minimum. Origins listen with a backlog of some 500; what overflows it is lost for a second.
inline constexpr std::size_t kDialsPerOriginMax = 256;
inline constexpr std::size_t kDialsPerOriginAndWorkerMin = 8;
/// Dials of an origin in a row that it lets time out, answering nobody meanwhile, until those who
/// wait for their turn give it up. One may be a lost SYN.
inline constexpr std::size_t kUnansweredDialsMax = 2;
/// Tries of one acquire before the session is told to ask again; at least this many with one
/// replica.
inline constexpr std::size_t kAcquireTriesMin = 2;
inline constexpr std::size_t kAcquireTriesMax = 4;
inline constexpr std::ptrdiff_t kAcquireTriesWhereAttached = 2;
inline constexpr milliseconds kAcquireRetryDelayMax{100};
inline constexpr milliseconds kRetryAfterUnreachable{250};
inline constexpr milliseconds kRetryAfterOutdated{50};

inline constexpr milliseconds kQueryAnswerWithin{100};
inline constexpr seconds kClaimAnswerWithin{2};
inline constexpr seconds kClaimGrantedQuiet{10};  ///< then asked for again, while no route is told
inline constexpr seconds kActivityEvery{5};
/// Bytes this recent make an incarnation "active" in heartbeats (design 6).
inline constexpr seconds kActiveFor{2};
inline constexpr milliseconds kBytesNoteEvery{500};

static_assert(kHeartbeatEvery <= seconds{1}, "design 6: a sign of life each second");
static_assert(kBytesNoteEvery < kActiveFor, "a busy origin must never look idle");
static_assert(kAcquireTriesMin <= kAcquireTriesMax);
static_assert(kUnaryDeadline < kAcquireUnsentMax);
static_assert(kReplicaDoubtedAfter < kUnaryDeadline,
              "a call to a replica that froze is not made there once more");

}  // namespace weir::routing
