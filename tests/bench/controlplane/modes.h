#pragma once
// What the load tool can be. Threading: each runs until it is done, on threads of its own.

#include "tests/bench/controlplane/flags.h"

namespace weir::bench {

/// A bare callback echo on the server that the control plane uses; runs until it is killed.
int run_echo_server(const Flags& flags);
/// Unary calls, so many in flight, for so long or so many; prints rate and latencies.
int run_unary(const Flags& flags);
/// Simulated agents: attach, register origins, report; prints what they saw.
int run_agents(const Flags& flags);

}  // namespace weir::bench
