#pragma once
// UnaryCalls: acquires and releases with their retries over the replicas.
//
// Purpose: an acquire goes to a replica that serves, each try within 500 ms, then to another one,
// and then tells the session to ask again; the session's own patience bounds the whole. So does the
// acquire that a replica cannot decide because it has lost the store. All tries carry one request
// id: a takeover may take longer than a try, and its answer (with `after_takeover`) then comes to
// the repeat, which waits for it at the replica. A release is the safety net for ends that may not
// have reached the cluster on the attach stream; it is retried for a minute.
// Threading: the control thread. Lifetime: the link and the executor outlive it; link answers may
// come while it lives only (the link is silenced before it goes).

#include <cstddef>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "common/base/executor.h"
#include "common/base/random.h"
#include "dataplane/routing/control_link.h"
#include "dataplane/routing/replicas.h"

namespace weir::routing {

class UnaryCalls {
 public:
  using AcquireDone = Callback<void(AcquireAnswer)>;
  /// An acquire succeeded for a session that has ended meanwhile: (session, stream, epoch).
  using Orphaned = std::function<void(ReleaseRequest)>;

  /// One try of an acquire at one replica, by whichever way is open. Its answer never comes within.
  using Ask = std::function<void(std::size_t endpoint, const AcquireRequest& request,
                                 Callback<void(AcquireReply)> answer)>;

  UnaryCalls(ControlLink& link, Replicas& replicas, Executor& executor, Random& random, Ask ask,
             Orphaned orphaned)
      : link_(link),
        replicas_(replicas),
        executor_(executor),
        random_(random),
        ask_(std::move(ask)),
        orphaned_(std::move(orphaned)) {}

  void acquire(AcquireRequest request, AcquireDone done);
  /// The session has ended: its acquire is answered no more.
  void cancel(const SessionId& session);
  bool acquiring(const SessionId& session) const { return acquires_.contains(session); }

  void queue_release(ReleaseRequest request, MonotonicTime now);
  /// Starts releases that are due. Called on each tick.
  void run_releases(MonotonicTime now);
  std::size_t releases_pending() const { return releases_.size() + releases_in_flight_; }

 private:
  struct Acquire {
    AcquireRequest request;
    AcquireDone done;
    std::vector<std::size_t> tried;
    bool silence = false;  ///< the last try ended with its deadline
    std::uint64_t number = 0;
  };
  struct Release {
    ReleaseRequest request;
    MonotonicTime first;
    MonotonicTime due;
    std::vector<std::size_t> tried;  ///< since each replica had its turn
  };

  void try_acquire(const SessionId& session, std::uint64_t number);
  void acquire_replied(const SessionId& session, const StreamKey& stream, std::uint64_t number,
                       std::size_t endpoint, AcquireReply reply);
  void note(std::size_t endpoint, const AcquireReply& reply);
  bool try_again(const Acquire& call, const AcquireReply& reply) const;
  void release_done(Release release, bool acknowledged, MonotonicTime started);
  Acquire* find(const SessionId& session, std::uint64_t number);

  ControlLink& link_;
  Replicas& replicas_;
  Executor& executor_;
  Random& random_;
  Ask ask_;
  Orphaned orphaned_;
  std::unordered_map<SessionId, Acquire> acquires_;
  std::deque<Release> releases_;
  std::size_t releases_in_flight_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace weir::routing
