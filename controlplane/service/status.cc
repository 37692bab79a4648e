#include "controlplane/service/status.h"

#include <utility>

#include "common/rpc/status.h"
#include "controlplane/core/text.h"

namespace weir::service {

grpc::Status to_status(const core::CoreError& error) {
  auto metadata = error.metadata;
  if (!error.subject.empty()) metadata.emplace("subject", error.subject);
  return rpc::make_status(core::to_string(error.reason), error.message, std::move(metadata),
                          error.retry_after);
}

grpc::Status invalid_field(std::string message) {
  return rpc::make_status(rpc::reason::kInvalidField, std::move(message));
}

}  // namespace weir::service
