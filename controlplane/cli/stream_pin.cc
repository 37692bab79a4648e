// weirctl stream pin
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct StreamPinArguments {
  std::string stream;
  std::string origin;
};

int stream_pin(const StreamPinArguments& arguments, Context& context) {
  const auto key = stream_key_of(arguments.stream);
  if (!key) return misuse(context, key.error().message);
  api::PinStreamRequest request;
  request.set_name("streams/" + *key);
  request.set_origin(arguments.origin);
  api::PinStreamResponse answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::PlacementService::NewStub(channel)->PinStream(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? pin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_stream_pin(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<StreamPinArguments>();
  CLI::App* const command =
      noun.add_subcommand("pin", "from now on a stream is placed on one origin only");
  command->add_option("STREAM", arguments->stream, "app/stream or vhost/app/stream")->required();
  command->add_option("ORIGIN", arguments->origin, "origin id")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return stream_pin(*arguments, context); };
  });
}

}  // namespace weir::cli
