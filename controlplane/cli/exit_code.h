#pragma once
// Exit codes of weirctl (docs/operations/errors.md). Threading: pure.

#include <string>

#include <grpcpp/support/status.h>

namespace weir::cli {

enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitRefusedByState = 4,
  kExitUnreachable = 5,
  kExitTimedOut = 6,
  kExitNotAuthorised = 7,
};

/// The code for an answer of the API.
int exit_code_of(const grpc::Status& status);

/// What went wrong and what to do, for stderr. `where`: the endpoints that were tried.
std::string explain_failure(const grpc::Status& status, const std::string& where);

}  // namespace weir::cli
