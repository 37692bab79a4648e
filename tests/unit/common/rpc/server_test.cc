// Server and channel together, over loopback: token, details, health, address in use.
#include "common/rpc/server.h"

#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/listen_address.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::rpc {
namespace {

namespace api = control::v1;

/// Answers with a fixed replica name, or with an error when asked to.
class FakeClusterService final : public api::ClusterService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetClusterStatus(grpc::CallbackServerContext* context,
                                             const api::GetClusterStatusRequest*,
                                             api::ClusterStatus* response) override {
    ++calls;
    response->set_replica("r1");
    auto* reactor = context->DefaultReactor();
    reactor->Finish(answer);
    return reactor;
  }
  int calls = 0;
  grpc::Status answer;
};

struct Call {
  grpc::Status status;
  api::ClusterStatus response;
};

Call get_status(const std::string& endpoint, const Secret& token) {
  const auto stub = api::ClusterService::NewStub(make_channel(endpoint, token));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  Call call;
  call.status = stub->GetClusterStatus(&context, {}, &call.response);
  return call;
}

std::unique_ptr<Server> start(FakeClusterService& service, const std::string& token) {
  auto server = Server::start({.address = "127.0.0.1:0", .token = Secret(token)}, {&service});
  EXPECT_TRUE(server.has_value()) << server.error().message;
  return std::move(*server);
}

TEST(RpcServer, AnswersWithoutTokenWhenNoneIsConfigured) {
  FakeClusterService service;
  const auto server = start(service, "");
  const Call call = get_status(server->address(), Secret());
  ASSERT_TRUE(call.status.ok()) << describe(call.status);
  EXPECT_EQ(call.response.replica(), "r1");
}

TEST(RpcServer, AcceptsTheSharedToken) {
  FakeClusterService service;
  const auto server = start(service, "s3cret");
  EXPECT_TRUE(get_status(server->address(), Secret("s3cret")).status.ok());
}

TEST(RpcServer, RefusesAWrongOrMissingTokenBeforeTheHandlerRuns) {
  FakeClusterService service;
  const auto server = start(service, "s3cret");
  for (const char* token : {"", "s3cre", "s3crets", "S3CRET"}) {
    const Call call = get_status(server->address(), Secret(token));
    EXPECT_EQ(call.status.error_code(), grpc::UNAUTHENTICATED) << token;
    EXPECT_EQ(reason_of(call.status), reason::kTokenInvalid) << token;
    EXPECT_EQ(call.status.error_message().find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(service.calls, 0);
}

TEST(RpcServer, DetailsOfAnErrorReachTheCaller) {
  FakeClusterService service;
  service.answer = make_status(reason::kStreamHeld, "held", {{"holder", "fwd-1/abc"}},
                               std::chrono::milliseconds(250));
  const auto server = start(service, "");
  const Call call = get_status(server->address(), Secret());
  EXPECT_EQ(call.status.error_code(), grpc::ALREADY_EXISTS);
  const auto details = details_of(call.status);
  ASSERT_TRUE(details.has_value());
  EXPECT_EQ(details->reason, "STREAM_HELD");
  EXPECT_EQ(details->metadata.at("holder"), "fwd-1/abc");
  EXPECT_EQ(details->retry_delay, std::chrono::milliseconds(250));
}

/// grpc.health.v1 without its stubs, which Debian does not ship: an empty request, and a response
/// whose field 1 is the state.
grpc::Status check_health(const std::string& endpoint, int& state) {
  const auto channel = make_channel(endpoint, Secret());
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  // Any message whose field 1 is a varint will do.
  api::Epoch response;
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall<api::GetClusterStatusRequest, api::Epoch>(
          channel.get(), method, &context, {}, &response);
  state = static_cast<int>(response.generation());
  return status;
}

TEST(RpcServer, HealthIsOpenAndFollowsSetServing) {
  constexpr int kServing = 1;
  constexpr int kNotServing = 2;
  FakeClusterService service;
  const auto server = start(service, "s3cret");
  int state = 0;
  ASSERT_TRUE(check_health(server->address(), state).ok());
  EXPECT_EQ(state, kServing);
  server->set_serving(false);
  ASSERT_TRUE(check_health(server->address(), state).ok());
  EXPECT_EQ(state, kNotServing);
}

TEST(RpcServer, RefusesAnAddressBeyondLoopbackWithoutCredentials) {
  FakeClusterService service;
  const auto refused = Server::start({.address = ":0"}, {&service});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, boost::system::errc::operation_not_permitted);
  EXPECT_NE(refused.error().message.find("--token-file"), std::string::npos);
  EXPECT_TRUE(Server::start({.address = ":0", .insecure = true}, {&service}).has_value());
}

TEST(RpcServer, NamesTheAddressAndTheFlagWhenThePortIsTaken) {
  FakeClusterService service;
  FakeClusterService other;
  const auto server = start(service, "");
  const auto refused = Server::start({.address = server->address()}, {&other});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, boost::system::errc::address_in_use);
  EXPECT_NE(refused.error().message.find(server->address()), std::string::npos);
  EXPECT_NE(refused.error().message.find("--listen"), std::string::npos);
}

TEST(RpcServer, PortHeldByASharingListenerIsTaken) {
  const int held = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ASSERT_EQ(::setsockopt(held, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
  auto address = resolve_listen_address("127.0.0.1:0", "--x");
  ASSERT_EQ(::bind(held, reinterpret_cast<sockaddr*>(&address->storage), address->size), 0);
  ASSERT_EQ(::listen(held, 1), 0);
  ::getsockname(held, reinterpret_cast<sockaddr*>(&address->storage), &address->size);
  FakeClusterService service;
  const auto refused = Server::start({.address = address->str()}, {&service});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, boost::system::errc::address_in_use);
  ::close(held);
}

TEST(RpcChannel, UnreachableEndpointFailsWithUnavailable) {
  const auto free = check_listen_address("127.0.0.1:0", "--x");
  EXPECT_EQ(get_status(free->str(), Secret()).status.error_code(), grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace weir::rpc
