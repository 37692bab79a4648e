#pragma once
// What the core says and hears, as plain values: the RPC edge (controlplane/service) translates
// them to and from weir.control.v1, so that no generated type gets past it.
//
// Threading: values, handed over by post(). Lifetime: self-contained.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/model/origin.h"
#include "controlplane/model/placement.h"

namespace weir::core {

// --- client sessions

enum class Intent { kPublish, kPlay };
enum class SessionState { kWaiting, kConnecting, kActive };

/// One client's use of a forwarder, as its forwarder tells it.
struct ClientSession {
  SessionId id;
  ForwarderId forwarder;
  StreamKey stream;
  Intent intent = Intent::kPlay;
  SessionState state = SessionState::kWaiting;
  model::Protocol protocol = model::Protocol::kRtmp;
  std::string client_address;
  std::string client_agent;
  OriginId origin;
  IncarnationId incarnation;
  Epoch epoch;
  WallTime create_time{};
  std::uint64_t media_bytes = 0;
  std::optional<Duration> media_idle;  ///< at the time of the message; missing = no media yet
};

// --- forwarders, up

struct ForwarderHello {
  ForwarderId forwarder;
  std::string instance;
  std::string version;
  std::string zone;
  std::vector<model::Endpoint> listeners;
  std::vector<ClientSession> sessions;  ///< complete
  std::vector<StreamKey> interests;     ///< complete
  std::uint64_t generation_seen = 0;
  std::uint32_t unidentified = 0;
  std::uint64_t attach = 0;  ///< counts its attach streams within the instance; 0 = not told
};

struct SessionEnd {
  SessionId session;
  std::string reason;
};

struct SessionChanges {
  std::vector<ClientSession> upserted;
  std::vector<SessionEnd> ended;
};

enum class ContactOutcome {
  kAnswered,
  kRefused,
  kReset,
  kTimedOut,
  kUnreachable,
  kTurnedAway,  ///< accepted and closed without a byte: full, or nobody behind the port
};

struct DialReport {
  IncarnationId incarnation;
  ContactOutcome outcome = ContactOutcome::kAnswered;
  Duration dial_time{};
};

struct RouteInterest {
  std::vector<StreamKey> add;
  std::vector<StreamKey> remove;
};

struct SessionFacts {
  SessionId session;
  std::optional<Duration> media_idle;  ///< missing = no media yet
  bool waiting = false;
  /// Since its origin accepted it; by the replica that has the forwarder, not by the forwarder.
  std::optional<Duration> active_for;
};

struct SessionAnswer {
  std::uint64_t query = 0;
  std::vector<SessionFacts> sessions;  ///< those it knows
};

struct ForwarderHeartbeat {
  std::vector<IncarnationId> active_incarnations;
  std::uint32_t unidentified = 0;
};

struct ClaimRequest {
  SessionId session;
  StreamKey stream;
  IncarnationId incarnation;
  Epoch epoch;
};

using ForwarderUp = std::variant<ForwarderHello, SessionChanges, DialReport, RouteInterest,
                                 SessionAnswer, ForwarderHeartbeat, ClaimRequest>;

// --- forwarders, down

struct ForwarderWelcome {
  ReplicaId replica;
  std::uint64_t generation = 0;
  std::vector<std::string> vhosts;
};

/// What a forwarder needs to dial.
struct Route {
  model::Placement placement;
  std::vector<model::Endpoint> endpoints;
  model::OriginKind origin_kind = model::OriginKind::kGeneric;
};

struct RouteUpdate {
  StreamKey stream;
  std::optional<Route> route;  ///< missing = not placed
  Revision revision;
};

enum class CloseReason { kTakenOver, kFenced, kKicked };

struct CloseSession {
  SessionId session;
  CloseReason reason = CloseReason::kTakenOver;
  std::uint64_t query = 0;  ///< an answer is wanted once the leg at the origin is closed
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

struct ClaimAnswer {
  SessionId session;
  bool granted = false;
  Epoch epoch;
};

struct OriginTableEntry {
  OriginId origin;
  IncarnationId incarnation;
  model::OriginKind kind = model::OriginKind::kGeneric;
  std::vector<model::Endpoint> endpoints;
  bool placeable = false;
  bool dead = false;
  std::string zone;
  bool operator==(const OriginTableEntry&) const = default;
};

struct OriginTable {
  Revision revision;
  bool complete = false;
  std::vector<OriginTableEntry> origins;
  std::vector<OriginId> removed;
};

using ForwarderDown = std::variant<ForwarderWelcome, RouteUpdate, CloseSession, SessionQuery,
                                   ReplicaHeartbeat, ClaimAnswer, OriginTable>;

// --- agents, up

struct ReportedStream {
  StreamKey stream;
  std::string tag;
  double ingress_bits_per_second = 0;
  double egress_bits_per_second = 0;
  std::uint32_t players = 0;
  bool tag_unread = false;  ///< its publisher was not looked at yet: no tag means nothing
};

struct OriginSeen {
  OriginId own;                          ///< what the agent calls it, unique within the agent
  model::OriginDescription description;  ///< `id`: asked for; `agent` is filled in by the core
  std::string process;                   ///< empty = no process runs
  IncarnationId incarnation;             ///< as told before for this process
  bool probe_answered = false;
  std::vector<ReportedStream> streams;
  bool streams_known = false;
};

struct AgentHello {
  AgentId agent;
  std::string instance;
  std::string version;
  std::string hostname;
  std::vector<OriginSeen> origins;  ///< complete
  std::uint64_t generation_seen = 0;
  std::uint64_t attach = 0;  ///< counts its attach streams within the instance; 0 = not told
};

struct OriginReport {
  OriginId origin;
  IncarnationId incarnation;
  model::Load load;
  std::vector<ReportedStream> streams;
  bool streams_complete = false;
  std::vector<StreamKey> ended_streams;
  std::uint64_t stream_readings = 0;  ///< 0 = each report is a reading of its own
};

struct LoadReport {
  std::uint64_t sequence = 0;
  Duration window{};
  std::vector<OriginReport> origins;
};

enum class VerdictReason { kProcessGone, kProbesFailed };

struct OriginVerdict {
  OriginId origin;
  IncarnationId incarnation;
  VerdictReason reason = VerdictReason::kProbesFailed;
  Duration evidence_age{};
};

/// Not watched any more: no report or verdict about it follows.
struct OriginForgotten {
  OriginId origin;
};

struct AgentHeartbeat {};

using AgentUp = std::variant<AgentHello, LoadReport, OriginSeen, OriginVerdict, OriginForgotten,
                             AgentHeartbeat>;

// --- agents, down

struct AgentWelcome {
  ReplicaId replica;
  std::uint64_t generation = 0;
  Duration report_interval{};
  Duration snapshot_interval{};
};

struct OriginAccepted {
  OriginId origin;           ///< as the agent calls it
  OriginId accepted_origin;  ///< its id in the cluster
  std::string process;
  IncarnationId incarnation;  ///< empty = rejected
  std::string rejection;
};

struct ReportAck {
  std::uint64_t sequence = 0;
};

/// Newest epoch of a stream on one of the agent's origins, or reported by one.
struct StreamEpoch {
  StreamKey stream;
  Epoch epoch;
  model::Holder holder;
};

using AgentDown =
    std::variant<AgentWelcome, OriginAccepted, ReportAck, ReplicaHeartbeat, StreamEpoch>;

}  // namespace weir::core
