#pragma once
// Server credentials that check the shared token on plain connections.
//
// Purpose: gRPC refuses an authentication processor on its insecure credentials only in the C++
// wrapper; its C core checks metadata on any listener. Checking there covers every method,
// reflection included, before a handler runs; an interceptor could not stop a handler. Threading:
// the check runs on gRPC's threads. Lifetime: shared with the server that uses it.

#include <memory>

#include <grpcpp/security/server_credentials.h>

#include "common/base/secret.h"

namespace weir::rpc {

/// An empty token accepts every caller.
std::shared_ptr<grpc::ServerCredentials> make_token_credentials(Secret token);

}  // namespace weir::rpc
