#pragma once
// Takeover: may a second publisher displace the first (design 5)?
//
// Purpose: finds the evidence that the store's acquire wants, by asking the holder's forwarder; and
// closes the displaced session before the new one publishes.
// Threading: the core's thread. Lifetime: as the core.

#include <optional>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/session_desk.h"

namespace weir::core {

class Takeover {
 public:
  Takeover(Context& context, SessionDesk& desk);

  /// What the caller may try against the holder of `held`; nothing: he stays.
  using Decided = Callback<void(std::optional<store::Takeover>)>;
  void decide(const model::Placement& held, MonotonicTime held_at, Decided done);
  /// Completes when the displaced session's leg at the origin is closed, or nobody can tell.
  void close(const model::Placement& displaced, Callback<void()> done);

 private:
  std::optional<store::Takeover::Evidence> judge(const SessionId& session,
                                                 const Forwarders::Facts& facts) const;

  Context& context_;
  SessionDesk& desk_;
};

}  // namespace weir::core
