#include "controlplane/service/cluster_orders.h"

#include <utility>

#include "controlplane/service/convert_orders.h"
#include "controlplane/service/pages.h"
#include "controlplane/service/unary.h"

namespace weir::service {
namespace {

using store::RecordKind;

constexpr std::string_view kPolicyPrefix = "policies/";
constexpr std::string_view kTokenPrefix = "tokens/";
constexpr std::string_view kSigningKeyPrefix = "signingKeys/";

}  // namespace

// ---------------------------------------------------------------------------------- what is common

template <class Request, class Response, class Add, class Finally>
ClusterOrders::Reactor* ClusterOrders::list(Context* context, RecordKind kind,
                                            std::string_view filter, const Request& request,
                                            Response* response, Add add, Finally finally) {
  auto start = read_page(request.page_size(), request.page_token(), filter);
  if (!start) return finished(context, invalid_field(start.error().message));
  auto* reactor = context->DefaultReactor();
  executor_.post([this, reactor, response, kind, filter, start = std::move(*start), add, finally] {
    const auto page = core_.orders().page(kind, start.after, start.size);
    for (const auto& record : page.records) add(record);
    finally();
    response->set_next_page_token(page_token(page.next, filter));
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

template <class Request>
ClusterOrders::Reactor* ClusterOrders::remove(Context* context, std::string_view prefix,
                                              const Request& request, Remove how) {
  auto name = read_name(request.name(), prefix);
  if (!name) return finished(context, invalid_field(name.error().message));
  auto terms = read_terms(request);
  if (!terms) return finished(context, invalid_field(terms.error().message));
  auto* reactor = context->DefaultReactor();
  executor_.post(
      [this, reactor, how, name = std::move(*name), terms = std::move(*terms)]() mutable {
        (core_.orders().*how)(name, std::move(terms),
                              [reactor](const core::Answer<core::OrderDone>& answer) {
                                finish(reactor, answer, [](const core::OrderDone&) {});
                              });
      });
  return reactor;
}

// -----------------------------------------------------------------------------------------
// policies

ClusterOrders::Reactor* ClusterOrders::GetPolicy(Context* context,
                                                 const pb::GetPolicyRequest* request,
                                                 pb::Policy* response) {
  auto name = read_name(request->name(), kPolicyPrefix);
  if (!name) return finished(context, invalid_field(name.error().message));
  auto* reactor = context->DefaultReactor();
  executor_.post([this, reactor, response, name = std::move(*name)] {
    finish(reactor, core_.orders().policy_record(name),
           [&](const store::Record* record) { write(core_.orders(), name, record, response); });
  });
  return reactor;
}

template <class Answer>
ClusterOrders::Reactor* ClusterOrders::put(Context* context, const pb::Policy& policy,
                                           core::OrderTerms terms, Answer answer) {
  auto name = read_name(policy.name(), kPolicyPrefix);
  if (!name) return finished(context, invalid_field("policy." + name.error().message));
  auto rules = read(policy);
  if (!rules) return finished(context, invalid_field(rules.error().message));
  auto* reactor = context->DefaultReactor();
  executor_.post([this, reactor, name = std::move(*name), rules = std::move(*rules),
                  terms = std::move(terms), answer]() mutable {
    core_.orders().put_policy(name, rules, std::move(terms),
                              [reactor, answer](const core::Answer<core::OrderDone>& done) {
                                finish(reactor, done, answer);
                              });
  });
  return reactor;
}

ClusterOrders::Reactor* ClusterOrders::PutPolicy(Context* context,
                                                 const pb::PutPolicyRequest* request,
                                                 pb::Policy* response) {
  auto terms =
      read_terms(request->policy().etag(), request->validate_only(), request->request_id());
  if (!terms) return finished(context, invalid_field("policy." + terms.error().message));
  return put(context, request->policy(), std::move(*terms),
             [this, response](const core::OrderDone& done) {
               write(core_.orders(), done.record->name, &*done.record, response);
             });
}

ClusterOrders::Reactor* ClusterOrders::ValidatePolicy(Context* context,
                                                      const pb::ValidatePolicyRequest* request,
                                                      pb::ValidatePolicyResponse* response) {
  auto terms = read_terms(request->policy().etag(), true, {});
  if (!terms) return finished(context, invalid_field("policy." + terms.error().message));
  return put(context, request->policy(), std::move(*terms),
             [this, response](const core::OrderDone& done) {
               write(core_.orders(), done.record->name, &*done.record, response->mutable_policy());
               response->set_changes(done.changed);
             });
}

ClusterOrders::Reactor* ClusterOrders::ListPolicies(Context* context,
                                                    const pb::ListPoliciesRequest* request,
                                                    pb::ListPoliciesResponse* response) {
  return list(
      context, RecordKind::kPolicy, kPolicyPrefix, *request, response,
      [this, response](const store::Record& record) {
        write(core_.orders(), record.name, &record, response->add_policies());
      },
      [this, response] { response->set_records_known(core_.orders().records_known()); });
}

ClusterOrders::Reactor* ClusterOrders::DeletePolicy(Context* context,
                                                    const pb::DeletePolicyRequest* request,
                                                    pb::DeletePolicyResponse*) {
  return remove(context, kPolicyPrefix, *request, &core::Orders::delete_policy);
}

// ------------------------------------------------------------------------------------------
// secrets

ClusterOrders::Reactor* ClusterOrders::CreateToken(Context* context,
                                                   const pb::CreateTokenRequest* request,
                                                   pb::CreateTokenResponse* response) {
  const auto role = read(request->role());
  if (!role) return finished(context, invalid_field(role.error().message));
  auto terms = read_new_terms(*request);
  if (!terms) return finished(context, invalid_field(terms.error().message));
  auto* reactor = context->DefaultReactor();
  executor_.post([this, reactor, response, role = *role, note = request->note(),
                  terms = std::move(*terms)]() mutable {
    core_.orders().create_token(role, std::move(note), std::move(terms),
                                [reactor, response](const core::Answer<core::SecretMade>& answer) {
                                  finish(reactor, answer, [&](const core::SecretMade& made) {
                                    if (made.id.empty()) return;  // validate_only
                                    write(made.record, response->mutable_token());
                                    response->set_bearer(made.secret);
                                  });
                                });
  });
  return reactor;
}

ClusterOrders::Reactor* ClusterOrders::RevokeToken(Context* context,
                                                   const pb::RevokeTokenRequest* request,
                                                   pb::RevokeTokenResponse*) {
  return remove(context, kTokenPrefix, *request, &core::Orders::revoke_token);
}

ClusterOrders::Reactor* ClusterOrders::ListTokens(Context* context,
                                                  const pb::ListTokensRequest* request,
                                                  pb::ListTokensResponse* response) {
  return list(context, RecordKind::kToken, kTokenPrefix, *request, response,
              [response](const store::Record& token) { write(token, response->add_tokens()); });
}

ClusterOrders::Reactor* ClusterOrders::CreateSigningKey(Context* context,
                                                        const pb::CreateSigningKeyRequest* request,
                                                        pb::SigningKey* response) {
  auto terms = read_new_terms(*request);
  if (!terms) return finished(context, invalid_field(terms.error().message));
  auto* reactor = context->DefaultReactor();
  executor_.post([this, reactor, response, terms = std::move(*terms)]() mutable {
    core_.orders().create_signing_key(
        std::move(terms), [reactor, response](const core::Answer<core::SecretMade>& answer) {
          finish(reactor, answer, [&](const core::SecretMade& made) {
            if (!made.id.empty()) write(made.record, response);
          });
        });
  });
  return reactor;
}

ClusterOrders::Reactor* ClusterOrders::DeleteSigningKey(Context* context,
                                                        const pb::DeleteSigningKeyRequest* request,
                                                        pb::DeleteSigningKeyResponse*) {
  return remove(context, kSigningKeyPrefix, *request, &core::Orders::delete_signing_key);
}

ClusterOrders::Reactor* ClusterOrders::ListSigningKeys(Context* context,
                                                       const pb::ListSigningKeysRequest* request,
                                                       pb::ListSigningKeysResponse* response) {
  return list(context, RecordKind::kSigningKey, kSigningKeyPrefix, *request, response,
              [response](const store::Record& key) { write(key, response->add_signing_keys()); });
}

}  // namespace weir::service
