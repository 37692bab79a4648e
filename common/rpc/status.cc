#include "common/rpc/status.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "weir/rpc/v1/error_details.pb.h"

namespace weir::rpc {
namespace {

constexpr std::string_view kErrorInfoUrl = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr std::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";

void add_detail(v1::Status& status, std::string_view type_url,
                const google::protobuf::MessageLite& detail) {
  google::protobuf::Any& any = *status.add_details();
  any.set_type_url(std::string(type_url));
  any.set_value(detail.SerializeAsString());
}

std::string_view code_name(grpc::StatusCode code) {
  static constexpr std::string_view kNames[] = {"OK",
                                                "CANCELLED",
                                                "UNKNOWN",
                                                "INVALID_ARGUMENT",
                                                "DEADLINE_EXCEEDED",
                                                "NOT_FOUND",
                                                "ALREADY_EXISTS",
                                                "PERMISSION_DENIED",
                                                "RESOURCE_EXHAUSTED",
                                                "FAILED_PRECONDITION",
                                                "ABORTED",
                                                "OUT_OF_RANGE",
                                                "UNIMPLEMENTED",
                                                "INTERNAL",
                                                "UNAVAILABLE",
                                                "DATA_LOSS",
                                                "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(kNames) ? kNames[index] : "UNKNOWN";
}

}  // namespace

grpc::Status make_status(std::string_view reason, std::string message,
                         std::map<std::string, std::string> metadata,
                         std::optional<Duration> retry_delay) {
  const auto known = std::ranges::find(kReasons, reason, &ReasonCode::reason);
  WEIR_ASSERT(known != kReasons.end());

  v1::Status status;
  status.set_code(known->code);
  status.set_message(message);
  v1::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (auto& [key, value] : metadata) (*info.mutable_metadata())[key] = std::move(value);
  add_detail(status, kErrorInfoUrl, info);
  if (retry_delay) {
    v1::RetryInfo retry;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*retry_delay);
    retry.mutable_retry_delay()->set_seconds(seconds.count());
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(*retry_delay - seconds).count()));
    add_detail(status, kRetryInfoUrl, retry);
  }
  return {known->code, std::move(message), status.SerializeAsString()};
}

std::optional<ErrorDetails> details_of(const grpc::Status& status) {
  v1::Status parsed;
  if (status.error_details().empty() || !parsed.ParseFromString(status.error_details()))
    return std::nullopt;
  std::optional<ErrorDetails> out;
  std::optional<Duration> retry_delay;
  for (const google::protobuf::Any& any : parsed.details()) {
    v1::ErrorInfo info;
    v1::RetryInfo retry;
    if (any.type_url() == kErrorInfoUrl && info.ParseFromString(any.value())) {
      out.emplace();
      out->reason = info.reason();
      for (const auto& [key, value] : info.metadata()) out->metadata[key] = value;
    } else if (any.type_url() == kRetryInfoUrl && retry.ParseFromString(any.value())) {
      retry_delay = std::chrono::seconds(retry.retry_delay().seconds()) +
                    std::chrono::nanoseconds(retry.retry_delay().nanos());
    }
  }
  if (out) out->retry_delay = retry_delay;
  return out;
}

std::string reason_of(const grpc::Status& status) {
  if (auto details = details_of(status)) return std::move(details->reason);
  // The transport refuses a wrong token before any service could attach details (server.h).
  if (status.error_code() == grpc::UNAUTHENTICATED) return std::string(reason::kTokenInvalid);
  return {};
}

endpoints::Failure failure_of(const grpc::Status& status) {
  if (status.error_code() == grpc::DEADLINE_EXCEEDED) return endpoints::Failure::kSilent;
  return reason_of(status) == reason::kShuttingDown ? endpoints::Failure::kLeaving
                                                    : endpoints::Failure::kBroken;
}

std::string describe(const grpc::Status& status) {
  const std::string reason = reason_of(status);
  const std::string_view code = code_name(status.error_code());
  if (reason.empty()) return fmt::format("{}: {}", code, status.error_message());
  return fmt::format("{} ({}): {}", code, reason, status.error_message());
}

}  // namespace weir::rpc
