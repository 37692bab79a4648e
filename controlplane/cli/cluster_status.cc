// weirctl cluster status
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

int cluster_status(Context& context) {
  api::ClusterStatus answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ClusterService::NewStub(channel)->GetClusterStatus(&call, {}, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? cluster_facts(answer)
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_cluster_status(CLI::App& noun, Action& action) {
  noun.add_subcommand("status", "the cluster at a glance")->callback([&action] {
    action = cluster_status;
  });
}

}  // namespace weir::cli
