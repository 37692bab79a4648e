#include "controlplane/placement/verdict.h"

#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "controlplane/placement/limits.h"

namespace weir::placement {
namespace {

constexpr std::size_t kIdBytesMax = 24;
constexpr std::string_view kMore = "; ...";

/// Two ids and the counts always fit, whatever ids operators choose.
static_assert(2 * kIdBytesMax + 64 + kMore.size() <= kVerdictBytesMax);

std::string shortened(const OriginId& id) {
  if (id.str().size() <= kIdBytesMax) return id.str();
  // The end of an id tells origins of one host apart; the beginning often does not.
  return "~" + id.str().substr(id.str().size() - (kIdBytesMax - 1));
}

}  // namespace

std::string make_verdict(const DecisionRecord& record) {
  std::string text;
  if (record.eligible == 0) {
    text = fmt::format("none of {}", record.considered);
  } else {
    const Candidate& winner = record.candidates.front();
    text = fmt::format("{} {:.3g} {}", shortened(winner.origin), winner.score,
                       to_string(winner.bottleneck));
    if (record.eligible > 1 && record.candidates.size() > 1) {
      const Candidate& next = record.candidates[1];
      text += fmt::format("; next {} {:.3g}", shortened(next.origin), next.score);
    }
    text += fmt::format("; {} of {}", record.eligible, record.considered);
  }
  for (std::size_t i = 1; i < kRejections; ++i) {
    if (record.rejected[i] == 0) continue;
    const std::string part =
        fmt::format("; {} {}", to_string(static_cast<Rejection>(i)), record.rejected[i]);
    if (text.size() + part.size() + kMore.size() > kVerdictBytesMax) {
      text += kMore;
      break;
    }
    text += part;
  }
  return text;
}

}  // namespace weir::placement
