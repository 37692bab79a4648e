#pragma once
// What agent and control plane say to each other, as plain values (client/ translates to protobuf).
// Threading: values. Lifetime: self-contained.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/client_address.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "origin-agent/sampling/load_sampler.h"

namespace weir::agent {

enum class OriginKind { kGeneric, kNginxRtmp, kSrs };
enum class EndpointProtocol { kRtmp, kHttp, kSrt, kWebrtc };

struct OriginEndpoint {
  EndpointProtocol protocol = EndpointProtocol::kRtmp;
  std::string address;  ///< `host:port` as forwarders dial it
  ClientAddressMode client_address = ClientAddressMode::kNone;

  bool operator==(const OriginEndpoint&) const = default;
};

/// 0 = unknown.
struct Capacity {
  std::uint32_t streams = 0;
  std::uint64_t egress_bits_per_second = 0;
  double cores = 0;
  std::uint32_t connections = 0;

  bool operator==(const Capacity&) const = default;
};

/// An origin as configured, or as it registered itself.
struct OriginSpec {
  OriginId id;          ///< what this agent calls it: unique within the agent
  OriginId claimed_id;  ///< what it asks the cluster to call it; empty = `id`
  OriginKind kind = OriginKind::kGeneric;
  std::vector<OriginEndpoint> endpoints;
  std::string zone;
  std::map<std::string, std::string> labels;
  Capacity capacity;
  bool lists_streams = false;  ///< the adapter can tell which streams are live
  std::string software = {};   ///< name and version, as the server says; empty = unknown

  bool operator==(const OriginSpec&) const = default;
};

/// Life of a process: a pid is reused, a pid with its start time is not. Some servers name their
/// lives themselves.
struct ProcessIdentity {
  std::int32_t pid = 0;
  /// /proc/<pid>/stat field 22, clock ticks since boot. 0 = not a process that this host shows (a
  /// container's, another machine's): nothing of /proc is to be asked about it.
  std::uint64_t start_ticks = 0;
  std::string service = {};  ///< the server's own name of this life (SRS); empty = it has none

  bool is_visible() const { return start_ticks != 0; }
  auto operator<=>(const ProcessIdentity&) const = default;
};

/// Whether both name one life, although one of them may know less about it.
bool is_same_life(const ProcessIdentity& a, const ProcessIdentity& b);

/// "pid.start", or "service.pid" where the server names its lives: what goes on the wire and into
/// the state file.
std::string to_text(const ProcessIdentity& process);

/// A live stream at an origin.
struct ReportedStream {
  std::string key;  ///< `vhost/app/stream`
  std::string tag;  ///< `weir:<forwarder>/<session>/<epoch>`, empty = untagged
  double ingress_bits_per_second = 0;
  double egress_bits_per_second = 0;
  std::uint32_t players = 0;
  bool tag_unread = false;  ///< the publisher was not looked at yet: an empty tag says nothing
};

struct HostFacts {
  std::string hostname;
  std::uint32_t cores = 0;
  std::uint64_t memory_bytes = 0;
};

// ---- up
// -------------------------------------------------------------------------------------------

struct OriginSeen {
  std::shared_ptr<const OriginSpec> spec;
  std::string process;        ///< empty = none runs
  IncarnationId incarnation;  ///< minted for exactly this process before; empty = none
  bool probe_answered = false;
  std::vector<ReportedStream> streams;
  bool streams_known = false;
};

struct Hello {
  AgentId agent;
  std::string instance;
  std::string version;
  HostFacts host;
  std::vector<OriginSeen> origins;
  std::uint64_t generation_seen = 0;
  std::uint64_t attach = 0;  ///< counts the attach streams of this run, from 1
};

struct OriginReport {
  OriginId origin;
  IncarnationId incarnation;
  LoadSample load;
  std::vector<ReportedStream> streams;
  bool streams_complete = false;
  std::vector<std::string> ended_streams;
  std::uint64_t stream_readings = 0;  ///< complete readings of the streams so far
};

struct Report {
  std::uint64_t sequence = 0;
  Duration window{};
  std::vector<OriginReport> origins;
};

enum class VerdictReason { kProcessGone, kProbesFailed };

struct Verdict {
  OriginId origin;
  IncarnationId incarnation;
  VerdictReason reason = VerdictReason::kProcessGone;
  Duration evidence_age{};
};

/// Not watched any more.
struct Forgotten {
  OriginId origin;
};

struct Heartbeat {};

using UpMessage = std::variant<Hello, Report, OriginSeen, Verdict, Forgotten, Heartbeat>;

// ---- down
// -----------------------------------------------------------------------------------------

struct Welcome {
  std::string replica;
  std::uint64_t generation = 0;
  Duration report_interval{};    ///< 0 = unchanged
  Duration snapshot_interval{};  ///< 0 = unchanged
};

struct Accepted {
  OriginId origin;
  OriginId accepted_origin;
  std::string process;
  IncarnationId incarnation;  ///< empty = rejected
  std::string rejection;
};

struct Ack {
  std::uint64_t sequence = 0;
};

struct ReplicaHeartbeat {
  std::uint64_t generation = 0;
  bool stale = false;
};

/// Newest epoch of a stream, for fencing.
struct StreamEpoch {
  std::string key;
  Epoch epoch;
  std::string session = {};  ///< holder of the stream under that epoch; empty = no client session
};

using DownMessage = std::variant<Welcome, Accepted, Ack, ReplicaHeartbeat, StreamEpoch>;

}  // namespace weir::agent
