// weirctl origin weight
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct OriginWeightArguments {
  std::string origin;
  double weight = 1;
};

int origin_weight(const OriginWeightArguments& arguments, Context& context) {
  api::SetOriginWeightRequest request;
  request.set_name("origins/" + arguments.origin);
  request.set_weight(arguments.weight);
  api::Origin answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::OriginService::NewStub(channel)->SetOriginWeight(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? origin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_origin_weight(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<OriginWeightArguments>();
  CLI::App* const command =
      noun.add_subcommand("weight", "how much an origin takes beside the others");
  command->add_option("ORIGIN", arguments->origin, "origin id")->required();
  command->add_option("WEIGHT", arguments->weight, "0.01 to 100; 1 = as every other")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_weight(*arguments, context); };
  });
}

}  // namespace weir::cli
