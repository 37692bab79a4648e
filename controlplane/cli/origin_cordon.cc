// weirctl origin cordon
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct OriginCordonArguments {
  std::string origin;
  std::string reason;
};

int origin_cordon(const OriginCordonArguments& arguments, Context& context) {
  api::CordonOriginRequest request;
  request.set_name("origins/" + arguments.origin);
  request.set_reason(arguments.reason);
  api::Origin answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::OriginService::NewStub(channel)->CordonOrigin(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? origin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_origin_cordon(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<OriginCordonArguments>();
  CLI::App* const command =
      noun.add_subcommand("cordon", "no new placements on an origin; running streams stay");
  command->add_option("ORIGIN", arguments->origin, "origin id")->required();
  command->add_option("--reason", arguments->reason, "why, for people");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_cordon(*arguments, context); };
  });
}

}  // namespace weir::cli
