// weirctl forwarder get
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct ForwarderGetArguments {
  std::string forwarder;
};

int forwarder_get(const ForwarderGetArguments& arguments, Context& context) {
  api::GetForwarderRequest request;
  request.set_name("forwarders/" + arguments.forwarder);
  api::Forwarder answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ForwarderService::NewStub(channel)->GetForwarder(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? forwarder_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_forwarder_get(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<ForwarderGetArguments>();
  CLI::App* const command = noun.add_subcommand("get", "one forwarder");
  command->add_option("FORWARDER", arguments->forwarder, "forwarder id")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return forwarder_get(*arguments, context); };
  });
}

}  // namespace weir::cli
