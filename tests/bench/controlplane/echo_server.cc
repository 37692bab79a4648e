// The peer of every RPC figure: a handler that answers with the text it was sent, at once, on
// gRPC's own thread.

#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "common/rpc/server.h"
#include "tests/bench/controlplane/modes.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::bench {
namespace {

class Echo final : public control::v1::PlacementService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetStream(grpc::CallbackServerContext* context,
                                      const control::v1::GetStreamRequest* request,
                                      control::v1::Stream* response) override {
    auto* reactor = context->DefaultReactor();
    response->set_name(request->name());
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

int run_echo_server(const Flags& flags) {
  Echo echo;
  rpc::ServerOptions options;
  options.address = flags.text("listen", "127.0.0.1:0");
  auto server = rpc::Server::start(std::move(options), {&echo});
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("echo ready grpc=%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  int signal = 0;
  sigwait(&stop, &signal);
  return 0;
}

}  // namespace weir::bench
