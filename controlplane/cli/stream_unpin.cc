// weirctl stream unpin
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct StreamUnpinArguments {
  std::string stream;
};

int stream_unpin(const StreamUnpinArguments& arguments, Context& context) {
  const auto key = stream_key_of(arguments.stream);
  if (!key) return misuse(context, key.error().message);
  api::UnpinStreamRequest request;
  request.set_name("streams/" + *key);
  api::UnpinStreamResponse answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::PlacementService::NewStub(channel)->UnpinStream(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) context.out << to_text(context.output, answer);
  return 0;
}

}  // namespace

void add_stream_unpin(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<StreamUnpinArguments>();
  CLI::App* const command = noun.add_subcommand("unpin", "takes the pin of a stream back");
  command->add_option("STREAM", arguments->stream, "app/stream or vhost/app/stream")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return stream_unpin(*arguments, context); };
  });
}

}  // namespace weir::cli
