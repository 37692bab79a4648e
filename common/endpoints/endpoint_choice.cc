#include "common/endpoints/endpoint_choice.h"

#include <algorithm>
#include <compare>

#include "common/base/contract.h"
#include "common/endpoints/limits.h"

namespace weir::endpoints {
namespace {

/// `first`, doubled for each of `count` - 1, up to `last`.
Duration doubled(Duration first, Duration last, std::size_t count) {
  for (; count > 1 && first < last; --count) first *= 2;
  return std::min(first, last);
}

}  // namespace

/// Less is better; in the order of the members.
struct EndpointChoice::Rank {
  bool avoided = false;
  int staleness = 0;  ///< 0 = said it is fresh, 1 = said nothing lately, 2 = said it is stale
  MonotonicTime failed_at = MonotonicTime::min();  ///< the longest ago comes first

  auto operator<=>(const Rank&) const = default;
};

EndpointChoice::EndpointChoice(std::size_t count, Random& random)
    : endpoints_(count), random_(random) {
  WEIR_ASSERT(count > 0);
}

/// Uniform in [half, limit]: spreads callers that failed together, yet never hurries.
Duration EndpointChoice::jittered(Duration limit) {
  const auto half = static_cast<std::uint64_t>(limit.count() / 2);
  return Duration{static_cast<Duration::rep>(half + random_.below(half + 1))};
}

void EndpointChoice::answered(std::size_t endpoint, MonotonicTime now) {
  Endpoint& e = endpoints_[endpoint];
  if (!e.good_since) e.good_since = now;
  e.silences = 0;
  e.avoided_until = MonotonicTime::min();
  e.retry_at = MonotonicTime::min();
  if (now - *e.good_since < kGoodAfter) return;
  e.failures = 0;
  e.failed_at.reset();
}

bool EndpointChoice::failed(std::size_t endpoint, Failure failure, MonotonicTime now) {
  Endpoint& e = endpoints_[endpoint];
  const bool known = now < e.retry_at;
  if (e.good_since && now - *e.good_since >= kGoodAfter) e.failures = 0;
  e.good_since.reset();
  e.told_at.reset();
  if (failure != Failure::kBroken && now >= e.avoided_until) {
    // An end that was announced says nothing about silence.
    if (failure == Failure::kSilent) ++e.silences;
    e.avoided_until = now + jittered(doubled(kAvoidedFirst, kAvoidedMax, e.silences));
  }
  if (known) return false;
  ++e.failures;
  e.failed_at = now;
  e.retry_at = now + jittered(doubled(kRetryDelayMin, kRetryDelayMax, e.failures));
  return true;
}

void EndpointChoice::told(std::size_t endpoint, bool stale, MonotonicTime now) {
  endpoints_[endpoint].stale = stale;
  endpoints_[endpoint].told_at = now;
}

EndpointChoice::Rank EndpointChoice::rank(const Endpoint& e, MonotonicTime now) const {
  Rank rank;
  rank.avoided = now < e.avoided_until;
  const bool told = e.told_at && now - *e.told_at < kFreshnessHolds;
  rank.staleness = told ? (e.stale ? 2 : 0) : 1;
  if (e.failed_at && now - *e.failed_at < kFailureRemembered) rank.failed_at = *e.failed_at;
  return rank;
}

EndpointChoice::Next EndpointChoice::next(MonotonicTime now) {
  std::optional<std::size_t> best;
  std::uint64_t equals = 0;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    if (endpoints_[i].retry_at > now) continue;
    const auto order = best ? rank(endpoints_[i], now) <=> rank(endpoints_[*best], now)
                            : std::strong_ordering::less;
    if (order < 0) equals = 0;
    if (order <= 0 && random_.below(++equals) == 0) best = i;
  }
  if (best) return {*best, now};
  const auto soonest = std::ranges::min_element(endpoints_, {}, &Endpoint::retry_at);
  return {static_cast<std::size_t>(soonest - endpoints_.begin()), soonest->retry_at};
}

EndpointChoice::Next EndpointChoice::next_after(Failure failure, bool was_attached,
                                                MonotonicTime now) {
  Next found = next(now);
  if (was_attached && found.at == now) {
    const Duration spread = failure == Failure::kLeaving ? kHandoverSpread : kMoveSpread;
    found.at += Duration{
        static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(spread.count()) + 1))};
  }
  return found;
}

std::size_t EndpointChoice::for_call(std::span<const std::size_t> tried, MonotonicTime now) {
  struct Order {
    std::ptrdiff_t tries;
    bool waits;  ///< for the end of its pause
    Rank rank;
    auto operator<=>(const Order&) const = default;
  };
  const auto order_of = [&](std::size_t i) {
    return Order{std::ranges::count(tried, i), endpoints_[i].retry_at > now,
                 rank(endpoints_[i], now)};
  };
  std::size_t best = 0;
  Order best_order = order_of(0);
  std::uint64_t equals = 1;
  for (std::size_t i = 1; i < endpoints_.size(); ++i) {
    const Order order = order_of(i);
    if (order < best_order) equals = 0;
    if (order <= best_order && random_.below(++equals) == 0) {
      best = i;
      best_order = order;
    }
  }
  return best;
}

Duration EndpointChoice::welcome_within(std::size_t endpoint) const {
  const auto doublings = std::min<std::size_t>(endpoints_[endpoint].silences, kWelcomeDoublingsMax);
  return kWelcomeWithin * (std::int64_t{1} << doublings);
}

}  // namespace weir::endpoints
