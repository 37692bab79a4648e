#include "controlplane/core/policy_in_force.h"

namespace weir::core {

PolicyInForce::PolicyInForce(Context& context, ClusterView& view)
    : context_(context), view_(view), configured_(context.options) {
  view_.records().on_change([this](const RecordBook::Change& change) {
    if (change.kind == store::RecordKind::kPolicy && change.name == kPolicyName) read();
  });
  read();
}

Policy PolicyInForce::with(const PolicyRules& rules) const {
  Policy policy = configured_;
  if (rules.second_publisher) policy.second_publisher = *rules.second_publisher;
  if (rules.adopt) policy.adopt = *rules.adopt;
  if (rules.default_stream_bits_per_second) {
    policy.default_stream_bits_per_second = *rules.default_stream_bits_per_second;
  }
  if (rules.default_origin_streams) policy.default_origin_streams = *rules.default_origin_streams;
  return policy;
}

void PolicyInForce::read() {
  const auto* record = view_.records().find(store::RecordKind::kPolicy, kPolicyName);
  const Policy policy = record == nullptr ? configured_ : with(decode_policy(*record->value));
  if (policy == static_cast<const Policy&>(context_.options)) return;
  static_cast<Policy&>(context_.options) = policy;
  for (const auto& listener : on_changed) listener();
}

}  // namespace weir::core
