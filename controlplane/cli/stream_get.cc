// weirctl stream get
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct StreamGetArguments {
  std::string stream;
};

int stream_get(const StreamGetArguments& arguments, Context& context) {
  const auto key = stream_key_of(arguments.stream);
  if (!key) return misuse(context, key.error().message);
  api::GetStreamRequest request;
  request.set_name("streams/" + *key);
  api::Stream answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::PlacementService::NewStub(channel)->GetStream(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? stream_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_stream_get(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<StreamGetArguments>();
  CLI::App* const command = noun.add_subcommand("get", "one placed stream");
  command->add_option("STREAM", arguments->stream, "app/stream or vhost/app/stream")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return stream_get(*arguments, context); };
  });
}

}  // namespace weir::cli
