// weir-controlplane-load: what the control-plane benchmarks let loose on a replica, in a process of
// its own so that the server's CPU and memory are the server's. tests/bench/controlplane_bench.py
// runs it. Threading: see modes.h.

#include <cstdio>
#include <exception>
#include <string_view>

#include "tests/bench/controlplane/modes.h"

namespace {

int run(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const weir::bench::Flags flags(argc, argv);
  if (mode == "echo-server") return weir::bench::run_echo_server(flags);
  if (mode == "unary") return weir::bench::run_unary(flags);
  if (mode == "agents") return weir::bench::run_agents(flags);
  std::fprintf(stderr, "usage: weir-controlplane-load echo-server|unary|agents --name=value…\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
