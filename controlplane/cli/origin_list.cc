// weirctl origin list
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

int origin_list(Context& context) {
  api::ListOriginsRequest request;
  api::ListOriginsResponse all;
  const grpc::Status status = read_pages(
      context.client, request, all,
      [](const auto& channel, auto& call, const auto& page_request, auto& page) {
        return api::OriginService::NewStub(channel)->ListOrigins(&call, page_request, &page);
      });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) {
    context.out << to_text(context.output, all);
    return 0;
  }
  context.out << origin_table(all, context.output == Output::kWide, context.clock.wall_now());
  return 0;
}

}  // namespace

void add_origin_list(CLI::App& noun, Action& action) {
  noun.add_subcommand("list", "every origin")->callback([&action] { action = origin_list; });
}

}  // namespace weir::cli
