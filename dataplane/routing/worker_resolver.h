#pragma once
// WorkerResolver: RouteResolver of one worker thread, over its own copy of the routes.
//
// Purpose: a known stream is answered here, without an RPC and without another thread. What is not
// known is asked once per worker and stream, whoever waits. Fences publishers of this worker.
// Threading: the worker's thread; the ControlClient is reached by posting to its executor. The
// constructor is called before the threads start.
// Lifetime: outlives the worker's sessions and their subscriptions. Goes after the control thread
// and the worker's thread are joined.

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/base/executor.h"
#include "dataplane/routing/control_client.h"
#include "dataplane/routing/dial_gate.h"
#include "dataplane/routing/route_cache.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::routing {

/// Read by metrics, from any thread.
struct ResolverStats {
  std::atomic<std::uint64_t> watches_known{0};    ///< answered from the cache
  std::atomic<std::uint64_t> watches_unknown{0};  ///< had to ask
  std::atomic<std::uint64_t> fenced{0};
  std::atomic<std::uint64_t> streams{0};  ///< streams kept
};

class WorkerResolver final : public RouteResolver, private WorkerEvents {
 public:
  WorkerResolver(ControlClient& control, Executor& executor, const Clock& clock);
  ~WorkerResolver() override;
  WorkerResolver(const WorkerResolver&) = delete;
  WorkerResolver& operator=(const WorkerResolver&) = delete;

  /// Starts the timer that forgets idle streams and reports activity. On the worker's thread.
  void start();

  void session_started(const SessionInfo& info, SessionControl& control) override;
  void session_changed(const SessionInfo& info) override;
  void session_ended(const SessionId& id, std::string reason) override;
  void acquire(AcquireRequest request, Callback<void(AcquireAnswer)> answer) override;
  std::unique_ptr<Subscription> watch(const StreamKey& stream, Intent intent,
                                      Callback<void(const RouteUpdate&)> on_update) override;
  void report_dial(const IncarnationId& incarnation, ContactOutcome outcome,
                   Duration dial_time) override;
  void note_bytes_from(const IncarnationId& incarnation) override;
  const VhostRules& vhosts() const override { return vhosts_; }
  DialGate& dial_gate() override { return dial_gate_; }

  const ResolverStats& stats() const { return stats_; }

 private:
  struct Watch;
  class WatchHandle;
  struct Stream {
    std::vector<std::shared_ptr<Watch>> watches;
    std::vector<SessionId> publishers;
    MonotonicTime idle_since;
    bool told_that_it_waits = false;
    bool idle() const { return watches.empty() && publishers.empty(); }
  };
  struct Session {
    SessionInfo info;
    SessionControl* control = nullptr;
    Callback<void(AcquireAnswer)> answer;
    std::vector<std::uint64_t> closes;  ///< close commands that await an answer
    std::uint64_t reported_bytes = 0;
    bool fenced = false;
  };

  // WorkerEvents
  void on_route(const RouteUpdate& update) override;
  void on_vhosts(const VhostRules& vhosts) override { vhosts_ = vhosts; }
  void on_acquire_answer(const SessionId& session, AcquireAnswer answer) override;
  void on_close(const SessionId& session, SessionControl::Close reason,
                std::uint64_t query) override;
  void on_query(std::uint64_t query, const std::vector<SessionId>& sessions) override;

  /// `waits`: somebody waits for the route.
  Stream& need(const StreamKey& stream, bool waits);
  void became_idle(Stream& stream);
  void unsubscribe(const Watch& watch);
  void deliver_present(const std::shared_ptr<Watch>& watch);
  void fence_publishers(const RouteUpdate& update);
  void forget_idle(MonotonicTime now);
  void report_activity(MonotonicTime now);
  void tick();
  void closed(const SessionId& session, std::uint64_t query);
  void tell(Callback<void(ControlClient&)> call);

  ControlClient& control_;
  Executor& executor_;
  const Clock& clock_;
  WorkerIndex index_;
  VhostRules vhosts_;
  DialGate dial_gate_;
  RouteCache routes_;
  std::unordered_map<StreamKey, Stream> streams_;
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<IncarnationId, MonotonicTime> bytes_noted_;
  std::vector<Callback<void(ControlClient&)>> told_;  ///< in this turn
  std::size_t idle_streams_ = 0;
  ResolverStats stats_;
};

}  // namespace weir::routing
