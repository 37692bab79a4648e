#pragma once
// Times and bounds of the core (design 5, 6). Threading: constants.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "controlplane/store/limits.h"

namespace weir::core {

using namespace std::chrono_literals;

// --- timers
inline constexpr auto kTick = 100ms;  ///< membership and queries are looked at this often
inline constexpr auto kHeartbeatInterval = 200ms;  ///< down each attach stream
inline constexpr auto kRenewInterval = 1s;         ///< of an attached forwarder in the store
inline constexpr auto kForwarderSilenceMax =
    3s;                                   ///< its attach stream is ended, its renewal not sent
inline constexpr auto kHelloWithin = 5s;  ///< of a new attach stream
inline constexpr auto kStoreRetryInterval = 500ms;
inline constexpr auto kDetachedKept = 10min;    ///< then a forwarder and its sessions are forgotten
inline constexpr auto kReportInterval = 1s;     ///< told to agents
inline constexpr auto kSnapshotInterval = 60s;  ///< told to agents

/// What is known of origins grows old while no report comes: looked for this often.
inline constexpr auto kStandingsLookedAt = 1s;

// --- other replicas
inline constexpr auto kPeerTick = 50ms;           ///< broadcasts are gathered for as long
inline constexpr auto kBulletinInterval = 500ms;  ///< a replica tells how it stands
inline constexpr auto kBulletinGap = 100ms;       ///< earlier after a change, but not sooner
inline constexpr std::size_t kHurriedBytesMax = 256 * 1024;  ///< larger ones keep to the interval
inline constexpr auto kReplicaSilence = 2s;  ///< without a bulletin: it does not live
/// A peer that its replica names no more is moving, and attached to another one by then.
inline constexpr auto kMoveGrace = 1s;
/// Between two ticks of this replica: it stood still, and nobody's silence means anything.
inline constexpr auto kStoodStill = 500ms;
/// After its replica was lost or stale: a forwarder finds another one, which renews it.
inline constexpr auto kReattachWithin = kMoveGrace + store::kRenewalExpiry;
inline constexpr auto kStaleAfter = 1500ms;  ///< age of the view of the store
inline constexpr auto kJoinWithin = 750ms;   ///< of the first snapshot all bulletins have been read
inline constexpr auto kGatherDeadline = 500ms;   ///< of lists that several replicas answer
inline constexpr auto kFailingRemembered = 30s;  ///< dials of what failed lately are told
/// Of a bulletin, by all forwarders together: 5 MB with the longest ids.
inline constexpr std::size_t kActiveIncarnationsTold = 20'000;
inline constexpr std::size_t kPlayersWaitKept = 10'000;  ///< streams that players wait for, here
inline constexpr std::size_t kPlayersWaitTold = 1'000;   ///< of these in a bulletin
inline constexpr std::size_t kChargesPerBroadcast = 1'000;
inline constexpr std::size_t kDialsPerBroadcast = 1'000;  ///< more are dropped
inline constexpr std::size_t kEventsPerBroadcast = 100;   ///< more wait
inline constexpr std::size_t kEventsWaitingMax = 2'000;   ///< more are dropped
inline constexpr std::uint32_t kPeerDialsCounted = 50;    ///< of one entry of a broadcast
inline constexpr std::size_t kMailOpenMax = 10'000;       ///< questions without an answer yet
inline constexpr std::size_t kSessionsPerMail = 400;      ///< of a page; more follow in the next
inline constexpr int kSameIdBulletins = 6;  ///< under our id, before we call ourselves otherwise

// --- second publishers
inline constexpr auto kSessionQueryTimeout = 300ms;
inline constexpr auto kMediaIdle = 2s;  ///< without media for so long: may be taken over
inline constexpr auto kCloseAnswerTimeout = 500ms;  ///< of the displaced holder's forwarder
inline constexpr auto kBoundAskedAfter = 10s;  ///< a placement bound for longer: ask its forwarder
inline constexpr auto kBoundAskAgain = 2s;

// --- publishers on the origins themselves
/// Readings of an origin's streams without a direct publisher: a server that lists page by page
/// can miss a stream once.
inline constexpr int kMissingReadings = 3;
inline constexpr int kSplitReadings = 2;      ///< that agree before a split is called one
inline constexpr auto kFencingPatience = 5s;  ///< for the agent to drop a tagged publisher first
/// Adoptions begun by one report: 20,000 streams of one server do not fill the feed at once.
inline constexpr std::size_t kAdoptionsPerReport = 2'000;
inline constexpr std::size_t kSplitLookupsPerReport = 100;
inline constexpr std::size_t kSplitsShown = 5;  ///< named in the status

// --- answers
inline constexpr auto kRetrySettling = 200ms;  ///< suggested to callers
inline constexpr auto kRetryNoOrigin = 500ms;
inline constexpr auto kRetryBusy = 200ms;
inline constexpr auto kRequestIdWindow = 60s;
inline constexpr std::size_t kRequestIdsMax = 100'000;

// --- operators' orders
inline constexpr auto kRecordsSaveInterval = 1s;  ///< at least; longer where saving takes long
inline constexpr int kSavingShare = 20;           ///< saving takes at most one in so many seconds
inline constexpr std::size_t kRestoreRecordsMax = 500;        ///< in one call of the store
inline constexpr std::size_t kRestoreBytesMax = 1024 * 1024;  ///< likewise
inline constexpr auto kTombstonesLookedAt = 10min;            ///< for those older than a day
inline constexpr auto kDrainTimeMax = std::chrono::hours(24 * 30);
inline constexpr std::int64_t kDrainDeadlineMaxMs = 7'258'118'400'000;  ///< year 2200
inline constexpr double kWeightMin = 0.01;
inline constexpr double kWeightMax = 100;
inline constexpr std::size_t kTokenDigits = 52;         ///< of 5 random bits each
inline constexpr std::size_t kTokenDigestDigits = 64;   ///< SHA-256 in hexadecimal
inline constexpr std::size_t kSecretIdDigits = 10;      ///< names a token or a key, hides nothing
inline constexpr std::uint64_t kStreamBitsMin = 1'000;  ///< of a policy, as of the configuration
inline constexpr std::uint64_t kStreamBitsMax = 10'000'000'000;
inline constexpr std::uint32_t kOriginStreamsMax = 1'000'000;

// --- bounds
inline constexpr std::size_t kWarningsMax = 20;   ///< of the cluster status
inline constexpr std::size_t kRejectedShown = 5;  ///< origins turned away, named in the status
inline constexpr std::size_t kEventsKept = 10'000;
inline constexpr std::size_t kEventWatchersMax = 256;
inline constexpr std::size_t kForwardersMax = 1'000;
inline constexpr std::size_t kAgentsMax = 10'000;
inline constexpr std::size_t kOriginsPerAgentMax = 1'024;  ///< as many as an agent watches
inline constexpr std::size_t kSessionsPerForwarderMax = 200'000;
inline constexpr std::size_t kInterestsPerForwarderMax = 200'000;
inline constexpr std::size_t kStreamsPerOriginMax = 20'000;    ///< reported ones; more are ignored
inline constexpr std::size_t kReportedStreamsMax = 2'000'000;  ///< likewise, of all origins
inline constexpr std::size_t kActiveIncarnationsMax = 20'000;  ///< of one heartbeat, kept
inline constexpr std::size_t kQueriesOpenMax = 10'000;
inline constexpr std::size_t kPendingRestoresMax = 500'000;
inline constexpr std::size_t kTextBytesMax = 256;  ///< ids, reasons, client agents
inline constexpr std::size_t kLabelsMax = 32;
inline constexpr std::size_t kEndpointsMax = 16;

static_assert(kTick < kHeartbeatInterval);
static_assert(kBulletinInterval * 3 < kReplicaSilence && kReplicaSilence < store::kBulletinExpiry);
static_assert(kPeerTick * 5 < kStoodStill && kStoodStill < kReplicaSilence);
static_assert(kPeerTick <= kBulletinGap && kBulletinInterval < kJoinWithin);
static_assert(kHeartbeatInterval * 3 < 700ms, "a missed heartbeat does not end an attach stream");
static_assert(kRenewInterval * 2 < store::kRenewalExpiry);
static_assert(kSessionQueryTimeout < store::kIdleEvidenceAgeMax);
static_assert(kTokenDigits * 5 >= 256);

}  // namespace weir::core
