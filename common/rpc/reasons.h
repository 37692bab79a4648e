#pragma once
// The reasons of weir.control.v1, with the canonical code of each. docs/operations/errors.md
// explains every one of them; a test compares the two. Threading: constants.

#include <array>
#include <string_view>

#include <grpcpp/support/status_code_enum.h>

namespace weir::rpc {

namespace reason {
inline constexpr std::string_view kInvalidField = "INVALID_FIELD";
inline constexpr std::string_view kPlacementNotFound = "PLACEMENT_NOT_FOUND";
inline constexpr std::string_view kOriginNotFound = "ORIGIN_NOT_FOUND";
inline constexpr std::string_view kForwarderNotFound = "FORWARDER_NOT_FOUND";
inline constexpr std::string_view kSessionNotFound = "SESSION_NOT_FOUND";
inline constexpr std::string_view kRecordNotFound = "RECORD_NOT_FOUND";
inline constexpr std::string_view kOriginIdInUse = "ORIGIN_ID_IN_USE";
inline constexpr std::string_view kStreamHeld = "STREAM_HELD";
inline constexpr std::string_view kIncarnationDead = "INCARNATION_DEAD";
inline constexpr std::string_view kStaleEpoch = "STALE_EPOCH";
inline constexpr std::string_view kStaleEtag = "STALE_ETAG";
inline constexpr std::string_view kLimitReached = "LIMIT_REACHED";
inline constexpr std::string_view kNoEligibleOrigin = "NO_ELIGIBLE_ORIGIN";
inline constexpr std::string_view kSettling = "SETTLING";
inline constexpr std::string_view kBusyRetry = "BUSY_RETRY";
inline constexpr std::string_view kStoreUnavailable = "STORE_UNAVAILABLE";
inline constexpr std::string_view kShuttingDown = "SHUTTING_DOWN";
inline constexpr std::string_view kResumeTokenExpired = "RESUME_TOKEN_EXPIRED";
inline constexpr std::string_view kTokenInvalid = "TOKEN_INVALID";
inline constexpr std::string_view kInternal = "INTERNAL";
}  // namespace reason

struct ReasonCode {
  std::string_view reason;
  grpc::StatusCode code;
};

inline constexpr auto kReasons = std::to_array<ReasonCode>({
    {reason::kInvalidField, grpc::INVALID_ARGUMENT},
    {reason::kPlacementNotFound, grpc::NOT_FOUND},
    {reason::kOriginNotFound, grpc::NOT_FOUND},
    {reason::kForwarderNotFound, grpc::NOT_FOUND},
    {reason::kSessionNotFound, grpc::NOT_FOUND},
    {reason::kRecordNotFound, grpc::NOT_FOUND},
    {reason::kOriginIdInUse, grpc::ALREADY_EXISTS},
    {reason::kStreamHeld, grpc::ALREADY_EXISTS},
    {reason::kIncarnationDead, grpc::FAILED_PRECONDITION},
    {reason::kStaleEpoch, grpc::ABORTED},
    {reason::kStaleEtag, grpc::ABORTED},
    {reason::kLimitReached, grpc::RESOURCE_EXHAUSTED},
    {reason::kNoEligibleOrigin, grpc::UNAVAILABLE},
    {reason::kSettling, grpc::UNAVAILABLE},
    {reason::kBusyRetry, grpc::UNAVAILABLE},
    {reason::kStoreUnavailable, grpc::UNAVAILABLE},
    {reason::kShuttingDown, grpc::UNAVAILABLE},
    {reason::kResumeTokenExpired, grpc::OUT_OF_RANGE},
    {reason::kTokenInvalid, grpc::UNAUTHENTICATED},
    {reason::kInternal, grpc::INTERNAL},
});

}  // namespace weir::rpc
