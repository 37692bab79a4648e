#include "controlplane/cli/exit_code.h"

#include <string_view>

#include <fmt/format.h>

#include "common/rpc/status.h"

namespace weir::cli {
namespace {

std::string_view advice(int exit_code, std::string_view reason) {
  if (reason == rpc::reason::kNoEligibleOrigin)
    return "see why with 'weirctl place --dry-run STREAM' and 'weirctl origin list'";
  if (reason == rpc::reason::kStaleEtag) return "read it again, then decide anew";
  if (reason == rpc::reason::kRecordNotFound) return "there is nothing to take back";
  if (reason == rpc::reason::kResumeTokenExpired) return "start again without --since";
  if (reason == rpc::reason::kSettling || reason == rpc::reason::kBusyRetry)
    return "try again soon";
  switch (exit_code) {
    case kExitNotFound:
      return "see what there is with 'weirctl origin list', 'stream list', 'forwarder list'";
    case kExitUnreachable:
      return "check --endpoint, and that weir-controlplane runs there";
    case kExitTimedOut:
      return "try again, or allow more with --timeout";
    case kExitNotAuthorised:
      return "give --token-file with the token of the control plane";
    default:
      return "";
  }
}

}  // namespace

int exit_code_of(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::OK:
      return kExitDone;
    case grpc::INVALID_ARGUMENT:
      return kExitUsage;
    case grpc::NOT_FOUND:
      return kExitNotFound;
    case grpc::ALREADY_EXISTS:
    case grpc::FAILED_PRECONDITION:
    case grpc::ABORTED:
    case grpc::OUT_OF_RANGE:
      return kExitRefusedByState;
    case grpc::UNAVAILABLE:
      // With a reason somebody answered and refused; without one nobody did.
      return rpc::reason_of(status).empty() ? kExitUnreachable : kExitRefusedByState;
    case grpc::DEADLINE_EXCEEDED:
      return kExitTimedOut;
    case grpc::UNAUTHENTICATED:
    case grpc::PERMISSION_DENIED:
      return kExitNotAuthorised;
    default:
      return kExitFailed;
  }
}

std::string explain_failure(const grpc::Status& status, const std::string& where) {
  const std::string reason = rpc::reason_of(status);
  const std::string_view todo = advice(exit_code_of(status), reason);
  std::string text = fmt::format("weirctl: {}: ", where);
  if (!reason.empty() && !status.error_message().starts_with(reason)) text += reason + ": ";
  text += status.error_message();
  if (!todo.empty()) text += fmt::format("\n  {}", todo);
  return text;
}

}  // namespace weir::cli
