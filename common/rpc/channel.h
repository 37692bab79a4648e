#pragma once
// Channels to a control-plane replica: reconnect backoff 100 ms..1 s, own connection, token on each
// call. Threading: any; a channel is shared. Lifetime: stubs keep their channel alive.

#include <memory>
#include <string>

#include "common/base/secret.h"

namespace grpc {
class Channel;
}

namespace weir::rpc {

/// Does not connect yet. `endpoint`: `host:port`. An empty token sends none. No HTTP/2 pings:
/// liveness is judged by messages on the attach streams (ADR on liveness).
std::shared_ptr<grpc::Channel> make_channel(const std::string& endpoint, const Secret& token);

}  // namespace weir::rpc
