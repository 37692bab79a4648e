#pragma once
// Messages to a forwarder that may leave as one.
// Threading: pure. Lifetime: values.

#include "weir/control/v1/forwarder_service.pb.h"

namespace weir::service {

/// Moves answers or a route into the last message that waits to be written; false = it cannot hold
/// them, and nothing was changed. Keeps the order.
bool join(control::v1::ForwarderServiceAttachResponse& last,
          control::v1::ForwarderServiceAttachResponse& message);

}  // namespace weir::service
