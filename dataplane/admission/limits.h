#pragma once
// Bounds of what is remembered about client addresses, and of players that wait. Threading:
// constants.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::admission {

/// Addresses with something to remember, about 120 bytes each. Beyond it the one that has been
/// without connections for longest is forgotten; when each of them has connections, a new address
/// is let in and not counted.
inline constexpr std::size_t kAddressesMax = 65'536;
/// Idle addresses looked at per new connection: more than one, so that the table shrinks again.
inline constexpr int kForgottenPerConnection = 2;
/// An IPv6 client has a whole /64 to choose addresses from; a shorter prefix may be many customers.
inline constexpr unsigned kIpv6PrefixBits = 64;
/// New connections that an address may have saved up, in seconds of its rate: many clients of one
/// site start together.
inline constexpr std::chrono::seconds kConnectBurst{2};
/// How long an address with too many failed identifications is refused.
inline constexpr std::chrono::seconds kRefusedFor{30};
/// What failed identifications are counted over.
inline constexpr std::chrono::seconds kFailuresOver{60};

/// Players that wait for a stream nobody publishes. An event's audience comes before it begins.
inline constexpr std::uint32_t kWaitingPerStreamMax = 10'000;
/// Of one client address: carriers and offices share one.
inline constexpr std::uint32_t kWaitingPerAddressMax = 1'000;
/// In all, as a part of the most connections: places are left for those who publish.
inline constexpr std::uint32_t kWaitingParts = 2;

static_assert(kRefusedFor < kFailuresOver, "the count outlives the refusal");

}  // namespace weir::admission
