// weirctl policy validate
#include <ostream>

#include <CLI/CLI.hpp>

#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/policy_apply.h"

namespace weir::cli {
namespace {

struct PolicyValidateArguments {
  std::string file;
};

int policy_validate(const PolicyValidateArguments& arguments, Context& context) {
  PolicyFileContent content;
  std::vector<api::ValidatePolicyResponse> answers;
  if (const int code = check_policy_file(context, arguments.file, content, answers)) return code;
  for (const auto& answer : answers) {
    if (!is_table(context.output)) {
      context.out << to_text(context.output, answer);
    } else {
      context.out << answer.policy().name()
                  << (answer.changes() ? " is right and would change\n"
                                       : " is right and would not change\n");
    }
  }
  return kExitDone;
}

}  // namespace

void add_policy_validate(CLI::App& noun, Action& action) {
  auto arguments = std::make_shared<PolicyValidateArguments>();
  CLI::App* const command =
      noun.add_subcommand("validate", "checks a file of policies; changes nothing");
  command
      ->add_option("-f,--file", arguments->file,
                   "YAML as policy export writes it; - = standard input")
      ->type_name("FILE")
      ->required();
  command->callback([&action, arguments] {
    action = [arguments](Context& context) { return policy_validate(*arguments, context); };
  });
}

}  // namespace weir::cli
