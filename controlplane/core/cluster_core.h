#pragma once
// ClusterCore: the control plane without its sockets. Everything that controlplane/service asks or
// tells goes through here.
//
// Purpose: makes the parts, connects them, runs their timers. Why there is a core at all, and why
// on one thread: docs/adr/0006-core-single-thread.md. Threading: every call on the executor's one
// thread, known_routes() aside; callers elsewhere post(). Completions run on that thread too.
// Lifetime: destroyed after its executor has stopped running work, before store and executor.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/core/agents.h"
#include "controlplane/core/cluster_sessions.h"
#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/direct_streams.h"
#include "controlplane/core/events.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/holders.h"
#include "controlplane/core/listing.h"
#include "controlplane/core/liveness.h"
#include "controlplane/core/mailroom.h"
#include "controlplane/core/narrator.h"
#include "controlplane/core/orders.h"
#include "controlplane/core/origin_board.h"
#include "controlplane/core/peer_liveness.h"
#include "controlplane/core/peers.h"
#include "controlplane/core/placements.h"
#include "controlplane/core/policy_in_force.h"
#include "controlplane/core/record_keeper.h"
#include "controlplane/core/replicas.h"
#include "controlplane/core/reported_streams.h"
#include "controlplane/core/restorer.h"
#include "controlplane/core/routes.h"
#include "controlplane/core/session_desk.h"
#include "controlplane/core/session_table.h"
#include "controlplane/core/static_origins.h"
#include "controlplane/core/takeover.h"

namespace weir::core {

class ClusterCore final : private ForwarderListener {
 public:
  ClusterCore(Context context, KeptState kept, KeptRecords records = {});
  ~ClusterCore() override;
  ClusterCore(const ClusterCore&) = delete;
  ClusterCore& operator=(const ClusterCore&) = delete;

  /// Reads the store and starts the timers.
  void start();
  /// Ends the timers and every attach stream, so that its peer goes to another replica at once.
  void stop(std::string_view reason);
  const ReplicaId& replica() const { return context_.options.replica; }
  ReplicaHeartbeat heartbeat() const { return generation_.heartbeat(); }
  /// Why requests cannot be answered yet; empty = they can.
  std::vector<std::string> not_ready() const;

  /// From any thread: routes of streams that are known here. False: ask placements().
  class KnownRoutes {
   public:
    explicit KnownRoutes(const ClusterView& view) : view_(view) {}
    template <class Take>
    bool read(std::string_view stream, Take&& take) const {
      return view_.known_route(stream, std::forward<Take>(take));
    }

   private:
    const ClusterView& view_;
  };
  KnownRoutes known_routes() const { return KnownRoutes(view_); }

  Placements& placements() { return placements_; }
  Forwarders& forwarders() { return forwarders_; }
  Agents& agents() { return agents_; }
  StaticOrigins& origins() { return static_origins_; }
  Orders& orders() { return orders_; }
  EventRing& events() { return events_; }
  Listing& listing() { return listing_; }
  ClusterSessions& sessions() { return cluster_sessions_; }

 private:
  // ForwarderListener
  void forwarder_attached(const ForwarderHello& hello) override;
  void forwarder_detached(const ForwarderId& forwarder) override;
  void forwarder_forgotten(const ForwarderId& forwarder) override;
  void forwarder_moved(const ForwarderId& forwarder) override;
  void sessions_changed(const ForwarderId& forwarder, const SessionChanges& changes) override;
  void dial_reported(const ForwarderId& forwarder, const DialReport& report) override;
  void interest_changed(const ForwarderId& forwarder, const RouteInterest& interest) override;
  void bytes_seen(const ForwarderId& forwarder,
                  const std::vector<IncarnationId>& incarnations) override;
  void claimed(const ForwarderId& forwarder, const ClaimRequest& claim) override;

  void connect();
  void connect_peers();
  void answer(const Mailroom::Body& question, Callback<void(Mailroom::Body)> respond);
  void tick();
  void run_each_second();
  void refresh_metrics();

  Context context_;
  EventRing events_;
  Replicas replicas_;
  Mailroom mailroom_;
  ClusterView view_;
  PolicyInForce policy_;
  Generation generation_;
  RecordKeeper record_keeper_;
  Orders orders_;
  SessionTable sessions_;
  OriginBoard board_;
  Liveness liveness_;
  Forwarders forwarders_;
  SessionDesk desk_;
  Routes routes_;
  Restorer restorer_;
  Holders holders_;
  Takeover takeover_;
  Placements placements_;
  ReportedStreams reported_;
  DirectStreams direct_;
  Agents agents_;
  StaticOrigins static_origins_;
  Narrator narrator_;
  Listing listing_;
  ClusterSessions cluster_sessions_;
  PeerLiveness peer_liveness_;
  Peers peers_;
  TimerId tick_timer_ = 0;
  std::uint64_t ticks_ = 0;
};

}  // namespace weir::core
