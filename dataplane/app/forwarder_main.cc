// weir-forwarder: relays RTMP clients to the origin that owns their stream.

#include <cstdio>
#include <string>
#include <utility>

#include "common/config/daemon.h"
#include "common/telemetry/log.h"
#include "dataplane/app/connect_profile.h"
#include "dataplane/app/forwarder.h"
#include "weir/config/v1/config.pb.h"

int main(int argc, char** argv) {
  using namespace weir;
  config::v1::ForwarderConfig config;
  const auto check = [&config]() -> Result<void> {
    const auto profile = forwarder::make_connect_profile(config.rtmp_options().connect_profile());
    if (!profile) return profile.error();
    return {};
  };
  if (const auto ended =
          config::load(config::forwarder_spec(), WEIR_VERSION, argc, argv, config, check))
    return *ended;
  const auto fail = [](const Error& error) {
    log::error("{}", error.message);
    return config::exit_code_of(error);
  };
  auto options = forwarder::make_options(config);
  if (!options) return fail(options.error());
  if (const auto prepared = config::prepare_state_dir(config.common()); !prepared)
    return fail(prepared.error());
  forwarder::Forwarder forwarder(std::move(*options), WEIR_VERSION);
  if (const auto opened = forwarder.open(); !opened) return fail(opened.error());
  forwarder.run([](const std::string& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
  });
  return config::kExitStopped;
}
