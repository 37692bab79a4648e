#pragma once
// Times and bounds of the ownership rules (design 3, 4). Threading: constants.

#include <chrono>
#include <cstddef>

namespace weir::store {

using namespace std::chrono_literals;

inline constexpr auto kOrphanKept = 15s;           ///< a reconnecting encoder finds its origin
inline constexpr auto kSettlingFirst = 3s;         ///< length of settling when nobody extends it
inline constexpr auto kSettlingExtension = 1s;
inline constexpr auto kSettlingMax = 10s;
inline constexpr auto kRenewalExpiry = 3s;         ///< a forwarder that is silent for longer
inline constexpr auto kRenewalGrace = 3s;          ///< after settling, an absent renewal means nothing
inline constexpr auto kIdleEvidenceAgeMax = 1s;    ///< of a takeover because the holder is idle
inline constexpr auto kTakeoverPause = 5s;         ///< at most one takeover per stream in this time
inline constexpr auto kLastEpochKept = std::chrono::hours(24);
inline constexpr std::size_t kVerdictBytesMax = 128;

static_assert(kSettlingExtension < kSettlingFirst && kSettlingFirst < kSettlingMax);

}  // namespace weir::store
