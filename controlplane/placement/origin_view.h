#pragma once
// What a decision knows of one origin, and what it is asked: the inputs of the placement engine.
//
// The owner (the core) keeps one contiguous array of views and changes an entry when a report, a
// store change or a reservation concerns it; a decision reads the array as it stands, without
// copying it. Threading: plain values. Lifetime: a view shares ownership of its description.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/model/origin.h"
#include "controlplane/placement/reservation_ledger.h"

namespace weir::placement {

struct OriginView {
  std::shared_ptr<const model::OriginDescription> description;  ///< never null
  IncarnationId incarnation;
  model::OriginState state = model::OriginState::kSuspect;
  bool cordoned = false;
  bool draining = false;
  double weight = 1;                ///< operator's; above 1 = takes more; positive
  std::optional<model::Load> load;  ///< newest report; nullopt = none of this incarnation yet
  MonotonicTime load_time{};        ///< arrival of it; the age is taken against Snapshot::now
  /// Placements by the store's count, orphaned ones included; those under way are in `pending`.
  std::uint32_t placed_streams = 0;
  Pending pending;        ///< ledger.pending(incarnation)
  double error_rate = 0;  ///< share of recent dials that failed, 0..1
  /// Slow start: until then it is taken to be as loaded as the average origin, because an empty one
  /// with few reports behind it would draw every new stream.
  MonotonicTime slow_start_until{};
  /// average_placed() of the cluster when slow start began: added to its own count until it ends.
  std::uint32_t slow_start_placed = 0;
  std::uint64_t id_hash = 0;        ///< rendezvous_hash(id); see make_view
  std::uint32_t protocol_bits = 0;  ///< 1 << Protocol for each endpoint; see make_view
};

/// A view with everything filled in that follows from the description.
OriginView make_view(std::shared_ptr<const model::OriginDescription> description,
                     IncarnationId incarnation);

/// From configuration.
struct Settings {
  std::uint64_t default_stream_bits_per_second = 4'000'000;
  std::uint32_t default_origin_streams = 1'000;
};

/// What every decision needs of one origin, worked out once when something about it changes: a
/// decision over ten thousand origins reads 88 bytes of each. Whatever depends on the request, or
/// fades with time, is left to the decision (rules.h, judge()).
struct Standing {
  MonotonicTime good_before{};    ///< from then on its load is too old, or its slow start is over
  std::uint64_t id_hash = 0;      ///< OriginView::id_hash
  double score = 0;               ///< of streams and CPU, the larger
  double egress = 0;              ///< bit/s reported
  double pending_bits = 0;        ///< Pending::bits_total
  double pending_moment = 0;      ///< Pending::bits_moment
  double egress_capacity = 0;     ///< bit/s; 0 = no limit
  double penalty = 0;             ///< for failed dials
  double weight = 1;              ///< OriginView::weight
  std::uint32_t streams = 0;      ///< weighed_streams
  std::uint32_t zone_hash = 0;    ///< 0 = it has none
  std::uint32_t incarnation = 0;  ///< short_hash of it
  std::uint8_t rejection = 0;  ///< Rejection of every request, egress and the request's own aside
  std::uint8_t protocol_bits = 0;
  bool momentary = false;  ///< the rejection
  bool in_slow_start = false;
};

/// Good from `now` until its good_before.
Standing make_standing(const Settings& settings, const OriginView& view, MonotonicTime now);
/// For Standing and Question: 32 bits of a text, never 0.
std::uint32_t short_hash(std::string_view text);

/// Mean of placed streams over the origins that take new ones, rounded down; 0 when there is none.
std::uint32_t average_placed(std::span<const OriginView> origins);

struct Request {
  StreamKey stream;
  model::Protocol protocol = model::Protocol::kRtmp;
  std::uint64_t declared_bits_per_second = 0;  ///< 0 = unknown
  std::string zone;                            ///< of the caller; empty = no preference
  OriginId pin;                                ///< only there; empty = anywhere
  std::vector<IncarnationId> failed;           ///< the dial of this very publisher failed there
  std::vector<IncarnationId> penalized;        ///< the asking forwarder cannot reach them for now
  /// 0: the best of all origins. d: the best of d eligible ones drawn by `seed`, so that replicas
  /// that do not see each other's reservations do not all choose the same.
  std::uint32_t sample = 0;
  std::uint64_t seed = 0;
};

/// Everything a decision may look at. Immutable while it is made.
struct Snapshot {
  MonotonicTime now{};
  WallTime wall_now{};
  std::span<const OriginView> origins;
  /// Of `origins`, one by one; empty = each decision works them out.
  std::span<const Standing> standings;
};

}  // namespace weir::placement
