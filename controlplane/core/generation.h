#pragma once
// Generation: boot, loss of history and settling (design 3).
//
// Purpose: makes sure that the store has a generation higher than any this cluster has used (the
// state-dir, agents and forwarders remember), reads everything, follows the feed, and keeps
// settling alive while something is still being restored. Threading: the core's thread. Lifetime:
// outlives completions of the store it waits for.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/limits.h"
#include "controlplane/core/messages.h"

namespace weir::core {

class Generation {
 public:
  Generation(Context& context, ClusterView& view, EventRing& events, std::uint64_t known);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  void start();
  /// Somebody has seen this generation: when it is higher than the store's, history was lost.
  void seen(std::uint64_t generation);
  /// The same of an epoch, which counts as known from then on.
  void seen(const Epoch& epoch);
  /// A verb said so.
  void history_lost();
  /// Shorthand for completions: history_lost() where `error` says that.
  void note(store::StoreError error);

  std::uint64_t value() const { return state_.generation; }
  bool settling() const { return state_.settling; }
  /// The store was read and has a generation, and the other replicas have been heard: requests can
  /// be answered.
  bool ready() const { return subscribed_ && state_.generation != 0 && joined(); }
  /// All bulletins have come round since the first snapshot: it is known who is attached where.
  bool joined() const;
  /// What agents and forwarders judge this replica by.
  ReplicaHeartbeat heartbeat() const { return {value(), stale(), settling()}; }
  /// What is answered from memory may be out of date.
  bool stale() const { return !ready() || context_.store.health().age > kStaleAfter; }
  /// Since the first snapshot; missing = there is none yet.
  std::optional<MonotonicTime> joined_at() const { return joined_at_; }
  /// False after a loss until all orders and secrets are known to be back.
  bool records_known() const { return state_.records_known; }
  void records_are_known(std::uint64_t generation) {
    if (generation == state_.generation) state_.records_known = true;
  }
  /// Highest generation known, for the state-dir.
  std::uint64_t highest() const { return known_; }
  /// Until then an absent renewal means nothing.
  MonotonicTime renewals_count_from() const { return renewals_count_from_; }

  /// While it returns true, settling is kept alive (10 s in all).
  std::function<bool()> still_restoring;
  /// The generation is another one: what is held must be restored.
  std::vector<std::function<void()>> on_raised;
  std::vector<std::function<void()>> on_settled;
  /// What the feed says of other replicas.
  std::function<void(const store::Change&)> on_peers;

 private:
  void read();
  void raise(std::uint64_t seen);
  void take(const store::GenerationState& state);
  /// True when it is another generation than before.
  bool adopt(const store::GenerationState& state);
  void take_snapshot(store::Snapshot snapshot);
  void subscription_failed(store::StoreError error);
  void subscribe();
  void on_change(const store::Change& change);
  void retry(std::function<void()> what);
  void set_settling(bool settling);
  void keep_settling();

  Context& context_;
  ClusterView& view_;
  EventRing& events_;
  store::GenerationState state_;
  std::uint64_t known_;
  bool raised_here_ = false;  ///< asked for, by this replica
  bool reading_ = false;      ///< one read-raise sequence at a time
  bool subscribed_ = false;
  bool subscribing_ = false;
  bool again_ = false;  ///< what is being read may be of the history before
  std::optional<MonotonicTime> joined_at_;
  std::uint64_t subscription_ = 0;
  MonotonicTime renewals_count_from_;
  TimerId settling_timer_ = 0;
  metrics::Gauge& generation_gauge_;
  metrics::Gauge& settling_gauge_;
};

}  // namespace weir::core
