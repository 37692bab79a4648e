#pragma once
// Errors the core answers with: the reasons of docs/operations/errors.md, for controlplane/service
// to turn into statuses. Threading: values. Lifetime: self-contained.

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "common/base/callback.h"
#include "common/base/clock.h"

namespace weir::core {

enum class Reason {
  kInvalidField,
  kPlacementNotFound,
  kOriginNotFound,
  kForwarderNotFound,
  kSessionNotFound,
  kRecordNotFound,
  kOriginIdInUse,
  kNoEligibleOrigin,
  kStreamHeld,
  kStaleEtag,
  kSettling,
  kBusyRetry,
  kResumeTokenExpired,
  kStoreUnavailable,
  kLimitReached,
  kShuttingDown,
};

struct CoreError {
  Reason reason;
  std::string message;                          ///< for people
  std::string subject;                          ///< field name or resource name; may be empty
  std::map<std::string, std::string> metadata;  ///< for programs
  std::optional<Duration> retry_after;
};

template <class T>
using Answer = std::variant<T, CoreError>;
/// Completion of a request to the core; runs on the core's thread, exactly once.
template <class T>
using Respond = Callback<void(Answer<T>)>;

}  // namespace weir::core
