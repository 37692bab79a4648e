#include "common/rpc/server.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "common/base/listen_address.h"
#include "common/rpc/limits.h"
#include "common/rpc/token_credentials.h"

namespace weir::rpc {
namespace {

/// Both are switches of the whole process in gRPC and act on servers built afterwards.
void enable_plugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

}  // namespace

struct Server::State {
  std::unique_ptr<grpc::Server> server;
  std::string address;
  bool stopped = false;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() {
  shutdown(Duration::zero());
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options,
                                              const std::vector<grpc::Service*>& services) {
  if (!is_loopback_listener(options.address) && options.token.empty() && !options.insecure)
    return make_error(
        boost::system::errc::operation_not_permitted,
        fmt::format(
            "{} {} can be reached from other machines: give --token-file FILE, or --insecure "
            "to allow everybody, or listen on 127.0.0.1",
            options.flag, options.address));
  // gRPC says only that it failed; this says why, and finds holders that share their port.
  const auto free = check_listen_address(options.address, options.flag);
  if (!free) return free.error();

  enable_plugins();
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kConcurrentStreamsMax);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  int port = 0;
  builder.AddListeningPort(free->str(), make_token_credentials(std::move(options.token)), &port);
  for (grpc::Service* service : services) builder.RegisterService(service);

  auto state = std::make_unique<State>();
  state->server = builder.BuildAndStart();
  if (!state->server || port == 0) return listen_error(EADDRINUSE, options.address, options.flag);
  state->address = free->str();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

const std::string& Server::address() const {
  return state_->address;
}

void Server::set_serving(bool serving) {
  state_->server->GetHealthCheckService()->SetServingStatus(serving);
}

void Server::shutdown(Duration grace) {
  if (std::exchange(state_->stopped, true)) return;
  state_->server->Shutdown(std::chrono::system_clock::now() + grace);
  state_->server->Wait();
}

}  // namespace weir::rpc
