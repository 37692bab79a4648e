// weir-origin-agent: watches the media servers of one host and reports on them to the control
// plane.

#include <fmt/format.h>

#include "common/config/daemon.h"
#include "origin-agent/app/agent_app.h"
#include "origin-agent/app/settings.h"
#include "origin-agent/source/procfs.h"
#include "weir/config/v1/config.pb.h"

int main(int argc, char** argv) {
  weir::config::v1::OriginAgentConfig config;
  const auto spec = weir::config::origin_agent_spec();
  const auto check = [&config]() -> weir::Result<void> {
    const auto settings =
        weir::agent::make_settings(config, weir::agent::read_host_facts().hostname);
    if (!settings) return settings.error();
    return {};
  };
  if (const auto exit_code = weir::config::load(spec, WEIR_VERSION, argc, argv, config, check))
    return *exit_code;
  weir::agent::AgentApp app(config, WEIR_VERSION);
  const auto ended = app.run();
  if (ended) return weir::config::kExitStopped;
  fmt::print(stderr, "{}: {}\n", spec.name, ended.error().message);
  return weir::config::exit_code_of(ended.error());
}
