// weirctl token revoke
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/printers.h"
#include "controlplane/cli/text.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct TokenRevokeArguments {
  std::string token;
};

int token_revoke(const TokenRevokeArguments& arguments, Context& context) {
  api::RevokeTokenRequest request;
  request.set_name("tokens/" + arguments.token);
  api::RevokeTokenResponse answer;
  const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ClusterService::NewStub(channel)->RevokeToken(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  if (!is_table(context.output)) context.out << to_text(context.output, answer);
  return 0;
}

}  // namespace

void add_token_revoke(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<TokenRevokeArguments>();
  CLI::App* const command = noun.add_subcommand("revoke", "ends a token for good");
  command->add_option("TOKEN", arguments->token, "token id, as token list shows it")->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return token_revoke(*arguments, context); };
  });
}

}  // namespace weir::cli
