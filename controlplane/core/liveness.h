#pragma once
// Liveness: carries out what the membership rules want (design 6): verdicts to the store, probes,
// admissions, events; and keeps their timer.
//
// Threading: the core's thread. Lifetime: probes under way are forgotten with it; the executor's
// timers must not outlive it (the core is destroyed before its executor runs again).

#include <functional>
#include <optional>
#include <unordered_map>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/membership/membership.h"

namespace weir::core {

class Liveness {
 public:
  Liveness(Context& context, ClusterView& view, Generation& generation, EventRing& events,
           OriginBoard& board);

  /// Every input to the rules goes through here: the call, its effects, the timer.
  template <class Call>
  void tell(Call&& call) {
    carry_out(call(rules_));
  }
  const membership::Membership& rules() const { return rules_; }
  membership::Membership& rules() { return rules_; }

  /// A dial of this forwarder; unknown incarnations are ignored by the rules.
  void dialled(const ForwarderId& forwarder, const IncarnationId& incarnation,
               ContactOutcome outcome);
  /// As dialled(), of a forwarder of another replica, which says so.
  void dialled_elsewhere(const ForwarderId& forwarder, const IncarnationId& incarnation,
                         ContactOutcome outcome);
  /// As a probe of this replica, which another one made.
  void probed_elsewhere(const OriginId& origin, ContactOutcome outcome);
  /// Refreshes what fades with time.
  void tick();

  /// An origin's process should be registered (agents') or taken back (static).
  std::function<void(const OriginId&)> admit;
  /// Something that the forwarders' origin table shows has changed.
  std::function<void()> on_table_changed;
  /// Whether probing an origin is for this replica.
  std::function<bool(const OriginId&)> cares_here = [](const OriginId&) { return true; };
  /// For other replicas: a dial of a forwarder that is here; a probe.
  std::function<void(const ForwarderId&, const IncarnationId&, ContactOutcome)> on_dial;
  std::function<void(const OriginId&, ContactOutcome)> on_probe;

 private:
  void carry_out(membership::Effects effects);
  void rearm();
  void run_timer();
  void state_changed(const membership::StateChanged& change);
  void declare_dead(const membership::DeclareDead& verdict);
  /// The store holds the evidence to be older than the incarnation.
  void declare_refused(const membership::DeclareDead& verdict);
  void probe(const OriginId& origin);
  void take_probe(const OriginId& origin, ContactOutcome outcome);
  void pair_event(const membership::PairPenalized& pair);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  EventRing& events_;
  OriginBoard& board_;
  membership::Membership rules_;
  /// The incarnation that was alive last: tells recovery from arrival.
  std::unordered_map<OriginId, IncarnationId> was_up_;
  TimerId timer_ = 0;
  std::optional<MonotonicTime> armed_for_;
};

}  // namespace weir::core
