#pragma once
// What `policy validate` and `policy apply` share. Threading: one thread. Lifetime: values.

#include <string>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/policy_file.h"
#include "weir/control/v1/cluster_service.pb.h"

namespace weir::cli {

/// Reads a file and has the control plane check each policy in it; `answers` are in its order. Says
/// what is wrong, with file, line and key. The exit code.
int check_policy_file(Context& context, const std::string& file, PolicyFileContent& content,
                      std::vector<api::ValidatePolicyResponse>& answers);

}  // namespace weir::cli
