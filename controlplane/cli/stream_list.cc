// weirctl stream list
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/placement_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct StreamListArguments {
  std::string origin;
};

int stream_list(const StreamListArguments& arguments, Context& context) {
  api::ListStreamsRequest request;
  request.set_origin(arguments.origin);
  api::ListStreamsResponse all;
  const grpc::Status status = read_pages(
      context.client, request, all,
      [](const auto& channel, auto& call, const auto& page_request, auto& page) {
        return api::PlacementService::NewStub(channel)->ListStreams(&call, page_request, &page);
      });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) {
    context.out << to_text(context.output, all);
    return 0;
  }
  context.out << stream_table(all, context.output == Output::kWide, context.clock.wall_now());
  return 0;
}

}  // namespace

void add_stream_list(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<StreamListArguments>();
  CLI::App* const command = noun.add_subcommand("list", "every placed stream");
  command->add_option("--origin", arguments->origin, "only streams placed on this origin");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return stream_list(*arguments, context); };
  });
}

}  // namespace weir::cli
