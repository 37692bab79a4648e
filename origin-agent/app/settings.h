#pragma once
// AgentSettings: the configuration as the agent uses it, checked across keys.
//
// Purpose: what a schema cannot say: wildcard hosts are replaced by --advertise, an endpoint that
// only this machine reaches does not go to a control plane elsewhere, ids are unique.
// Threading: values. Lifetime: self-contained.

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
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
  std::string pid_file;
  double cores = 1;
  Duration look_interval = kObserveInterval;
};

/// Whether an adapter made for `a` would ask what one for `b` asks.
bool is_asked_alike(const OriginSettings& a, const OriginSettings& b);

struct AgentSettings {
  AgentId id;
  std::vector<std::string> controlplane;
  std::vector<OriginSettings> origins;
};

/// Errors (invalid_argument) name the origin, the key and what to write instead.
Result<AgentSettings> make_settings(const config::v1::OriginAgentConfig& config,
                                    const std::string& hostname);

}  // namespace weir::agent
