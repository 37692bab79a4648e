// weirctl token create
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct TokenCreateArguments {
  std::string role;
  std::string note;
};

int token_create(const TokenCreateArguments& arguments, Context& context) {
  api::CreateTokenRequest request;
  api::Role role = api::ROLE_UNSPECIFIED;
  for (int value = api::Role_MIN; value <= api::Role_MAX; ++value) {
    if (word(static_cast<api::Role>(value)) == arguments.role) role = static_cast<api::Role>(value);
  }
  request.set_role(role);
  request.set_note(arguments.note);
  api::CreateTokenResponse answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ClusterService::NewStub(channel)->CreateToken(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? token_facts(answer) : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_token_create(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<TokenCreateArguments>();
  CLI::App* const command = noun.add_subcommand("create", "makes a token and shows it this once");
  command->add_option("ROLE", arguments->role, "forwarder, agent, viewer, operator or scheduler")
      ->check(
          CLI::IsMember({"forwarder", "agent", "viewer", "operator", "scheduler"}).description(""))
      ->required();
  command->add_option("--note", arguments->note, "who uses it where, for people");
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return token_create(*arguments, context); };
  });
}

}  // namespace weir::cli
