#pragma once
// ClientAddressMode on the wire, for every plane that tells or is told of an origin's endpoint.
// Threading: pure. Lifetime: values.

#include "common/base/client_address.h"
#include "weir/control/v1/types.pb.h"

namespace weir::rpc {

control::v1::ClientAddressMode to_proto(ClientAddressMode mode);
/// What this version does not know counts as kNone: the listener then refuses, and says so.
ClientAddressMode from_proto(control::v1::ClientAddressMode mode);

}  // namespace weir::rpc
