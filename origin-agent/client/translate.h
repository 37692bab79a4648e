#pragma once
// Report-stream messages between plain values and protobuf.
// Threading: pure functions. Lifetime: values.

#include <optional>

#include "origin-agent/report/messages.h"
#include "weir/control/v1/origin_service.pb.h"

namespace weir::agent {

control::v1::OriginServiceAttachRequest to_proto(const UpMessage& message);
/// Nothing for a message of a later version.
std::optional<DownMessage> from_proto(const control::v1::OriginServiceAttachResponse& message);

}  // namespace weir::agent
