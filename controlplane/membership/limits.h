#pragma once
// Times and bounds of the liveness rules (design 6). Threading: constants.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::membership {

using namespace std::chrono_literals;

inline constexpr auto kSilence = 2s;       ///< without a message: suspect
inline constexpr auto kMissingKept = 30s;  ///< absent from its agent's snapshot: then probed
inline constexpr auto kProbeInterval = 1s;
inline constexpr auto kProbeDeadline = 1s;
inline constexpr std::uint32_t kProbesToDie = 3;  ///< failed in a row
inline constexpr auto kDialEvidenceKept = 5s;     ///< a failed dial convicts no longer than this
inline constexpr std::size_t kForwardersToDie = 2;
inline constexpr auto kBytesRecent = 2s;  ///< bytes from an incarnation this recent: it lives

inline constexpr auto kPenaltyFirst = 1s;  ///< of a forwarder→origin pair; doubles
inline constexpr auto kPenaltyMax = 30s;
inline constexpr auto kPenaltyForgotten = 60s;  ///< after its end the next one starts small again

inline constexpr std::uint32_t kReturnsFree = 3;  ///< deaths taken back at once …
inline constexpr auto kDeathsForgotten = 60s;     ///< … within this time
inline constexpr auto kReturnDelayFirst = 1s;     ///< after that; doubles
inline constexpr auto kReturnDelayMax = 30s;

inline constexpr auto kAdmitPatience = 2s;  ///< before a registration is asked for again

inline constexpr std::size_t kGuardOriginsMin = 4;  ///< smaller clusters are not guarded
inline constexpr std::size_t kGuardDeathsMin = 2;   ///< inferred deaths always allowed …
inline constexpr auto kGuardWindow = 2s;            ///< … within this time
inline constexpr auto kGuardFrozen = 10s;           ///< least time that verdicts stay frozen
inline constexpr auto kGuardTrusting = 30s;  ///< after a thaw the guard does not freeze again

inline constexpr auto kObserverStall = 500ms;  ///< own timer later than this: we were asleep
inline constexpr auto kErrorHalfLife = 10s;    ///< of the dial error rate

static_assert(kObserverStall < kSilence && kProbeDeadline <= kProbeInterval);
static_assert(kBytesRecent <= kDialEvidenceKept && kPenaltyFirst < kPenaltyMax);

}  // namespace weir::membership
