#pragma once
// One service each, for services.cc: keeps the generated headers in one unit per service.
// Threading: as Services. Lifetime: as Services.

#include <memory>

#include "common/base/executor.h"
#include "controlplane/service/departures.h"

namespace grpc {
class Service;
}
namespace weir::core {
class ClusterCore;
}

namespace weir::service {

std::unique_ptr<grpc::Service> make_placement_service(Executor& executor, Departures& departures,
                                                      core::ClusterCore& core);
std::unique_ptr<grpc::Service> make_origin_service(Executor& executor, Departures& departures,
                                                   core::ClusterCore& core);
std::unique_ptr<grpc::Service> make_forwarder_service(Executor& executor, Departures& departures,
                                                      core::ClusterCore& core);
std::unique_ptr<grpc::Service> make_cluster_service(Executor& executor, core::ClusterCore& core);

}  // namespace weir::service
