#include "controlplane/core/text.h"

#include "common/base/contract.h"

namespace weir::core {

std::string holder_text(const model::Holder& holder) {
  if (const auto* session = std::get_if<model::SessionHolder>(&holder)) {
    return session->forwarder.str() + '/' + session->session.str();
  }
  if (const auto* external = std::get_if<model::ExternalHolder>(&holder)) {
    return "external:" + external->name;
  }
  return "direct";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kInvalidField:
      return "INVALID_FIELD";
    case Reason::kPlacementNotFound:
      return "PLACEMENT_NOT_FOUND";
    case Reason::kOriginNotFound:
      return "ORIGIN_NOT_FOUND";
    case Reason::kForwarderNotFound:
      return "FORWARDER_NOT_FOUND";
    case Reason::kSessionNotFound:
      return "SESSION_NOT_FOUND";
    case Reason::kRecordNotFound:
      return "RECORD_NOT_FOUND";
    case Reason::kOriginIdInUse:
      return "ORIGIN_ID_IN_USE";
    case Reason::kNoEligibleOrigin:
      return "NO_ELIGIBLE_ORIGIN";
    case Reason::kStreamHeld:
      return "STREAM_HELD";
    case Reason::kStaleEtag:
      return "STALE_ETAG";
    case Reason::kSettling:
      return "SETTLING";
    case Reason::kBusyRetry:
      return "BUSY_RETRY";
    case Reason::kResumeTokenExpired:
      return "RESUME_TOKEN_EXPIRED";
    case Reason::kStoreUnavailable:
      return "STORE_UNAVAILABLE";
    case Reason::kLimitReached:
      return "LIMIT_REACHED";
    case Reason::kShuttingDown:
      return "SHUTTING_DOWN";
  }
  WEIR_UNREACHABLE("reason");
}

}  // namespace weir::core
