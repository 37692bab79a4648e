#pragma once
// The commands of weirctl: each file adds one to the command line; the one chosen runs after
// parsing.
//
// Threading: one thread. Lifetime: the Context outlives the CLI::App; commands keep their arguments
// in shared state owned by their callback.

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/output.h"

namespace CLI {
class App;
}

namespace weir::cli {

/// What every command gets.
struct Context {
  Client& client;
  Output output;
  const Clock& clock;
  std::ostream& out;
  std::ostream& err;
};

/// A command's work; the exit code.
using Action = std::function<int(Context&)>;

/// Says why a call failed, on `err`; the exit code for it.
int fail(Context& context, const grpc::Status& status);
/// Says what is wrong with an argument; the exit code for it.
int misuse(Context& context, const std::string& what);

// Each sets `action` when its command is chosen.
void add_cluster_status(CLI::App& noun, Action& action);
void add_origin_list(CLI::App& noun, Action& action);
void add_origin_get(CLI::App& noun, Action& action);
void add_origin_top(CLI::App& noun, Action& action);
void add_origin_register(CLI::App& noun, Action& action);
void add_origin_cordon(CLI::App& noun, Action& action);
void add_origin_uncordon(CLI::App& noun, Action& action);
void add_origin_drain(CLI::App& noun, Action& action);
void add_origin_undrain(CLI::App& noun, Action& action);
void add_origin_weight(CLI::App& noun, Action& action);
void add_stream_list(CLI::App& noun, Action& action);
void add_stream_get(CLI::App& noun, Action& action);
void add_stream_explain(CLI::App& noun, Action& action);
void add_stream_pin(CLI::App& noun, Action& action);
void add_stream_unpin(CLI::App& noun, Action& action);
void add_forwarder_list(CLI::App& noun, Action& action);
void add_forwarder_get(CLI::App& noun, Action& action);
void add_session_list(CLI::App& noun, Action& action);
void add_session_kick(CLI::App& noun, Action& action);
void add_place(CLI::App& root, Action& action);
void add_policy_get(CLI::App& noun, Action& action);
void add_policy_set(CLI::App& noun, Action& action);
void add_policy_validate(CLI::App& noun, Action& action);
void add_policy_export(CLI::App& noun, Action& action);
void add_policy_apply(CLI::App& noun, Action& action);
void add_token_create(CLI::App& noun, Action& action);
void add_token_revoke(CLI::App& noun, Action& action);
void add_token_list(CLI::App& noun, Action& action);
void add_event_watch(CLI::App& noun, Action& action);

}  // namespace weir::cli
