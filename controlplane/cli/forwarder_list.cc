// weirctl forwarder list
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"

namespace weir::cli {
namespace {

int forwarder_list(Context& context) {
  api::ListForwardersRequest request;
  api::ListForwardersResponse all;
  const grpc::Status status = read_pages(
      context.client, request, all,
      [](const auto& channel, auto& call, const auto& page_request, auto& page) {
        return api::ForwarderService::NewStub(channel)->ListForwarders(&call, page_request, &page);
      });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) {
    context.out << to_text(context.output, all);
    return 0;
  }
  context.out << forwarder_table(all, context.output == Output::kWide, context.clock.wall_now());
  return 0;
}

}  // namespace

void add_forwarder_list(CLI::App& noun, Action& action) {
  noun.add_subcommand("list", "every forwarder")->callback([&action] { action = forwarder_list; });
}

}  // namespace weir::cli
