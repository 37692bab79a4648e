#pragma once
// ControlClient: all that one forwarder tells the control plane and hears from it.
//
// Purpose: keeps one attach stream open to some replica, with a complete hello at each attach, so
// that nothing told before matters; coalesces sessions and interests; watches the replica's
// heartbeats and leaves one that is silent, or stale when another is not; answers queries; asks for
// lost placements back (claim); spreads routes to the workers that want them. Losing the control
// plane changes nothing for running sessions and known routes (design 1.5). Threading: every call
// on the control thread, but executor(), which is for posting to it. Workers are reached by posting
// to their executors. Lifetime: link, executor, clock, random, observer and the workers' executors
// outlive it; posted work that is still pending when it goes must never run (threads are joined
// first).

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/executor.h"
#include "common/base/random.h"
#include "common/endpoints/fresher_search.h"
#include "dataplane/routing/control_link.h"
#include "dataplane/routing/replicas.h"
#include "dataplane/routing/route_cache.h"
#include "dataplane/routing/session_table.h"
#include "dataplane/routing/streamed_acquires.h"
#include "dataplane/routing/unary_calls.h"

namespace weir::routing {

using WorkerIndex = std::uint32_t;

/// What a worker is told; each call runs on its own thread.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  virtual void on_route(const RouteUpdate& update) = 0;
  virtual void on_vhosts(const VhostRules& vhosts) = 0;
  virtual void on_acquire_answer(const SessionId& session, AcquireAnswer answer) = 0;
  /// `query` != 0: ControlClient::session_closed() is awaited.
  virtual void on_close(const SessionId& session, SessionControl::Close reason,
                        std::uint64_t query) = 0;
  /// Answered by ControlClient::query_answered().
  virtual void on_query(std::uint64_t query, const std::vector<SessionId>& sessions) = 0;
};

/// What the process wants to know; on the control thread. For metrics, logs and the state
/// directory.
class ControlObserver {
 public:
  virtual ~ControlObserver() = default;
  virtual void on_attached(const std::string& endpoint, const Welcome& welcome) = 0;
  virtual void on_detached(const std::string& endpoint, const std::string& why) = 0;
  virtual void on_origin_table(const OriginTable& table) = 0;
  virtual void on_generation(std::uint64_t generation) = 0;
  /// "OK", "STREAM_HELD", "REJECTED" or the reason of a retry.
  virtual void on_acquire_result(const std::string& result, Duration took) = 0;
  virtual void on_claim(const SessionId& session, bool granted) = 0;
  virtual void on_dial(const DialReport& report) = 0;
};

struct ActivityRecord {
  SessionId session;
  std::uint64_t media_bytes = 0;
  std::optional<Duration> media_idle;
};

class ControlClient final : private ControlLink::Events {
 public:
  struct Remembered {
    std::uint64_t generation_seen = 0;
    std::vector<std::string> vhosts;
    OriginTableUpdate origins;  ///< complete, or not known
  };

  ControlClient(ControlLink& link, Executor& executor, const Clock& clock, Random& random,
                ControlObserver& observer, std::function<std::uint32_t()> unidentified,
                Remembered remembered);
  ~ControlClient() override = default;

  Executor& executor() { return executor_; }
  /// Before start(), from any thread.
  WorkerIndex add_worker(Executor& executor, WorkerEvents& events);
  /// Attaches, and keeps attaching.
  void start();
  /// Leaves the replica; no further attach.
  void stop();

  // Called by the workers, posted to executor().
  void session_upserted(WorkerIndex worker, SessionInfo info);
  void session_ended(const SessionId& id, std::string reason);
  void acquire(WorkerIndex worker, AcquireRequest request);
  /// `waits`: somebody waits for the answer.
  void want(WorkerIndex worker, const StreamKey& stream, bool waits);
  void unwant(WorkerIndex worker, const StreamKey& stream);
  void report_dial(DialReport report);
  void note_bytes_from(const IncarnationId& incarnation);
  void note_activity(const std::vector<ActivityRecord>& records);
  void query_answered(std::uint64_t query, std::vector<SessionFacts> facts);
  void session_closed(std::uint64_t query);

  const SessionTable& sessions() const { return sessions_; }
  const OriginTable& origins() const { return origins_; }
  bool attached() const { return state_ == State::kAttached; }
  std::size_t interest_count() const { return interests_.size(); }
  /// Since the last word of a replica; nullopt = never.
  std::optional<Duration> replica_silence() const;
  std::uint64_t generation_seen() const { return generation_seen_; }
  const std::vector<std::string>& vhosts() const { return vhosts_.known(); }

