#pragma once
// Timings of agents and forwarders towards the replicas of the control plane (design 6).
// Threading: constants.

#include <chrono>

namespace weir::endpoints {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Heartbeats come every 200 ms; an attach stream without one for this long is left.
inline constexpr milliseconds kReplicaSilenceMax{700};
/// From opening an attach stream to the welcome. Twice and four times as much at a replica that let
/// it pass before: a hello with very many sessions on a busy machine takes what it takes.
inline constexpr milliseconds kWelcomeWithin{700};
inline constexpr unsigned kWelcomeDoublingsMax = 2;
inline constexpr milliseconds kUnaryDeadline{500};

/// Pause before a replica that failed is tried again, with jitter; doubles from the first to the
/// last. The other replicas are tried before.
inline constexpr milliseconds kRetryDelayMin{100};
inline constexpr milliseconds kRetryDelayMax{1'000};
/// A replica that served this long has no failures behind it.
inline constexpr seconds kGoodAfter{2};
/// A failure that long ago says nothing any more about which of two replicas is better.
inline constexpr seconds kFailureRemembered{10};
/// The clients of a replica that is gone come to the others spread over this time; those of one
/// that ends on purpose were told so and hurry.
inline constexpr milliseconds kMoveSpread{200};
inline constexpr milliseconds kHandoverSpread{50};
/// A replica that took a connection and did not answer costs its callers time: the others come
/// first for this long, doubling up to the maximum; likewise one that said it shuts down.
inline constexpr seconds kAvoidedFirst{2};
inline constexpr seconds kAvoidedMax{30};

/// What a replica said of its own freshness holds so long.
inline constexpr seconds kFreshnessHolds{5};
/// Clients of a stale replica ask the others whether they are better, this often at first and at
/// last; spread over the first pause.
inline constexpr milliseconds kFresherAskedMin{250};
inline constexpr seconds kFresherAskedMax{8};
/// From one move to a fresher replica to the next, so that replicas that turn stale in turns are
/// not followed round and round.
inline constexpr seconds kFresherMoveAgain{3};

static_assert(kRetryDelayMin < kRetryDelayMax);
static_assert(kMoveSpread + kReplicaSilenceMax < seconds{1}, "a frozen replica is left in time");
static_assert(kHandoverSpread < kMoveSpread);
static_assert(kAvoidedFirst < kAvoidedMax);

}  // namespace weir::endpoints
