#pragma once
// ControlLink: the wire to the control plane, in plain types.
//
// Purpose: the seam between what a forwarder tells and asks (control_client.h) and gRPC
// (routing/grpc/grpc_control_link.h); tests use tests/support/fake_control_link.h.
// Threading: all calls and all events on the control thread; an event or answer never runs inside
// the call that caused it. Lifetime: outlives the ControlClient that uses it. After detach() no
// event of that stream comes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/callback.h"
#include "common/endpoints/endpoint_choice.h"
#include "dataplane/routing/origin_table.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::routing {

// --- up

struct SessionRecord {
  SessionInfo info;
  std::uint64_t media_bytes = 0;
  std::optional<Duration> media_idle;
};

struct SessionEnd {
  SessionId session;
  std::string reason;
};

struct Hello {
  std::vector<SessionRecord> sessions;
  std::vector<StreamKey> interests;
  std::uint64_t generation_seen = 0;
  std::uint32_t unidentified = 0;
  std::uint64_t attach = 0;  ///< counts the attach streams of this run, from 1
};

struct SessionChanges {
  std::vector<SessionRecord> upserted;
  std::vector<SessionEnd> ended;
};

struct DialReport {
  IncarnationId incarnation;
  ContactOutcome outcome = ContactOutcome::kAnswered;
  Duration dial_time{};
};

struct InterestChange {
  std::vector<StreamKey> add;
  std::vector<StreamKey> remove;
};

struct SessionFacts {
  SessionId session;
  std::optional<Duration> media_idle;
  bool waiting = false;
};

struct SessionAnswer {
  std::uint64_t query = 0;
  std::vector<SessionFacts> sessions;
};

struct Heartbeat {
  std::vector<IncarnationId> active_incarnations;
  std::uint32_t unidentified = 0;
};

struct Claim {
  SessionId session;
  StreamKey stream;
  IncarnationId incarnation;
  Epoch epoch;
};

/// Only to a replica whose welcome says that it takes them.
struct AcquireBatch {
  struct Entry {
    std::uint64_t number = 0;
    AcquireRequest request;
  };
  std::vector<Entry> entries;
};

using Upward = std::variant<SessionChanges, DialReport, InterestChange, SessionAnswer, Heartbeat,
                            Claim, AcquireBatch>;

// --- down

struct Welcome {
  ReplicaId replica;
  std::uint64_t generation = 0;
  std::vector<std::string> vhosts;
  bool takes_acquires = false;
};

struct CloseCommand {
  SessionId session;
  SessionControl::Close reason = SessionControl::Close::kFenced;
  std::uint64_t query = 0;  ///< 0 = no answer is awaited
};

struct SessionQuery {
  std::uint64_t query = 0;
  std::vector<SessionId> sessions;
};

struct ReplicaHeartbeat {
  std::uint64_t generation = 0;
  bool stale = false;
  bool settling = false;
};

struct ClaimVerdict {
  SessionId session;
  bool granted = false;
  Epoch epoch;
};

/// No answer from that replica within the deadline: another may know more.
struct Unreachable {
  std::string why;
  /// nullopt = says nothing about the replica.
  std::optional<endpoints::Failure> failure = endpoints::Failure::kBroken;
};
using AcquireReply = std::variant<Acquired, Held, RetryLater, Rejected, Unreachable>;

struct AcquireReplies {
  struct Entry {
    std::uint64_t number = 0;
    AcquireReply reply;
  };
  std::vector<Entry> entries;
};

/// Oldest first.
struct RouteUpdates {
  std::vector<RouteUpdate> updates;
};

using Downward = std::variant<Welcome, RouteUpdate, RouteUpdates, CloseCommand, SessionQuery,
                              ReplicaHeartbeat, ClaimVerdict, OriginTableUpdate, AcquireReplies>;

// --- unary

struct ReleaseRequest {
  SessionId session;
  StreamKey stream;
  Epoch epoch;
};

/// What a replica says of itself.
struct Freshness {
  bool stale = false;
};
using FreshnessReply = std::variant<Freshness, Unreachable>;

class ControlLink {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void on_message(Downward message) = 0;
    /// The last message was taken; the next may be sent.
    virtual void on_writable() = 0;
    /// The stream has ended by itself.
    virtual void on_detached(std::string why, endpoints::Failure failure) = 0;
  };

  virtual ~ControlLink() = default;
  virtual std::size_t endpoint_count() const = 0;
  /// For logs.
  virtual std::string endpoint_name(std::size_t endpoint) const = 0;

  /// Opens the attach stream; on_writable() follows once the hello is taken. One stream at a time.
  virtual void attach(std::size_t endpoint, Hello hello, Events& events) = 0;
  /// One message at a time: only after on_writable(). So all waiting is coalesced by the caller.
  virtual void send(Upward message) = 0;
  virtual void detach() = 0;
  /// The present connection to it has failed or is silent: what comes next makes another.
  virtual void renew(std::size_t endpoint) = 0;

  virtual void acquire(std::size_t endpoint, const AcquireRequest& request, Duration deadline,
                       Callback<void(AcquireReply)> answer) = 0;
  /// `done(true)`: acknowledged, or refused for good.
  virtual void release(std::size_t endpoint, const ReleaseRequest& request, Duration deadline,
                       Callback<void(bool)> done) = 0;
  virtual void ask_freshness(std::size_t endpoint, Duration deadline,
                             Callback<void(FreshnessReply)> answer) = 0;
};

}  // namespace weir::routing
