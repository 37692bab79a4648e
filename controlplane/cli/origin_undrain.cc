// weirctl origin undrain
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct OriginUndrainArguments {
  std::string origin;
};

int origin_undrain(const OriginUndrainArguments& arguments, Context& context) {
  api::UndrainOriginRequest request;
  request.set_name("origins/" + arguments.origin);
  api::Origin answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::OriginService::NewStub(channel)->UndrainOrigin(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? origin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_origin_undrain(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<OriginUndrainArguments>();
  CLI::App* const command = noun.add_subcommand("undrain", "takes the mark of a drain back");
  command->add_option("ORIGIN", arguments->origin, "origin id")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_undrain(*arguments, context); };
  });
}

}  // namespace weir::cli
