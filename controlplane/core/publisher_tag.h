#pragma once
// The tag that a forwarder leaves on what it publishes: `weir:<forwarder>/<session>/<epoch>`.
// Threading: pure. Lifetime: values.

#include <optional>
#include <string_view>

#include "common/base/ids.h"
#include "controlplane/model/placement.h"

namespace weir::core {

struct PublisherTag {
  model::SessionHolder holder;
  Epoch epoch;
};
/// Nothing: not such a tag, or one without an epoch.
std::optional<PublisherTag> parse_tag(std::string_view tag);
/// Whether a forwarder left it, with an epoch or (placed while no store answered) without.
bool is_tag(std::string_view tag);

}  // namespace weir::core
