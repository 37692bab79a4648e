#include "controlplane/store/memory/acquire_rules.h"

#include <variant>

#include "controlplane/store/limits.h"

namespace weir::store {
namespace {

using model::DirectHolder;
using model::ExternalHolder;
using model::PlacementState;

bool evidence_holds(const Takeover& takeover, const AcquireFacts& facts) {
  switch (takeover.evidence) {
    case Takeover::Evidence::kPolicy:
      return true;
    case Takeover::Evidence::kIdle:
      // Media may have come back since; a time after now is not of this store.
      return takeover.held_at <= facts.now && facts.now - takeover.held_at <= kIdleEvidenceAgeMax;
    case Takeover::Evidence::kUnknown:
      // Session ids are unique: what its forwarder does not know will not come back.
      return true;
    case Takeover::Evidence::kRenewalGone:
      return facts.renewal_gone;
  }
  return false;
}

/// Another live holder has the stream.
AcquireDecision decide_second_publisher(const AcquireRequest& request, const AcquireFacts& facts) {
  const model::Placement& held = *facts.placement;
  const AcquireDecision refused{AcquireAction::kHeld, std::nullopt};
  if (!request.takeover || request.takeover->expected != held.epoch) return refused;
  // Nobody can ask a direct publisher, and no one may close it unasked.
  if (std::holds_alternative<DirectHolder>(held.holder)) return refused;
  if (facts.takeover_paused) return refused;
  if (request.takeover->evidence == Takeover::Evidence::kPolicy &&
      held.state == PlacementState::kBound) {
    return refused;  // he still waits for his origin: two encoders would push each other out
  }
  if (!evidence_holds(*request.takeover, facts)) {
    return {AcquireAction::kStaleEvidence, std::nullopt};
  }
  return {AcquireAction::kBindSameOrigin, std::nullopt, true};
}

AcquireDecision decide_settled(const AcquireRequest& request, const AcquireFacts& facts) {
  std::optional<IncarnationId> failed;
  if (request.failed) failed = request.failed->incarnation;
  if (facts.placement == nullptr) return {AcquireAction::kBindCandidate, failed};
  const model::Placement& held = *facts.placement;

  // First of all: nobody stays, or returns, to an origin that was declared dead.
  if (facts.owner_dead) return {AcquireAction::kBindCandidate, failed};
  if (held.state == PlacementState::kOrphaned) return {AcquireAction::kBindSameOrigin, failed};
  if (held.holder == request.holder) {
    const bool his_failed = request.failed && request.failed->incarnation == held.incarnation &&
                            request.failed->epoch == held.epoch;
    // Once an origin took his media, players are on it: it ends with that origin, not by a retry.
    if (his_failed && !held.media_accepted) return {AcquireAction::kBindCandidate, failed};
    return {AcquireAction::kSame, std::nullopt};
  }
  if (std::holds_alternative<ExternalHolder>(held.holder) &&
      !std::holds_alternative<ExternalHolder>(request.holder)) {
    return {AcquireAction::kBindSameOrigin, failed};
  }
  return decide_second_publisher(request, facts);
}

}  // namespace

AcquireDecision decide(const AcquireRequest& request, const AcquireFacts& facts) {
  const AcquireDecision decision = decide_settled(request, facts);
  // While the store settles it may not yet know the rightful holder of anything, so no epoch is
  // handed out and nobody is told that another holds the stream; only what is his already is
  // confirmed.
  if (facts.settling && decision.action != AcquireAction::kSame) {
    return {AcquireAction::kSettling, std::nullopt};
  }
  return decision;
}

}  // namespace weir::store
