#include "controlplane/service/services.h"

#include <grpcpp/impl/codegen/service_type.h>

#include "controlplane/service/service_factories.h"

namespace weir::service {

Services::Services(Executor& executor, core::ClusterCore& core) : departures_(executor) {
  services_.push_back(make_placement_service(executor, departures_, core));
  services_.push_back(make_origin_service(executor, departures_, core));
  services_.push_back(make_forwarder_service(executor, departures_, core));
  services_.push_back(make_cluster_service(executor, core));
}

Services::~Services() = default;

std::vector<grpc::Service*> Services::all() const {
  std::vector<grpc::Service*> out;
  for (const auto& service : services_) out.push_back(service.get());
  return out;
}

}  // namespace weir::service
