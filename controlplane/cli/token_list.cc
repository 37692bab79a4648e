// weirctl token list
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

int token_list(Context& context) {
  api::ListTokensResponse list;
  const grpc::Status status =
      read_pages(context.client, api::ListTokensRequest(), list,
                 [](const auto& channel, auto& call, const auto& request, auto& page) {
                   return api::ClusterService::NewStub(channel)->ListTokens(&call, request, &page);
                 });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? token_table(list, context.clock.wall_now())
                                           : to_text(context.output, list));
  return 0;
}

}  // namespace

void add_token_list(CLI::App& noun, Action& action) {
  CLI::App* const command = noun.add_subcommand("list", "tokens, without their text");
  command->callback([&action] { action = token_list; });
}

}  // namespace weir::cli
