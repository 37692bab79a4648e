#pragma once
// PolicyInForce: what the cluster's policy says, else what this process was configured with.
//
// Purpose: keeps the policy part of Context::options current, at once on every replica that hears
// of a change. Threading: the core's thread. Lifetime: listens to the book as long as that lives.

#include <functional>
#include <string_view>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"

namespace weir::core {

/// The one policy of this version: of the whole cluster.
inline constexpr std::string_view kPolicyName = "default";

class PolicyInForce {
 public:
  PolicyInForce(Context& context, ClusterView& view);

  const Policy& configured() const { return configured_; }
  const Policy& now() const { return context_.options; }
  /// What a policy of these rules would put in force here.
  Policy with(const PolicyRules& rules) const;

  std::vector<std::function<void()>> on_changed;

 private:
  void read();

  Context& context_;
  ClusterView& view_;
  Policy configured_;
};

}  // namespace weir::core
