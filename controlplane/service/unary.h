#pragma once
// Helpers of unary handlers: finish a call from the core's answer.
// Threading: from the core's thread. Lifetime: the reactor lives until it is finished,
// also when its caller has gone away.

#include <utility>
#include <variant>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "controlplane/core/errors.h"
#include "controlplane/service/departures.h"
#include "controlplane/service/status.h"

namespace weir::service {

/// A reactor that ends at once.
inline grpc::ServerUnaryReactor* finished(grpc::CallbackServerContext* context,
                                          const grpc::Status& status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

/// Fills the response with `fill(value)` or ends with the error.
template <class T, class Fill>
void finish(grpc::ServerUnaryReactor* reactor, const core::Answer<T>& answer, Fill&& fill) {
  if (const auto* error = std::get_if<core::CoreError>(&answer)) {
    reactor->Finish(to_status(*error));
    return;
  }
  fill(std::get<T>(answer));
  reactor->Finish(grpc::Status::OK);
}

/// As finish(), on a thread of gRPC, with what else departs.
template <class T, class Fill>
void depart(Departures& departures, grpc::ServerUnaryReactor* reactor, core::Answer<T> answer,
            Fill fill) {
  departures.add([reactor, answer = std::move(answer), fill = std::move(fill)] {
    finish(reactor, answer, fill);
  });
}

}  // namespace weir::service
