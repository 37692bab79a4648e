// weirctl policy apply
#include "controlplane/cli/policy_apply.h"

#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {

int check_policy_file(Context& context, const std::string& file, PolicyFileContent& content,
                      std::vector<api::ValidatePolicyResponse>& answers) {
  auto read = read_policy_file(file);
  if (!read) return misuse(context, read.error().message);
  content = std::move(*read);
  for (const std::string& complaint : content.complaints) context.err << complaint << '\n';
  if (!content.complaints.empty()) return kExitUsage;
  for (std::size_t at = 0; at < content.policies.size(); ++at) {
    api::ValidatePolicyRequest request;
    *request.mutable_policy() = content.policies[at];
    api::ValidatePolicyResponse& answer = answers.emplace_back();
    const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
      return api::ClusterService::NewStub(channel)->ValidatePolicy(&call, request, &answer);
    });
    if (status.error_code() == grpc::INVALID_ARGUMENT) {
      context.err << content.where[at] << ": " << status.error_message() << '\n';
      return kExitUsage;
    }
    if (!status.ok()) return fail(context, status);
  }
  return kExitDone;
}

namespace {

struct PolicyApplyArguments {
  std::string file;
};

int policy_apply(const PolicyApplyArguments& arguments, Context& context) {
  PolicyFileContent content;
  std::vector<api::ValidatePolicyResponse> checked;
  // Nothing is applied by halves: everything is right before the first is put.
  if (const int code = check_policy_file(context, arguments.file, content, checked)) return code;
  api::ListPoliciesResponse applied;
  for (std::size_t at = 0; at < content.policies.size(); ++at) {
    if (!checked[at].changes()) {
      *applied.add_policies() = checked[at].policy();
      if (is_table(context.output)) context.out << checked[at].policy().name() << " unchanged\n";
      continue;
    }
    api::PutPolicyRequest request;
    *request.mutable_policy() = content.policies[at];
    const grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
      return api::ClusterService::NewStub(channel)->PutPolicy(&call, request,
                                                              applied.add_policies());
    });
    if (!status.ok()) return fail(context, status);
    if (is_table(context.output)) context.out << content.policies[at].name() << " changed\n";
  }
  if (!is_table(context.output)) context.out << to_text(context.output, applied);
  return kExitDone;
}

}  // namespace

void add_policy_apply(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<PolicyApplyArguments>();
  CLI::App* const command =
      noun.add_subcommand("apply", "puts the policies of a file; others stay as they are");
  command
      ->add_option("-f,--file", arguments->file,
                   "YAML as policy export writes it; - = standard input")
      ->type_name("FILE")
      ->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return policy_apply(*arguments, context); };
  });
}

}  // namespace weir::cli
