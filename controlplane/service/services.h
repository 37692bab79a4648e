#pragma once
// Services: weir.control.v1 over the callback API. Handlers translate and post to the core; nothing
// is decided here.
//
// Threading: gRPC's threads run the handlers, the core's thread answers.
// Lifetime: executor and core outlive it; destroyed after the gRPC server has shut down.

#include <memory>
#include <vector>

#include "common/base/executor.h"
#include "controlplane/service/departures.h"

namespace grpc {
class Service;
}
namespace weir::core {
class ClusterCore;
}

namespace weir::service {

class Services {
 public:
  Services(Executor& executor, core::ClusterCore& core);
  ~Services();
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  /// For rpc::Server::start.
  std::vector<grpc::Service*> all() const;

 private:
  Departures departures_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
};

}  // namespace weir::service
