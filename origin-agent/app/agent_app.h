#pragma once
// AgentApp: the parts of weir-origin-agent, wired.
//
// Threading: everything on the thread that calls run(). Lifetime: one per process.

#include <memory>
#include <string>

#include "common/base/result.h"

namespace weir::config::v1 {
class OriginAgentConfig;
}

namespace weir::agent {

class AgentApp {
 public:
  /// `version`: of the binary, for the control plane.
  AgentApp(const config::v1::OriginAgentConfig& config, std::string version);
  ~AgentApp();
  AgentApp(const AgentApp&) = delete;
  AgentApp& operator=(const AgentApp&) = delete;

  /// Opens the admin listener, watches the origins and reports until a signal or stop(). Errors are
  /// those of starting (config::exit_code_of).
  Result<void> run();
  /// From any thread.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::agent
