#pragma once
// weir-controlplane: wiring. The only place that sees all of its parts.
// Threading: run() on the main thread, which becomes the core's thread. Lifetime: one call.

#include "controlplane/app/store_factory.h"

namespace weir::app {

/// Returns the exit code of design 10. `decorate`: see StoreDecorator; the product gives none.
int run_controlplane(int argc, const char* const* argv, const char* version,
                     const StoreDecorator& decorate = {});

}  // namespace weir::app
