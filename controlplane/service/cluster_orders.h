#pragma once
// The part of ClusterService that is about policies and secrets; cluster_service.cc derives the
// whole service from it. Threading: as Services. Lifetime: as Services.

#include <string>
#include <string_view>

#include "common/base/executor.h"
#include "controlplane/core/cluster_core.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::service {

class ClusterOrders : public control::v1::ClusterService::CallbackService {
 public:
  ClusterOrders(Executor& executor, core::ClusterCore& core) : executor_(executor), core_(core) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetPolicy(Context* context, const control::v1::GetPolicyRequest* request,
                     control::v1::Policy* response) override;
  Reactor* PutPolicy(Context* context, const control::v1::PutPolicyRequest* request,
                     control::v1::Policy* response) override;
  Reactor* ValidatePolicy(Context* context, const control::v1::ValidatePolicyRequest* request,
                          control::v1::ValidatePolicyResponse* response) override;
  Reactor* ListPolicies(Context* context, const control::v1::ListPoliciesRequest* request,
                        control::v1::ListPoliciesResponse* response) override;
  Reactor* DeletePolicy(Context* context, const control::v1::DeletePolicyRequest* request,
                        control::v1::DeletePolicyResponse* response) override;

  Reactor* CreateToken(Context* context, const control::v1::CreateTokenRequest* request,
                       control::v1::CreateTokenResponse* response) override;
  Reactor* RevokeToken(Context* context, const control::v1::RevokeTokenRequest* request,
                       control::v1::RevokeTokenResponse* response) override;
  Reactor* ListTokens(Context* context, const control::v1::ListTokensRequest* request,
                      control::v1::ListTokensResponse* response) override;

  Reactor* CreateSigningKey(Context* context, const control::v1::CreateSigningKeyRequest* request,
                            control::v1::SigningKey* response) override;
  Reactor* DeleteSigningKey(Context* context, const control::v1::DeleteSigningKeyRequest* request,
                            control::v1::DeleteSigningKeyResponse* response) override;
  Reactor* ListSigningKeys(Context* context, const control::v1::ListSigningKeysRequest* request,
                           control::v1::ListSigningKeysResponse* response) override;

 protected:
  Executor& executor_;
  core::ClusterCore& core_;

 private:
  /// PutPolicy and ValidatePolicy: `answer(done)` on the core's thread.
  template <class Answer>
  Reactor* put(Context* context, const control::v1::Policy& policy, core::OrderTerms terms,
               Answer answer);
  struct Nothing {
    void operator()() const {}
  };
  /// A page of records of one kind: `add(record)` for each, then `finally()`.
  template <class Request, class Response, class Add, class Finally = Nothing>
  Reactor* list(Context* context, store::RecordKind kind, std::string_view filter,
                const Request& request, Response* response, Add add, Finally finally = {});
  using Remove = void (core::Orders::*)(const std::string&, core::OrderTerms,
                                        core::Respond<core::OrderDone>);
  template <class Request>
  Reactor* remove(Context* context, std::string_view prefix, const Request& request, Remove how);
};

}  // namespace weir::service
