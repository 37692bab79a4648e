#include "controlplane/cli/weirctl.h"

#include <ostream>

#include <CLI/CLI.hpp>

#include "common/base/listen_address.h"
#include "common/base/secret_file.h"
#include "controlplane/cli/commands.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/limits.h"
#include "controlplane/cli/text.h"

namespace weir::cli {
namespace {

struct Globals {
  std::vector<std::string> endpoints{"127.0.0.1:7400"};
  std::string token_file;
  std::string output = "table";
  std::string timeout = "5s";
};

void declare_globals(CLI::App& app, Globals& globals, const std::string& version) {
  app.set_version_flag("--version", "weirctl " + version);
  app.add_option("--endpoint", globals.endpoints, "control-plane replicas (127.0.0.1:7400)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A[,A]");
  app.add_option("--token-file", globals.token_file, "file whose first line is the shared token")
      ->type_name("FILE");
  app.add_option("-o,--output", globals.output, "table, wide, json or yaml (table)")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml"}).description(""))
      ->type_name("FORM");
  app.add_option("--timeout", globals.timeout, "for the whole command (5s)")->type_name("DURATION");
}

CLI::App& add_noun(CLI::App& app, const char* name, const char* help) {
  CLI::App& noun = *app.add_subcommand(name, help);
  noun.require_subcommand(1);
  return noun;
}

void declare_commands(CLI::App& app, Action& action) {
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand behind the command; subcommands inherit it
  CLI::App& cluster = add_noun(app, "cluster", "the cluster as a whole");
  add_cluster_status(cluster, action);
  CLI::App& origin = add_noun(app, "origin", "media servers");
  add_origin_list(origin, action);
  add_origin_get(origin, action);
  add_origin_top(origin, action);
  add_origin_register(origin, action);
  add_origin_cordon(origin, action);
  add_origin_uncordon(origin, action);
  add_origin_drain(origin, action);
  add_origin_undrain(origin, action);
  add_origin_weight(origin, action);
  CLI::App& stream = add_noun(app, "stream", "streams and where they live");
  add_stream_list(stream, action);
  add_stream_get(stream, action);
  add_stream_explain(stream, action);
  add_stream_pin(stream, action);
  add_stream_unpin(stream, action);
  CLI::App& forwarder = add_noun(app, "forwarder", "relay processes");
  add_forwarder_list(forwarder, action);
  add_forwarder_get(forwarder, action);
  CLI::App& session = add_noun(app, "session", "client sessions");
  add_session_list(session, action);
  add_session_kick(session, action);
  add_place(app, action);
  CLI::App& policy = add_noun(app, "policy", "rules for the whole cluster");
  add_policy_get(policy, action);
  add_policy_set(policy, action);
  add_policy_validate(policy, action);
  add_policy_export(policy, action);
  add_policy_apply(policy, action);
  CLI::App& token = add_noun(app, "token", "credentials for the API");
  add_token_create(token, action);
  add_token_revoke(token, action);
  add_token_list(token, action);
  CLI::App& event = add_noun(app, "event", "what happened and happens");
  add_event_watch(event, action);
}

int usage_error(std::ostream& err, const std::string& what) {
  err << "weirctl: " << what << "\n";
  return kExitUsage;
}

/// CLI11 only says that a subcommand is missing: this names the word that is none, and those there
/// are. Nothing for a command that has no subcommands.
std::string command_mistake(const CLI::App& app) {
  const CLI::App* noun = &app;
  while (!noun->get_subcommands().empty()) noun = noun->get_subcommands().front();
  std::string there;
  for (const CLI::App* known : noun->get_subcommands([](const CLI::App*) { return true; }))
    there += " " + known->get_name();
  if (there.empty()) return {};
  const std::string where = noun == &app ? "" : noun->get_name();
  for (const std::string& word : app.remaining(true)) {
    if (word.starts_with('-')) continue;
    return "unknown command '" + word.substr(0, kWordShownMax) + "'" +
           (where.empty() ? "" : " for '" + where + "'") + "; there are:" + there;
  }
  return (where.empty() ? "a command" : "a command of '" + where + "'") +
         " is missing; there are:" + there;
}

int run_action(const Globals& globals, const Action& action, std::ostream& out, std::ostream& err) {
  for (const std::string& endpoint : globals.endpoints) {
    const auto parsed = parse_host_port(endpoint);
    if (!parsed) return usage_error(err, "--endpoint: " + parsed.error().message);
    if (parsed->host.empty() || parsed->port == 0)
      return usage_error(err, "--endpoint: '" + endpoint + "' cannot be dialled; write host:port");
  }
  const auto timeout = parse_duration(globals.timeout);
  if (!timeout || timeout->count() == 0 || *timeout > kTimeoutMax)
    return usage_error(err, "--timeout " + globals.timeout + ": write a duration from 1ms to 1h");
  Secret token;
  if (!globals.token_file.empty()) {
    auto read = read_secret_file(globals.token_file, "--token-file");
    if (!read) {
      err << "weirctl: " << read.error().message << '\n';
      return kExitNotAuthorised;
    }
    token = std::move(*read);
  }
  Client client(globals.endpoints, token, *timeout);
  const SystemClock clock;
  Context context{client, *parse_output(globals.output), clock, out, err};
  return action(context);
}

}  // namespace

int fail(Context& context, const grpc::Status& status) {
  context.err << explain_failure(status, context.client.where()) << '\n';
  return exit_code_of(status);
}

int misuse(Context& context, const std::string& what) {
  return usage_error(context.err, what);
}

int run(int argc, const char* const* argv, const std::string& version, std::ostream& out,
        std::ostream& err) {
  CLI::App app("Weir's command line: looks at and steers a cluster.", "weirctl");
  Globals globals;
  Action action;
  declare_globals(app, globals, version);
  declare_commands(app, action);
  // CLI11 reports by exceptions; they end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    const std::string mistake = command_mistake(app);
    if (!mistake.empty()) return usage_error(err, mistake);
    return app.exit(error, out, err) == 0 ? kExitDone : kExitUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? kExitDone : kExitUsage;
  }
  return run_action(globals, action, out, err);
}

}  // namespace weir::cli
