// weirctl session kick
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/forwarder_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct SessionKickArguments {
  std::string session;
  std::string reason;
};

int session_kick(const SessionKickArguments& arguments, Context& context) {
  api::KickSessionRequest request;
  request.set_name("sessions/" + arguments.session);
  request.set_reason(arguments.reason);
  api::KickSessionResponse answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ForwarderService::NewStub(channel)->KickSession(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) {
    context.out << to_text(context.output, answer);
    return 0;
  }
  context.out << "session " << answer.session().id() << " of " << answer.session().stream()
              << " at forwarder " << answer.session().forwarder() << " was ended\n";
  return 0;
}

}  // namespace

void add_session_kick(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<SessionKickArguments>();
  CLI::App* const command = noun.add_subcommand("kick", "ends a client session");
  command->add_option("SESSION", arguments->session, "session id")->required();
  command->add_option("--reason", arguments->reason, "for the event");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return session_kick(*arguments, context); };
  });
}

}  // namespace weir::cli
