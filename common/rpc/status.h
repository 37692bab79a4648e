#pragma once
// Errors on the wire: a reason of reasons.h <-> grpc::Status with google.rpc.ErrorInfo (and
// RetryInfo) in its details. Threading: pure. Lifetime: values.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <grpcpp/support/status.h>

#include "common/base/clock.h"
#include "common/endpoints/endpoint_choice.h"
#include "common/rpc/reasons.h"

namespace weir::rpc {

/// `domain` of every ErrorInfo of this API.
inline constexpr std::string_view kErrorDomain = "weir.control.v1";

/// What a caller is told besides the code.
struct ErrorDetails {
  std::string reason;                           ///< UPPER_SNAKE, see reasons.h
  std::map<std::string, std::string> metadata;  ///< for programs
  std::optional<Duration> retry_delay;          ///< only where trying again helps
};

/// The code comes from the table of reasons; an unknown reason is a programmer error.
grpc::Status make_status(std::string_view reason, std::string message,
                         std::map<std::string, std::string> metadata = {},
                         std::optional<Duration> retry_delay = std::nullopt);

/// Details of a status that make_status (or any server that follows google.rpc) made; none =
/// nullopt.
std::optional<ErrorDetails> details_of(const grpc::Status& status);

/// The reason; for a status without details the one its code stands for where there is exactly one
/// (UNAUTHENTICATED = TOKEN_INVALID), else empty.
std::string reason_of(const grpc::Status& status);

/// What a status that is no answer says of the replica.
endpoints::Failure failure_of(const grpc::Status& status);

/// "code (REASON): message", for logs.
std::string describe(const grpc::Status& status);

}  // namespace weir::rpc
