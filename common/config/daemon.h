#pragma once
// Start of a daemon: flags, YAML file and --set into one message of weir.config.v1.
//
// Purpose: defaults < file < --set < flags. Every complaint names where (`file:line: key` or the
// flag), what is wrong and what is allowed. What only ends the process (--help, --version,
// --check-config, an error) is done and printed here. Threading: call once, from main, before other
// threads exist. Lifetime: values.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/listen_address.h"
#include "common/base/result.h"
#include "common/base/secret.h"

namespace google::protobuf {
class Message;
}
namespace weir::config::v1 {
class CommonConfig;
}

namespace weir::config {

/// Exit codes of every daemon (docs/operations/errors.md).
enum ExitCode : int {
  kExitStopped = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitAddressInUse = 3,
  kExitCredentialsMissing = 4,
};

/// A flag that stands for a configuration key.
struct Flag {
  enum class Kind {
    kValue,    ///< one text
    kSwitch,   ///< no value: true
    kList,     ///< comma-separated, replaces the list
    kMessage,  ///< repeatable `key=value,…`: each appends one message to the list
  };
  std::string name;  ///< with dashes
  std::string key;   ///< path of the field
  std::string value_name;
  std::string help;
  Kind kind = Kind::kValue;
};

/// What one daemon adds to the common flags.
struct DaemonSpec {
  std::string name;     ///< of the binary
  std::string summary;  ///< one line of --help
  std::vector<Flag> flags;
  /// Defaults that differ between daemons: path and YAML text.
  std::vector<std::pair<std::string, std::string>> defaults;
};

DaemonSpec controlplane_spec();
DaemonSpec forwarder_spec();
DaemonSpec origin_agent_spec();

/// Fills `config` (of the daemon's message type). A value means: the process ends now with it, all
/// has been printed. Logging is configured from the result. `check`: what the rules of fields
/// cannot tell; asked once `config` is filled, for --check-config, too.
std::optional<int> load(const DaemonSpec& spec, const std::string& version, int argc,
                        const char* const* argv, google::protobuf::Message& config,
                        const std::function<Result<void>()>& check = {});

/// First line of the token file of `common`; empty when none is configured. Errors name the file.
Result<Secret> read_token(const v1::CommonConfig& common);

/// Creates `common.state_dir` where needed and checks that it can be written; nothing when empty.
Result<void> prepare_state_dir(const v1::CommonConfig& common);

/// Exit code for an error of starting up: address_in_use = 3, operation_not_permitted = 4,
/// invalid_argument = 2, else 1.
int exit_code_of(const Error& error);

}  // namespace weir::config
