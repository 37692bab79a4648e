#pragma once
// ConnectProfile from the configuration: what the forwarder says of itself in connect's answer.
//
// Purpose: the answer is given before an origin is known, so an operator states what holds for all
// of them; a statement that contradicts itself is an error.
// Threading: pure. Lifetime: values.

#include "common/base/result.h"
#include "dataplane/relay/session_config.h"

namespace weir::config::v1 {
class ConnectProfileConfig;
}

namespace weir::forwarder {

/// Errors (invalid_argument) name the key below `rtmp_options.connect_profile` and what to write.
Result<relay::ConnectProfile> make_connect_profile(const config::v1::ConnectProfileConfig& config);

}  // namespace weir::forwarder
