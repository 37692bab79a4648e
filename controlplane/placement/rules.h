#pragma once
// The filters and the score of one origin: what Placer applies to each entry of a snapshot.
// Threading: pure functions. Lifetime: a Question refers to the request it was made from.

#include <cstdint>
#include <string_view>
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
  std::vector<std::string_view> penalized;  ///< sorted
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

/// True while the origin counts as no emptier than the average one.
inline bool in_slow_start(const OriginView& view, MonotonicTime now) {
  return now < view.slow_start_until;
}

/// Streams placed there as the ranking counts them: the store's count, those under way, and the
/// head start of an origin in slow start.
std::uint32_t ranked_streams(const OriginView& view, MonotonicTime now);

}  // namespace weir::placement
