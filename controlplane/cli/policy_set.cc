// weirctl policy set
#include <ostream>

#include <CLI/CLI.hpp>

#include "common/config/field.h"
#include "controlplane/cli/commands.h"
#include "controlplane/cli/policy_file.h"
#include "controlplane/cli/printers.h"
#include "weir/control/v1/cluster_service.grpc.pb.h"

namespace weir::cli {
namespace {

struct PolicySetArguments {
  std::vector<std::string> rules;
};

/// What is wrong with `rule`; empty = it is set.
std::string set_rule(const std::string& rule, config::v1::PolicyEntry& entry) {
  const std::size_t equals = rule.find('=');
  if (equals == std::string::npos) return rule + ": write RULE=VALUE, or RULE= to leave it out";
  const std::string key = rule.substr(0, equals);
  const std::string value = rule.substr(equals + 1);
  config::Complaint complaint;
  const auto* field = config::find_field(entry, key, complaint);
  if (field == nullptr || key == "name") {
    return key + ": is not known; allowed: second_publisher, adopt, " +
           "default_stream_bits_per_second, default_origin_streams";
  }
  if (value.empty()) {
    entry.GetReflection()->ClearField(&entry, field);
    return {};
  }
  complaint = config::set_scalar(entry, *field, value);
  return complaint ? key + ": " + *complaint : std::string();
}

int policy_set(const PolicySetArguments& arguments, Context& context) {
  api::GetPolicyRequest get;
  get.set_name("policies/default");
  api::Policy policy;
  grpc::Status status = context.client.call([&](const auto& channel, auto& call) {
    return api::ClusterService::NewStub(channel)->GetPolicy(&call, get, &policy);
  });
  if (!status.ok()) return fail(context, status);
  auto entry = to_entry(policy);
  for (const std::string& rule : arguments.rules) {
    if (const std::string wrong = set_rule(rule, entry); !wrong.empty()) {
      return misuse(context, wrong);
    }
  }
  api::PutPolicyRequest request;
  *request.mutable_policy() = to_policy(entry);
  // Somebody else's change in between is not undone by this one.
  request.mutable_policy()->set_etag(policy.etag().empty() ? "0.0" : policy.etag());
  api::Policy answer;
  status = context.client.call([&](const auto& channel, auto& call) {
    return api::ClusterService::NewStub(channel)->PutPolicy(&call, request, &answer);
  });
  if (!status.ok()) return fail(context, status);
  context.out << (is_table(context.output) ? policy_facts(answer, context.clock.wall_now())
                                           : to_text(context.output, answer));
  return 0;
}

}  // namespace

void add_policy_set(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<PolicySetArguments>();
  CLI::App* const command =
      noun.add_subcommand("set", "changes rules of the cluster's policy; others stay");
  command->add_option("RULES", arguments->rules, "RULE=VALUE, or RULE= to leave it as configured")
      ->type_name("RULE=VALUE")
      ->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return policy_set(*arguments, context); };
  });
}

}  // namespace weir::cli
