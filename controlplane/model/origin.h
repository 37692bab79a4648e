#pragma once
// A media server as the control plane knows it. Threading: plain values. Lifetime: self-contained.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/client_address.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weir::model {

enum class Protocol { kRtmp, kHttp, kSrt, kWebrtc };
enum class OriginKind { kGeneric, kNginxRtmp, kSrs };

struct Endpoint {
  Protocol protocol = Protocol::kRtmp;
  std::string address;  ///< host:port, IPv6 in brackets
  ClientAddressMode client_address = ClientAddressMode::kNone;
  bool operator==(const Endpoint&) const = default;
};

/// 0 = unknown, not a limit.
struct Capacity {
  std::uint32_t streams = 0;
  std::uint64_t egress_bits_per_second = 0;
  double cores = 0;
  std::uint32_t connections = 0;
  bool operator==(const Capacity&) const = default;
};

/// Absolute gauges and monotonic counters; negative utilisation = unknown.
struct Load {
  double cpu_utilization = -1;
  double mem_utilization = -1;
  std::uint32_t streams = 0;
  std::uint32_t players = 0;
  std::uint32_t connections = 0;
  double ingress_bits_per_second = 0;
  double egress_bits_per_second = 0;
  std::uint64_t ingress_bytes_total = 0;
  std::uint64_t egress_bytes_total = 0;
  std::uint32_t open_files = 0;
  std::uint32_t open_files_max = 0;
  std::optional<Duration> probe_time;
};

/// What registers: the same from an agent's hello and from `weirctl origin register`.
struct OriginDescription {
  OriginId id;
  OriginKind kind = OriginKind::kGeneric;
  std::vector<Endpoint> endpoints;
  std::string zone;
  std::map<std::string, std::string> labels;
  Capacity capacity;
  AgentId agent;                 ///< empty = static
  std::string software_version;  ///< as the server says; empty = unknown
  bool operator==(const OriginDescription&) const = default;
};

enum class OriginState { kAlive, kSuspect, kDead };

}  // namespace weir::model
