#pragma once
// What a decision answers: ranked candidates for the store, and the record that explains them.
// Mirrors weir.control.v1.DecisionRecord; the RPC edge translates field by field.
// Threading: plain values. Lifetime: self-contained.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/placement/reservation_ledger.h"

namespace weir::placement {

/// Why a filter rejected an origin. In the order in which the filters run.
enum class Rejection : std::uint8_t {
  kNone,                  ///< it passed
  kPinnedElsewhere,       ///< an operator's order: the stream goes to another origin only
  kNotAlive,              ///< suspect or dead
  kCordoned,              ///< an operator's order
  kDraining,              ///< likewise: it shall run empty
  kNoEndpoint,            ///< it has none at all
  kProtocolUnsupported,   ///< none for the protocol asked for
  kJustFailed,            ///< this publisher has just failed there
  kPairPenalized,         ///< the asking forwarder cannot reach it for now
  kStreamCapReached,      ///< configured limit
  kEgressCapReached,      ///< configured limit
  kCpuCapReached,         ///< reported CPU at or above kCpuCap
  kDescriptorsExhausted,  ///< open files at the process limit
  kConnectionsExhausted,  ///< configured limit
};
inline constexpr std::size_t kRejections = 14;

/// "CORDONED"; empty for kNone.
std::string_view to_string(Rejection rejection);
enum class Resource : std::uint8_t { kStreams, kEgress, kCpu };
/// "streams", "egress", "cpu"
std::string_view to_string(Resource resource);

struct Candidate {
  OriginId origin;
  IncarnationId incarnation;
  Rejection rejected_by = Rejection::kNone;
  double score = 0;                  ///< lower is better, unclamped
  double predicted_utilization = 0;  ///< of the bottleneck, 1.0 = full
  Resource bottleneck = Resource::kStreams;
  std::uint32_t pending_streams = 0;
  std::optional<Duration> data_age;  ///< nullopt = no report yet
};

using RejectionCounts = std::array<std::uint32_t, kRejections>;  ///< by Rejection

struct DecisionRecord {
  StreamKey stream;
  WallTime decide_time{};
  std::string policy;  ///< "spread" or "pinned"
  std::vector<Candidate>
      candidates;                ///< best first, then rejected ones; at most kRecordCandidatesMax
  std::uint32_t considered = 0;  ///< origins looked at
  std::uint32_t eligible = 0;    ///< origins that passed
  RejectionCounts rejected{};
  OriginId winner;  ///< empty = none was eligible
  Epoch epoch;      ///< set by the caller once the store has bound the winner
  Cost reservation;
  std::string verdict;  ///< compact form, at most kVerdictBytesMax bytes
};

/// A candidate as the store takes it.
struct Ranked {
  OriginId origin;
  IncarnationId incarnation;
};

struct Decision {
  std::vector<Ranked> ranked;  ///< best first, at most kRankedMax; empty = NO_ELIGIBLE_ORIGIN
  DecisionRecord record;
  Cost cost;  ///< to reserve on ranked.front()
  /// ranked is empty, but some origin may become eligible by itself within seconds: "busy, retry".
  /// False: "full" (configured limits, cordons, no endpoint), which takes an operator or departing
  /// streams.
  bool may_retry = false;
};

}  // namespace weir::placement
