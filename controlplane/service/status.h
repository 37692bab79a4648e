#pragma once
// Errors of the core -> statuses on the wire. Threading: pure.

#include <string>

#include <grpcpp/support/status.h>

#include "controlplane/core/errors.h"

namespace weir::service {

grpc::Status to_status(const core::CoreError& error);
/// INVALID_FIELD; `message` names the field.
grpc::Status invalid_field(std::string message);

}  // namespace weir::service
