// weirctl stream explain: why a stream landed where it did.
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/explain.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {

int run_explain(const api::ExplainPlacementRequest& request, Context& context) {
  api::ExplainPlacementResponse answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::PlacementService::NewStub(channel)->ExplainPlacement(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? explanation(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

void add_stream_explain(CLI::App& noun, Action& action) {
  auto stream = std::make_shared<std::string>();
  CLI::App* const command = noun.add_subcommand("explain", "why a stream is where it is");
  command->add_option("STREAM", *stream, "app/stream or vhost/app/stream")->required();
  command->callback([&action, stream] {
    action = [stream](Context& context) {
      const auto key = stream_key_of(*stream);
      if (!key) return misuse(context, key.error().message);
      api::ExplainPlacementRequest request;
      request.set_stream(*key);
      return run_explain(request, context);
    };
  });
}

}  // namespace weir::cli
