#pragma once
// The filters and the score of one origin: what Placer applies to each entry of a snapshot, and
// Standing, the same worked out beforehand.
// Threading: pure functions. Lifetime: a Question refers to the request it was made from.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/placement/decision.h"
#include "controlplane/placement/origin_view.h"

namespace weir::placement {

/// A request, prepared once for all origins.
struct Question {
  Question(const Request& asked, const Settings& settings, MonotonicTime time);

  const Request& request;
  MonotonicTime now;
  std::uint32_t protocol_bit;
  double bits_per_second;  ///< declared or default
  std::uint32_t default_origin_streams;
  std::uint32_t zone_hash;  ///< of the caller; 0 = no preference
  std::uint64_t pin_hash;   ///< rendezvous_hash of the pin; 0 = there is none
  /// short_hash of the incarnations that this request is not to get, sorted.
  std::vector<std::pair<std::uint32_t, Rejection>> banned;
};

struct FilterResult {
  Rejection rejection = Rejection::kNone;
  bool momentary = false;  ///< may be gone within seconds, without an operator
};

/// Every filter, in the order of Rejection; the first that rejects answers.
FilterResult filter(const Question& question, const OriginView& view);

struct Score {
  double score = 0;  ///< lower is better
  double predicted_utilization = 0;
  Resource bottleneck = Resource::kStreams;
};

/// For an origin that passed the filters.
Score score(const Question& question, const OriginView& view);

/// Filters and score of an origin by its standing; `view` is looked at only where that does not
/// say enough. Exactly what filter() and score() say.
struct Judgement {
  FilterResult filter;
  double score = 0;  ///< where it passed
};
Judgement judge(const Question& question, const Standing& standing, const OriginView& view);

/// True while the origin counts as no emptier than the average one.
inline bool in_slow_start(const OriginView& view, MonotonicTime now) {
  return now < view.slow_start_until;
}

/// Streams placed there as the ranking counts them: the store's count, those under way, and the
/// head start of an origin in slow start.
std::uint32_t ranked_streams(const OriginView& view, MonotonicTime now);
/// The same in hundredths of a stream as they decide between equal scores: where the weight is
/// double, two count as one.
std::uint32_t weighed_streams(const OriginView& view, MonotonicTime now);

}  // namespace weir::placement
