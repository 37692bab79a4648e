#pragma once
// Weights, times and bounds of the placement engine (design 5). Each number is argued in
// docs/adr/0003-placement.md. Threading: constants.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::placement {

using namespace std::chrono_literals;

inline constexpr double kTieBand = 0.02;      ///< scores this close are no difference
inline constexpr double kZoneCost = 0.1;      ///< another zone than the caller's
inline constexpr double kErrorPenalty = 1.0;  ///< times the share of dials that failed lately
inline constexpr double kCpuIdleShare = 0.1;  ///< CPU below this does not tell origins apart
inline constexpr double kCpuCap = 0.95;       ///< no new stream at or above
inline constexpr auto kLoadExpiry = 10s;      ///< older CPU and egress figures are taken as unknown
inline constexpr auto kSlowStart = 10s;       ///< of reports before an empty origin is believed
inline constexpr auto kReservationFade = 20s;  ///< a stream's audience comes within this time
inline constexpr std::uint32_t kStreamsForCpuCost =
    8;  ///< reported streams that make cpu/stream known
inline constexpr std::uint32_t kDescriptorReserve = 32;  ///< left for players and log files

/// Origins looked at in one decision: the best of so many is as good as the best of all.
inline constexpr std::size_t kStepsEnough = 1'024;
/// While none of them takes the stream.
inline constexpr std::size_t kStepsMax = 20'000;  ///< origins looked at in one decision
inline constexpr std::uint32_t kSampleOfSeveralReplicas = 2;
inline constexpr std::size_t kSampleMax = 16;       ///< of `Request::sample`
inline constexpr std::size_t kSampleStepsMax = 64;  ///< drawn for a sample; then all are looked at
inline constexpr std::size_t kRankedMax = 16;       ///< candidates handed to the store
inline constexpr std::size_t kRecordCandidatesMax = 32;  ///< origins listed in a decision record
inline constexpr std::size_t kRecordRejectedMin = 8;     ///< of them kept free for rejected ones
inline constexpr std::size_t kVerdictBytesMax = 128;
inline constexpr std::size_t kDecisionsKept = 10'000;
inline constexpr std::size_t kReservationsMax = 100'000;

static_assert(kRankedMax <= kRecordCandidatesMax - kRecordRejectedMin);

}  // namespace weir::placement
