#include "tests/support/cluster/replicas.h"

#include <chrono>

#include <grpcpp/channel.h>

#include "common/rpc/channel.h"
#include "common/rpc/status.h"

namespace weir::cluster {

std::string outcome_of(const grpc::Status& status) {
  if (status.ok()) return "OK";
  if (auto reason = rpc::reason_of(status); !reason.empty()) return reason;
  return std::string(status.error_code() == grpc::DEADLINE_EXCEEDED ? kTimedOut : kUnreachable);
}

Replicas::Replicas(Executor& executor, std::vector<std::string> endpoints)
    : executor_(executor), endpoints_(std::move(endpoints)) {
  for (std::size_t at = 0; at < endpoints_.size(); ++at)
    stubs_.push_back(pb::PlacementService::NewStub(connect(at)));
}

std::shared_ptr<grpc::Channel> Replicas::connect(std::size_t at) const {
  return rpc::make_channel(endpoints_[at], Secret());
}

template <class Request, class Response, class Method>
void Replicas::call(std::size_t at, const Request& request, Method method,
                    Answered<Response> done) {
  auto call = std::make_shared<Call<Request, Response>>();
  call->request = request;
  call->context.set_deadline(std::chrono::system_clock::now() + kUnaryDeadline);
  auto answered = std::make_shared<Answered<Response>>(std::move(done));
  ++open_;
  method(stubs_[at]->async(), *call, [this, call, answered](const grpc::Status& status) {
    executor_.post([this, call, answered, status] {
      --open_;
      (*answered)(status, call->response);
    });
  });
}

void Replicas::acquire(std::size_t at, const pb::AcquirePlacementRequest& request,
                       Answered<pb::AcquirePlacementResponse> done) {
  const auto method = [](auto* stub, auto& call, auto finished) {
    stub->AcquirePlacement(&call.context, &call.request, &call.response, std::move(finished));
  };
  call(at, request, method, std::move(done));
}

void Replicas::look_up(std::size_t at, const std::string& stream,
                       Answered<pb::GetPlacementResponse> done) {
  const auto method = [](auto* stub, auto& call, auto finished) {
    stub->GetPlacement(&call.context, &call.request, &call.response, std::move(finished));
  };
  pb::GetPlacementRequest request;
  request.set_stream(stream);
  call(at, request, method, std::move(done));
}

void Replicas::release(std::size_t at, const pb::ReleasePlacementRequest& request,
                       Answered<pb::ReleasePlacementResponse> done) {
  const auto method = [](auto* stub, auto& call, auto finished) {
    stub->ReleasePlacement(&call.context, &call.request, &call.response, std::move(finished));
  };
  call(at, request, method, std::move(done));
}

}  // namespace weir::cluster
