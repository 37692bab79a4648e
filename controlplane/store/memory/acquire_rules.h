#pragma once
// The rules of `acquire` as one pure function (design 4; docs/adr/0004-ownership.md says why each).
// Threading: pure. Lifetime: values.

#include <optional>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

/// What the store knows when the verb runs.
struct AcquireFacts {
  const model::Placement* placement = nullptr;  ///< nullptr: unplaced
  bool settling = false;
  bool owner_dead = false;       ///< the placement's incarnation is in the dead set
  bool renewal_gone = false;     ///< the holder's forwarder has let its renewal expire
  bool takeover_paused = false;  ///< the stream was taken over less than 5 s ago
  MonotonicTime now{};
};

enum class AcquireAction {
  kBindCandidate,   ///< the best candidate that may be bound
  kBindSameOrigin,  ///< the placement's origin if it may be bound, else as kBindCandidate
  kSame,
  kHeld,
  kStaleEvidence,
  kSettling,
};

struct AcquireDecision {
  AcquireAction action;
  std::optional<IncarnationId> banned;  ///< just failed for this holder
  bool takeover = false;                ///< displaces a live holder
};

AcquireDecision decide(const AcquireRequest& request, const AcquireFacts& facts);

}  // namespace weir::store
