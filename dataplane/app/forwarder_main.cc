// weir-forwarder: relays RTMP clients to the origin that owns their stream.

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include <malloc.h>

#include "common/config/daemon.h"
#include "common/telemetry/log.h"
#include "dataplane/app/connect_profile.h"
#include "dataplane/app/forwarder.h"
#include "weir/config/v1/config.pb.h"

namespace {

/// One heap per worker and a fixed size for what gets pages of its own: by default each thread of
/// gRPC takes a heap, and freed large blocks raise that size, so that what a crowd leaves behind
/// is spread over more pages than it fills. The data path does not allocate, so heaps may be
/// shared.
void set_memory_policy(unsigned workers) {
  constexpr unsigned kHeapsMin = 2;
  constexpr int kOwnPagesFrom = 128 * 1024;
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(workers, kHeapsMin)));
  ::mallopt(M_MMAP_THRESHOLD, kOwnPagesFrom);
}

}  // namespace

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
  set_memory_policy(options->workers);
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
