#pragma once
// RouteResolver: how the relay learns where a stream lives. The seam between sans-IO conversations
// and the control plane; tests use tests/support/fake_route_resolver.h.
//
// Threading: one object per worker; every call and every callback on that worker's thread. A
// callback is never run inside the call that caused it. Lifetime: outlives the sessions of its
// worker. Dropping a Subscription ends its callbacks at once.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "dataplane/routing/route.h"

namespace weir::routing {

/// Everything the cluster is told about a client session; whole at each change.
struct SessionInfo {
  SessionId id;
  StreamKey stream;
  Intent intent = Intent::kPlay;
  enum class State { kWaiting, kConnecting, kActive } state = State::kWaiting;
  std::string client_address;
  std::string client_agent;  ///< at most 128 bytes
  OriginId origin;
  IncarnationId incarnation;
  Epoch epoch;
  WallTime connected_at{};
};

/// Read when the control plane asks; must be cheap.
struct SessionActivity {
  std::uint64_t media_bytes = 0;
  std::optional<MonotonicTime> last_media;  ///< nullopt = none yet
};

/// Implemented by a session so that the resolver can ask and command it.
class SessionControl {
 public:
  virtual ~SessionControl() = default;
  virtual SessionActivity activity() const = 0;
  enum class Close { kTakenOver, kFenced, kKicked };
  /// The control plane ends the session. `closed` runs when its leg at the origin is closed.
  virtual void close_session(Close reason, Callback<void()> closed) = 0;
};

struct AcquireRequest {
  SessionId session;
  StreamKey stream;
  struct Failed {
    IncarnationId incarnation;
    Epoch epoch;
    ContactOutcome outcome = ContactOutcome::kRefused;
  };
  std::optional<Failed> failed;
  /// The resolver's: the same for all tries, so that a repeat joins the try that is still under
  /// way.
  std::string request_id;
};

struct Acquired {
  Route route;
  bool after_takeover = false;  ///< the origin may be busy with the displaced leg for up to 2 s
  bool players_wait = false;    ///< players are told the route now and need a moment to attach
};
/// Another live holder publishes: tell the encoder, do not retry.
struct Held {
  std::string holder;
};
/// Nothing to dial now; the resolver itself has retried other replicas. Ask again after
/// `retry_after`.
struct RetryLater {
  Duration retry_after{};
  std::string reason;      ///< UPPER_SNAKE, for the log
  bool elsewhere = false;  ///< another replica may know more
};
/// The request can never succeed (bad name).
struct Rejected {
  std::string reason;
};
using AcquireAnswer = std::variant<Acquired, Held, RetryLater, Rejected>;

/// Ends its callbacks when destroyed.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

class DialGate;

class RouteResolver {
 public:
  virtual ~RouteResolver() = default;

  /// Announces a session whose stream is known; `control` stays valid until session_ended().
  virtual void session_started(const SessionInfo& info, SessionControl& control) = 0;
  virtual void session_changed(const SessionInfo& info) = 0;
  /// Releases whatever placement it holds. `reason`: for people, at most 128 bytes.
  virtual void session_ended(const SessionId& id, std::string reason) = 0;

  /// Where a publisher goes. Single flight per session.
  virtual void acquire(AcquireRequest request, Callback<void(AcquireAnswer)> answer) = 0;
  /// Present route, then each change of it with a higher epoch or revision, until dropped. A stream
  /// that is known is answered from the cache, without an RPC.
  /// A player waits for it; a publisher only keeps an eye on its own stream, and is told where that
  /// is by acquire().
  virtual std::unique_ptr<Subscription> watch(const StreamKey& stream, Intent intent,
                                              Callback<void(const RouteUpdate&)> on_update) = 0;
  /// A live publisher learns that its placement is gone: asks for it back (design 4, claim) happens
  /// inside the resolver; the session only hears close_session() when that is refused.

  virtual void report_dial(const IncarnationId& incarnation, ContactOutcome outcome,
                           Duration dial_time) = 0;
  /// Bytes came from this origin just now. Called at most once per second per session.
  virtual void note_bytes_from(const IncarnationId& incarnation) = 0;

  /// How many dials of an origin may be under way. Outlives the sessions.
  virtual DialGate& dial_gate() = 0;

  /// Virtual hosts kept apart, as the control plane told last.
  virtual const VhostRules& vhosts() const = 0;
};

}  // namespace weir::routing
