#pragma once
// DirectStreams: publishers that came to an origin itself, past the forwarders (design 3,
// docs/adr/0013).
//
// Purpose: what is live where nobody placed it is adopted; what is adopted is released when its
// origin lists it no longer; what is live beside its placement is a split, which is shown and never
// ended from here. All of it follows from reports: nothing is done about an origin that is silent.
// Threading: the core's thread. Lifetime: as the core.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/reported_streams.h"

namespace weir::core {

class DirectStreams {
 public:
  DirectStreams(Context& context, ClusterView& view, Generation& generation, EventRing& events,
                ReportedStreams& reported);

  /// A report of this origin, which lists its streams, was taken in. `reading`: which reading of
  /// them it tells of; 0 = one of its own.
  void report_taken(const OriginId& origin, std::uint64_t reading);
  /// Each second.
  void sweep();
  /// Whether another replica hears of an origin's streams.
  std::function<bool(const OriginId&)> reported_elsewhere;

  /// Where a stream is live besides its placement, as confirmed.
  std::vector<OriginId> split_at(const StreamKey& stream) const;
  const std::map<StreamKey, std::set<OriginId>>& splits() const { return splits_; }
  std::size_t direct_count() const { return direct_count_; }

 private:
  /// A live stream that no placement explains.
  struct Watch {
    Epoch against;  ///< of the placement that it contradicts; unset: there is none
    MonotonicTime since{};
    int readings = 0;    ///< that agreed since then
    bool asked = false;  ///< the store, which has not answered
  };
  struct Of {
    std::uint64_t reading = 0;
    MonotonicTime heard{};  ///< the last report, or when its first stream was adopted
    std::unordered_map<StreamKey, Watch> watched;
    std::unordered_map<StreamKey, int> missing;  ///< adopted and not listed: in how many readings
    std::size_t direct = 0;                      ///< placements of direct publishers
  };

  void consider(const OriginId& origin, const StreamKey& stream);
  /// Nothing is kept of an origin that is gone.
  void forget_if_gone(const OriginId& origin);
  bool needs_watch(const OriginId& origin, const LiveStream& live,
                   const model::Placement* placement) const;
  bool let_go(const OriginId& origin, const model::Placement* placement) const;
  bool adopts(const OriginId& origin) const;
  void look(const OriginId& origin, Of& of, bool new_reading);
  bool agrees_long_enough(const LiveStream& live, const Watch& watch) const;
  std::vector<Epoch> epochs_at(const OriginId& origin) const;
  void count_missing(const OriginId& origin, Of& of);
  void adopt(const OriginId& origin, const StreamKey& stream);
  void confirm_split(const OriginId& origin, const StreamKey& stream);
  void release(const model::Placement& placement);
  void release_all(const OriginId& origin, const IncarnationId* only);
  void count_adoption(std::string_view result);
  void begin_split(const OriginId& origin, const model::Placement& placement);
  void end_split(const OriginId& origin, const StreamKey& stream);
  bool is_split(const OriginId& origin, const StreamKey& stream) const;
  void on_placement(const ClusterView::PlacementChange& change);
  void on_origin(const ClusterView::OriginChange& change);
  Watch* find(const OriginId& origin, const StreamKey& stream);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  EventRing& events_;
  ReportedStreams& reported_;
  std::unordered_map<OriginId, Of> origins_;
  std::map<StreamKey, std::set<OriginId>> splits_;
  std::size_t direct_count_ = 0;
};

}  // namespace weir::core
