#pragma once
// weir-controlplane: wiring. The only place that sees all of its parts.
// Threading: run() on the main thread, which becomes the core's thread. Lifetime: one call.

namespace weir::app {

/// Returns the exit code of design 10.
int run_controlplane(int argc, const char* const* argv, const char* version);

}  // namespace weir::app
