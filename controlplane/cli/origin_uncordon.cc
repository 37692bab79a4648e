// weirctl origin uncordon
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct OriginUncordonArguments {
  std::string origin;
};

int origin_uncordon(const OriginUncordonArguments& arguments, Context& context) {
  api::UncordonOriginRequest request;
  request.set_name("origins/" + arguments.origin);
  api::Origin answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::OriginService::NewStub(channel)->UncordonOrigin(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? origin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_origin_uncordon(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<OriginUncordonArguments>();
  CLI::App* const command = noun.add_subcommand("uncordon", "takes a cordon back");
  command->add_option("ORIGIN", arguments->origin, "origin id")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_uncordon(*arguments, context); };
  });
}

}  // namespace weir::cli
