#pragma once
// Forwarders: attached ones, their heartbeats and renewals, and questions to them (design 6).
//
// Purpose: everything about the attach streams themselves; what their messages mean for streams and
// origins is decided by the listener.
// Threading: the core's thread. Lifetime: links are shared with the RPC edge; the listener outlives
// it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/core/attach_stream.h"
#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/events.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/links.h"

namespace weir::core {

/// Told what forwarders say, after it has been checked and the record is up to date.
class ForwarderListener {
 public:
  virtual ~ForwarderListener() = default;
  virtual void forwarder_attached(const ForwarderHello& hello) = 0;
  virtual void forwarder_detached(const ForwarderId& forwarder) = 0;
  /// It has been away for so long that its sessions are no longer listed.
  virtual void forwarder_forgotten(const ForwarderId& forwarder) = 0;
  /// It is attached to another replica, which has its sessions from now on.
  virtual void forwarder_moved(const ForwarderId& forwarder) = 0;
  virtual void sessions_changed(const ForwarderId& forwarder, const SessionChanges& changes) = 0;
  virtual void dial_reported(const ForwarderId& forwarder, const DialReport& report) = 0;
  virtual void interest_changed(const ForwarderId& forwarder, const RouteInterest& interest) = 0;
  virtual void bytes_seen(const ForwarderId& forwarder,
                          const std::vector<IncarnationId>& incarnations) = 0;
  virtual void claimed(const ForwarderId& forwarder, const ClaimRequest& claim) = 0;
};

struct ForwarderRecord {
  ForwarderId id;
  std::string instance;
  std::string version;
  std::string zone;
  std::vector<model::Endpoint> listeners;
  std::shared_ptr<ForwarderLink> link;  ///< null = not attached
  MonotonicTime last_seen{};
  std::optional<MonotonicTime> detached_since;
  WallTime first_attached{};
  std::uint32_t unidentified = 0;
  bool heard_since_renewal = false;
  AttachStream stream;                             ///< the newest one here
  std::vector<IncarnationId> active_incarnations;  ///< as its last heartbeat says
};

class Forwarders {
 public:
  /// What a forwarder says about sessions it was asked for; nothing: no answer in time, or away.
  using Facts = std::optional<std::vector<SessionFacts>>;

  Forwarders(Context& context, ClusterView& view, Generation& generation, EventRing& events,
             ForwarderListener& listener);

  // --- from the RPC edge
  /// A new stream: it ends when no hello follows within kHelloWithin.
  void opened(const std::shared_ptr<ForwarderLink>& link);
  void message(const std::shared_ptr<ForwarderLink>& link, ForwarderUp message);
  void closed(const std::shared_ptr<ForwarderLink>& link);

  /// It has a newer attach stream at another replica: nothing of it is kept here.
  void let_go(const ForwarderId& forwarder);
  /// Whether another replica has a newer stream of it than this one.
  std::function<bool(const ForwarderId&, const AttachStream&)> superseded;

  // --- timers
  void heartbeat();
  void tick();
  void end_all(std::string_view reason);

  // --- for the rest of the core
  /// Dropped where it is not attached.
  void send(const ForwarderId& forwarder, ForwarderDown message);
  void send_all(const ForwarderDown& message);
  void ask(const ForwarderId& forwarder, std::vector<SessionId> sessions,
           Callback<void(Facts)> done);
  /// Ends a session; completes when its leg at the origin is closed (true), or after
  /// kCloseAnswerTimeout.
  void close_session(const ForwarderId& forwarder, const SessionId& session, CloseReason reason,
                     Callback<void(bool)> done);

  bool attached(const ForwarderId& forwarder) const;
  const ForwarderRecord* find(const ForwarderId& forwarder) const;
  const std::map<ForwarderId, ForwarderRecord>& all() const { return records_; }
  std::size_t attached_count() const { return links_.size(); }

 private:
  struct Query {
    ForwarderId forwarder;
    Callback<void(Facts)> done;
    TimerId timer = 0;
  };

  void hello(const std::shared_ptr<ForwarderLink>& link, ForwarderHello hello);
  void dispatch(ForwarderRecord& record, ForwarderUp& message);
  void detach(ForwarderRecord& record);
  void renew(ForwarderRecord& record);
  std::uint64_t open_query(const ForwarderId& forwarder, Duration timeout,
                           Callback<void(Facts)> done);
  void answer_query(std::uint64_t query, Facts facts);

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  EventRing& events_;
  ForwarderListener& listener_;
  std::map<ForwarderId, ForwarderRecord> records_;
  std::unordered_map<const ForwarderLink*, ForwarderId> links_;
  std::unordered_map<std::uint64_t, Query> queries_;
  std::uint64_t last_query_ = 0;
  MonotonicTime renewed_at_{};
};

}  // namespace weir::core
