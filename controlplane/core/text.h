#pragma once
// Words for values of the model and the core, as messages, metrics and metadata show them.
// Threading: pure.

#include <string>
#include <string_view>

#include "controlplane/core/errors.h"
#include "controlplane/model/placement.h"

namespace weir::core {

/// `forwarder/session`, `direct`, `external:<name>`
std::string holder_text(const model::Holder& holder);
/// "STREAM_HELD"
std::string_view to_string(Reason reason);

}  // namespace weir::core
