// weirctl policy export
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/paging.h"
#include "controlplane/cli/policy_file.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

int policy_export(Context& context) {
  api::ListPoliciesResponse list;
  const grpc::Status status = read_pages(
      context.client, api::ListPoliciesRequest(), list,
      [](const auto& channel, auto& call, const auto& request, auto& page) {
        return api::ClusterService::NewStub(channel)->ListPolicies(&call, request, &page);
      });
  if (!status.ok()) return fail(context, status);
  // A file that lacks policies which are only not restored yet would be a trap.
  if (!list.records_known()) {
    context.err << "weirctl: the store lost its policies and not all are known to be back; try "
                   "again when 'weirctl cluster status' does not say so any more\n";
    return kExitRefusedByState;
  }
  context.out << (context.output == Output::kJson ? to_json(list) : policies_yaml(list));
  return 0;
}

}  // namespace

void add_policy_export(CLI::App& noun, Action& action) {
  CLI::App* const command =
      noun.add_subcommand("export", "every stored policy, as policy apply reads it");
  command->callback([&action] { action = policy_export; });
}

}  // namespace weir::cli
