#pragma once
// Times and bounds of the ownership rules (design 3, 4). Threading: constants.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::store {

using namespace std::chrono_literals;

inline constexpr auto kOrphanKept = 15s;    ///< a reconnecting encoder finds its origin
inline constexpr auto kSettlingFirst = 3s;  ///< length of settling when nobody extends it
inline constexpr auto kSettlingExtension = 1s;
inline constexpr auto kSettlingMax = 10s;
inline constexpr auto kRenewalExpiry = 3s;  ///< a forwarder that is silent for longer
inline constexpr auto kRenewalGrace = 3s;   ///< after settling, an absent renewal means nothing
inline constexpr auto kIdleEvidenceAgeMax = 1s;  ///< of a takeover because the holder is idle
inline constexpr auto kTakeoverPause = 5s;       ///< at most one takeover per stream in this time
inline constexpr auto kLastEpochKept = std::chrono::hours(24);
inline constexpr auto kExternalKept = 60s;  ///< a scheduler's bind that nobody publishes to
inline constexpr auto kDeadOriginKept = std::chrono::hours(24);  ///< unused, after its verdict
inline constexpr auto kStallSeen = 1s;           ///< a store that slept longer missed renewals
inline constexpr auto kRenewalRemembered = 60s;  ///< after its expiry: to know when it was
/// Streams whose last epoch is remembered; beyond, the oldest go, and claims below them are
/// refused.
inline constexpr std::size_t kLastEpochsMax = 2'000'000;
/// Generations are microseconds of the calendar; nothing honest is above this (year 2255, and
/// exact in a double, which is what Redis scripts count with).
inline constexpr std::uint64_t kGenerationMax = std::uint64_t{1} << 53;
/// What others tell of generations (peers, files) counts below this only (year 2112): a raise above
/// it still leaves more room than will ever be used, so that no two generations are the same.
inline constexpr std::uint64_t kGenerationHeardMax = kGenerationMax / 2;
inline constexpr std::size_t kVerdictBytesMax = 128;
inline constexpr auto kTombstoneKept = std::chrono::hours(24);
inline constexpr std::size_t kRecordsMax = 200'000;  ///< tombstones included
inline constexpr std::size_t kRecordBytesMax = 64 * 1024;
inline constexpr std::size_t kChangesKept = 100'000;  ///< for resume tokens

// --- between replicas
inline constexpr auto kBulletinExpiry = 3s;
inline constexpr std::size_t kBulletinBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kReplicasMax = 64;  ///< bulletins
inline constexpr std::size_t kBroadcastBytesMax = 256 * 1024;
inline constexpr std::size_t kBroadcastsKept = 1'000;  ///< until every replica has read them
inline constexpr std::size_t kCommandBytesMax = 256 * 1024;
inline constexpr std::size_t kMailboxCommandsMax = 256;
inline constexpr std::size_t kMailboxesMax = 20'000;
inline constexpr std::size_t kMediaSessionsMax = 200'000;
inline constexpr auto kMediaSessionExpiryMax = std::chrono::hours(1);

/// In place of a decision record: nobody chose this origin.
inline constexpr const char* kAdoptedVerdict = "adopted: published on the origin itself";

static_assert(kSettlingExtension < kSettlingFirst && kSettlingFirst < kSettlingMax);

}  // namespace weir::store
