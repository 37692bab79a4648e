// weirctl origin drain
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct OriginDrainArguments {
  std::string origin;
  std::string reason;
  std::string within;
};

int origin_drain(const OriginDrainArguments& arguments, Context& context) {
  api::DrainOriginRequest request;
  request.set_name("origins/" + arguments.origin);
  request.set_reason(arguments.reason);
  if (!arguments.within.empty()) {
    const auto allowed = parse_duration(arguments.within);
    if (!allowed)
      return misuse(context, "--within " + arguments.within + ": write 90s, 5m, 2h, 1d");
    request.mutable_time_allowed()->set_seconds(allowed->count() / 1000);
    request.mutable_time_allowed()->set_nanos(static_cast<int>(allowed->count() % 1000) *
                                              1'000'000);
  }
  api::Origin answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::OriginService::NewStub(channel)->DrainOrigin(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? origin_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_origin_drain(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<OriginDrainArguments>();
  CLI::App* const command =
      noun.add_subcommand("drain", "an origin shall run empty: no new placements");
  command->add_option("ORIGIN", arguments->origin, "origin id")->required();
  command->add_option("--reason", arguments->reason, "why, for people");
  command->add_option("--within", arguments->within, "how long its streams may stay; a mark only")
      ->type_name("DURATION");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return origin_drain(*arguments, context); };
  });
}

}  // namespace weir::cli
