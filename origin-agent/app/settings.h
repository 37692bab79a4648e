#pragma once
// AgentSettings: the configuration as the agent uses it, checked across keys.
//
// Purpose: what a schema cannot say: wildcard hosts are replaced by --advertise, an endpoint that
// only this machine reaches does not go to a control plane elsewhere, ids are unique.
// Threading: values. Lifetime: self-contained.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "origin-agent/app/addresses.h"
#include "origin-agent/report/messages.h"
#include "origin-agent/source/http_get.h"
#include "origin-agent/source/limits.h"

namespace weir::config::v1 {
class OriginAgentConfig;
}

namespace weir::agent {

struct OriginSettings {
  OriginSpec spec;         ///< what the control plane is told
  std::string local_rtmp;  ///< where this host probes it
  ClientAddressMode client_address = ClientAddressMode::kNone;
  std::optional<HttpUrl> stat;
  std::optional<HttpUrl> control;
  std::optional<HttpUrl> api;  ///< SRS
  /// Whether its API is told srs.api_auth_file: not when a stranger chose where that is.
  bool api_gets_credentials = false;
  ProcessIdentity life;  ///< SRS: of the process that is known already; may be empty
  std::string server;    ///< SRS: the id it must name; empty = whatever answers
  std::string pid_file;
  /// An entry for SRS that register: `rtmp` names a port of whatever host registers.
  bool takes_registered_hosts = false;
  /// Listeners that forwarders are not told, and why; for the log.
  std::string left_out;
  double cores = 1;
  Duration look_interval = kObserveInterval;
};

/// Whether an adapter made for `a` would ask what one for `b` asks.
bool is_asked_alike(const OriginSettings& a, const OriginSettings& b);

/// What holds for every SRS that registers itself.
struct SrsDefaults {
  std::string listen;  ///< empty = none can
  std::string zone;
  std::map<std::string, std::string> labels;
  Capacity capacity;
  ClientAddressMode client_address = ClientAddressMode::kNone;
  Duration look_interval = kObserveInterval;
  Duration forget_after{};
  std::string api_auth_file;
};

struct AgentSettings {
  AgentId id;
  std::vector<std::string> controlplane;
  Surroundings around;
  std::vector<OriginSettings> origins;
  SrsDefaults srs;
  /// SRS that are watched once they have registered: what the configuration says about them.
  std::vector<OriginSettings> srs_overrides;
};

/// Errors (invalid_argument) name the origin, the key and what to write instead.
Result<AgentSettings> make_settings(const config::v1::OriginAgentConfig& config,
                                    const std::string& hostname);

}  // namespace weir::agent
