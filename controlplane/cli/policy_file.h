#pragma once
// Policies as YAML: what `policy export` writes, and `validate` and `apply` read.
// Threading: pure but for read_policy_file, which reads a file. Lifetime: values.

#include <string>
#include <vector>

#include "common/base/result.h"
#include "weir/config/v1/policy_file.pb.h"
#include "weir/control/v1/cluster_service.pb.h"

namespace weir::cli {

namespace api = control::v1;

/// Policies as a file says them.
struct PolicyFileContent {
  std::vector<api::Policy> policies;
  std::vector<std::string> where;       ///< `file:line` of each
  std::vector<std::string> complaints;  ///< whole lines, `file:line: key: what; what is allowed`
};

/// "-" reads standard input. Errors: it cannot be read.
Result<PolicyFileContent> read_policy_file(const std::string& file);
PolicyFileContent parse_policies(const std::string& file, const std::string& text);
std::string policies_yaml(const api::ListPoliciesResponse& list);

config::v1::PolicyEntry to_entry(const api::Policy& policy);
api::Policy to_policy(const config::v1::PolicyEntry& entry);

}  // namespace weir::cli
