// weirctl policy get
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct PolicyGetArguments {
  std::string name = "default";
};

int policy_get(const PolicyGetArguments& arguments, Context& context) {
  api::GetPolicyRequest request;
  request.set_name("policies/" + arguments.name);
  api::Policy answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ClusterService::NewStub(channel)->GetPolicy(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? policy_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_policy_get(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<PolicyGetArguments>();
  CLI::App* const command = noun.add_subcommand("get", "a policy, and what it puts in force");
  command->add_option("NAME", arguments->name, "policy (default)");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return policy_get(*arguments, context); };
  });
}

}  // namespace weir::cli
