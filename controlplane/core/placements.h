#pragma once
// Placements: AcquirePlacement and its relatives (design 4, 5): decide, reserve, acquire, and what
// follows when another holds the stream.
//
// Threading: the core's thread. Lifetime: requests under way are dropped with the core.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/errors.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/liveness.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/core/request_window.h"
#include "controlplane/core/routes.h"
#include "controlplane/core/session_table.h"
#include "controlplane/core/takeover.h"
#include "controlplane/placement/decision_ring.h"

namespace weir::core {

struct AcquireQuery {
  StreamKey stream;
  model::Holder holder;
  model::Protocol protocol = model::Protocol::kRtmp;
  struct Failed {
    IncarnationId incarnation;
    Epoch epoch;
    ContactOutcome outcome = ContactOutcome::kAnswered;
  };
  std::optional<Failed> failed;
  std::uint64_t declared_bits_per_second = 0;
  std::string request_id;
  std::string zone;
};

struct Acquired {
  Route route;
  bool after_takeover = false;
  bool players_wait = false;  ///< for this stream, at forwarders that are being told its route now
};

struct Explanation {
  std::vector<placement::DecisionRecord> records;
  std::optional<model::Placement> placement;
  WallTime read_time{};
};

class Placements {
 public:
  Placements(Context& context, ClusterView& view, Generation& generation, OriginBoard& board,
             Liveness& liveness, Routes& routes, Takeover& takeover, const SessionTable& sessions);

  void acquire(AcquireQuery query, Respond<Acquired> respond);
  void route(const StreamKey& stream, model::Protocol protocol, Respond<Route> respond);
  void release(const store::HolderRef& held, Respond<bool> respond);
  /// `dry_run`: decides for `query` now, binds and reserves nothing; else the records kept.
  Answer<Explanation> explain(const AcquireQuery& query, bool dry_run);
  void tick();
  /// Whether players wait for a stream at a forwarder of another replica.
  std::function<bool(const StreamKey&)> players_wait_elsewhere;

 private:
  struct Call;  ///< one acquire under way

  placement::Decision decide(const AcquireQuery& query);
  void start(const std::shared_ptr<Call>& call);
  void bind(const std::shared_ptr<Call>& call, std::optional<store::Takeover> evidence);
  void answered(const std::shared_ptr<Call>& call, store::AcquireResult result, bool with_evidence);
  void bound(const std::shared_ptr<Call>& call, store::AcquireResult result);
  void held(const std::shared_ptr<Call>& call, const store::AcquireResult& result);
  void finish(const std::shared_ptr<Call>& call, const model::Placement& placement,
              bool after_takeover, bool players_wait = false);
  void fail(const std::shared_ptr<Call>& call, CoreError error);
  void answer_call(const std::shared_ptr<Call>& call, Answer<Acquired> answer);
  metrics::Counter& answered_with(std::optional<Reason> reason);
  CoreError no_origin(const placement::Decision& decision) const;
  CoreError from_store(store::StoreError error);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  OriginBoard& board_;
  Liveness& liveness_;
  Routes& routes_;
  Takeover& takeover_;
  const SessionTable& sessions_;
  placement::DecisionRing ring_;
  RequestWindow<Acquired> window_;
  metrics::Histogram& latency_;
  /// By reason, nullopt = OK: looked up by its labels once, not with each answer.
  std::map<std::optional<Reason>, metrics::Counter*> answers_;
};

}  // namespace weir::core