 private:
  enum class State {
    kStopped,   ///< before start(), after stop()
    kWaiting,   ///< between two tries
    kOpening,   ///< hello sent, no welcome yet
    kAttached,  ///< welcome seen
  };
  struct Worker {
    Executor* executor;
    WorkerEvents* events;
  };
  struct PendingQuery {
    std::size_t workers_left = 0;
    SessionAnswer answer;
    std::unordered_set<SessionId> asked;
    MonotonicTime deadline;
  };

  // ControlLink::Events
  void on_message(Downward message) override;
  void on_writable() override;
  void on_detached(std::string why, endpoints::Failure failure) override;

  void handle(const Welcome& welcome);
  void handle(const RouteUpdate& update);
  void handle(const RouteUpdates& message);
  void handle(AcquireReplies& replies);
  void handle(const CloseCommand& command);
  void handle(const SessionQuery& query);
  void handle(const ReplicaHeartbeat& heartbeat);
  void handle(const ClaimVerdict& verdict);
  void handle(const OriginTableUpdate& update);

  void attach(std::size_t endpoint);
  void attach_at(endpoints::EndpointChoice::Next next);
  void leave_silent(const std::string& why);
  void look_for_fresher(MonotonicTime now);
  void freshness_told(std::size_t endpoint, const FreshnessReply& reply);
  void detached(const std::string& why);
  void forget_told_by_hello();
  void tick();
  void check_silence(MonotonicTime now);
  void expire_queries(MonotonicTime now);
  void finish_query(PendingQuery pending);
  void schedule_flush();
  void flush();
  bool bulk_may_go(MonotonicTime now);
  void bulk_taken();
  void granted_late(ReleaseRequest granted);
  void check_age(const StreamKey& stream, AcquireAnswer& answer) const;
  void ask(std::size_t endpoint, const AcquireRequest& request, StreamedAcquires::Done done);
  std::optional<Upward> next_message();
  Hello make_hello();
  void learn_route(const RouteUpdate& update);
  void tell_workers(const StreamKey& stream);
  void consider_claims(const StreamKey& stream, MonotonicTime now);
  void consider_all_claims(MonotonicTime now);
  void close_on_worker(const SessionId& session, SessionControl::Close reason, std::uint64_t query);
  void note_generation(std::uint64_t generation);
  void post_to(WorkerIndex worker, Callback<void(WorkerEvents&)> call);

  ControlLink& link_;
  Executor& executor_;
  const Clock& clock_;
  ControlObserver& observer_;
  std::function<std::uint32_t()> unidentified_;
  Replicas replicas_;
  endpoints::FresherSearch fresher_;
  UnaryCalls calls_;
  StreamedAcquires acquires_;
  std::vector<Worker> workers_;

  State state_ = State::kStopped;
  std::size_t endpoint_ = 0;  ///< of the stream, or the last one
  std::uint64_t attaches_ = 0;
  MonotonicTime heard_;                   ///< last message, or when the stream was opened
  std::optional<MonotonicTime> replica_;  ///< last message ever
  MonotonicTime heartbeat_due_;
  bool writable_ = false;
  bool flush_posted_ = false;
  bool takes_acquires_ = false;                   ///< the replica attached to, on the stream
  std::optional<MonotonicTime> bulk_held_since_;  ///< something waits that nobody waits for
  bool dials_failed_ = false;                     ///< among dials_
  bool interest_waits_ = false;                   ///< somebody waits for a route
  /// Nothing is claimed before a replica has said that it is not settling.
  bool settling_ = true;
  std::uint64_t generation_seen_ = 0;
  VhostRules vhosts_;
  OriginTable origins_;

  SessionTable sessions_;
  std::unordered_map<SessionId, WorkerIndex> worker_of_;
  RouteCache routes_;
  std::unordered_map<StreamKey, std::vector<WorkerIndex>> interests_;
  /// Streams whose interest is to be told; the present state of interests_ decides what is said.
  std::unordered_set<StreamKey> interests_changed_;
  std::deque<SessionAnswer> answers_;
  std::deque<DialReport> dials_;
  std::deque<Claim> claims_;
  /// Asked, with the time; in the future: granted, and quiet until then.
  std::unordered_map<SessionId, MonotonicTime> claimed_;
  std::unordered_map<IncarnationId, MonotonicTime> active_;
  std::map<std::uint64_t, PendingQuery> queries_;
  /// Our number of a close command -> the replica's, as long as it is attached to.
  std::unordered_map<std::uint64_t, std::uint64_t> closes_;
  std::uint64_t last_query_ = 0;
  MonotonicTime claims_due_;
  /// Ends of publishers written to a stream that may have broken before they arrived.
  std::deque<std::pair<MonotonicTime, ReleaseRequest>> recent_ends_;
};

}  // namespace weir::routing
