#pragma once
// What `stream explain` and `place --dry-run` share. Threading: as Context. Lifetime: none.

#include "controlplane/cli/commands.h"
#include "weir/control/v1/placement_service.pb.h"

namespace weir::cli {

/// Asks and prints.
int run_explain(const control::v1::ExplainPlacementRequest& request, Context& context);

}  // namespace weir::cli
