#pragma once
// Times and bounds of simulated agents, forwarders and clients: those of the real ones.
// Threading: constants.

#include <chrono>
#include <cstddef>

namespace weir::cluster {

using namespace std::chrono_literals;

inline constexpr auto kTick = 50ms;
inline constexpr auto kHeartbeatEvery = 500ms;
inline constexpr auto kSilenceMax = 700ms;  ///< without a message: another replica
inline constexpr auto kWelcomeWithin = 1'000ms;
inline constexpr auto kReattachDelayMin = 100ms;
inline constexpr auto kReattachDelayMax = 1'000ms;
inline constexpr auto kSnapshotEvery = 60s;
inline constexpr auto kFlushAfter = 2ms;  ///< changes of sessions go together
inline constexpr auto kUnaryDeadline = 500ms;
inline constexpr auto kRetryAfterUnreachable = 250ms;
inline constexpr auto kClientPatience = 15s;  ///< an encoder that is held back gives up then
inline constexpr auto kDialTime = 2ms;
inline constexpr auto kBusyFor = 2s;  ///< an origin that still has the leg of whoever left
inline constexpr auto kBusyRetry = 100ms;
inline constexpr auto kClaimAgain = 2s;
inline constexpr auto kEndMayBeLost = 3s;  ///< written to a stream that broke
inline constexpr auto kReleaseRetriedFor = 60s;
inline constexpr auto kIdleBeforeTakeover = 2'300ms;
inline constexpr auto kRespawnAfter = 1s;  ///< of an origin that died

inline constexpr std::size_t kWriteQueueMax = 10'000;
inline constexpr std::size_t kReleasesInFlightMax = 64;
inline constexpr std::size_t kWatchedMax = 2'000;  ///< streams of others, per forwarder
inline constexpr std::size_t kSessionsPerMessageMax = 500;
inline constexpr std::size_t kTries = 4;  ///< of one question, each at another replica

}  // namespace weir::cluster
