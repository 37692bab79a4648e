#include "common/config/daemon.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "common/base/contract.h"
#include "common/base/secret_file.h"
#include "common/config/field.h"
#include "common/config/yaml.h"
#include "common/telemetry/log.h"

namespace weir::config {
namespace {

/// What the command line held, not yet interpreted.
struct CommandLine {
  std::string config_file;
  std::vector<std::string> sets;
  bool check_config = false;
  std::map<std::string, std::vector<std::string>> values;  ///< by flag name, in order
};

std::vector<Flag> all_flags(const DaemonSpec& spec) {
  std::vector<Flag> flags = spec.flags;
  const auto add = [&](std::string name, std::string key, std::string value, std::string help,
                       Flag::Kind kind = Flag::Kind::kValue) {
    flags.push_back(
        {std::move(name), "common." + std::move(key), std::move(value), std::move(help), kind});
  };
  add("--admin", "admin", "ADDR", "HTTP listener for /metrics, /livez, /readyz");
  add("--state-dir", "state_dir", "DIR", "directory for state that survives a restart");
  add("--token-file", "token_file", "FILE", "file whose first line is the shared token");
  add("--insecure", "insecure", "", "allow listeners beyond loopback without a token",
      Flag::Kind::kSwitch);
  add("--log-format", "log_format", "text|json", "form of log lines (text)");
  add("--log-level", "log_level", "LEVEL", "trace, debug, info, warning or error (info)");
  return flags;
}

/// Declares every flag on `app`; parsing fills `line`, which must stay where it is.
void declare(CLI::App& app, const DaemonSpec& spec, const std::string& version, CommandLine& line) {
  app.add_option("--config", line.config_file, "configuration file (YAML)")->type_name("FILE");
  app.add_option("--set", line.sets, "sets one configuration key; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--check-config", line.check_config, "check, print what is in effect, and end");
  app.set_version_flag("--version", fmt::format("{} {}", spec.name, version));
  for (const Flag& flag : all_flags(spec)) {
    std::vector<std::string>& values = line.values[flag.name];
    if (flag.kind == Flag::Kind::kSwitch) {
      app.add_flag_callback(flag.name, [&values] { values.assign({"true"}); }, flag.help);
    } else {
      CLI::Option* const option = app.add_option(flag.name, values, flag.help)
                                      ->type_name(flag.value_name)
                                      ->allow_extra_args(false);
      if (flag.kind != Flag::Kind::kMessage) option->expected(1);
    }
  }
}

/// CLI11 reports by exceptions; they end here.
std::optional<int> parse(const DaemonSpec& spec, const std::string& version, int argc,
                         const char* const* argv, CommandLine& line) {
  CLI::App app(spec.summary, spec.name);
  declare(app, spec, version, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return kExitStopped;
  } catch (const CLI::CallForVersion& request) {
    fmt::print("{}\n", request.what());
    return kExitStopped;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", spec.name, error.what(), spec.name);
    return kExitUsage;
  }
  return std::nullopt;
}

std::vector<std::string> read_file(const std::string& file, Message& config, Sources& sources) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad() || (in.fail() && !in.eof()))
    return {fmt::format("{}: cannot be read: {}", file, std::strerror(errno))};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kFileBytesMax)
    return {fmt::format("{}: has more than {} bytes; not a configuration", file, kFileBytesMax)};
  return read_yaml(file, text, config, sources);
}

/// `key=value,…` into a new element of the list `field`.
Complaint add_message(Message& config, const FieldDescriptor& field, std::string_view text) {
  Message& added = *config.GetReflection()->AddMessage(&config, &field);
  apply_defaults(added);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos)
      return fmt::format("'{}' is not a pair; write key=value,key=value", pair);
    const std::string_view key = pair.substr(0, equals);
    if (const Complaint complaint = set_path(added, key, pair.substr(equals + 1)))
      return fmt::format("{}: {}", key, *complaint);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

Complaint apply_flag(Message& config, const Flag& flag, const std::vector<std::string>& values) {
  if (flag.kind != Flag::Kind::kMessage) return set_path(config, flag.key, values.back());
  const FieldDescriptor* field = config.GetDescriptor()->FindFieldByName(flag.key);
  WEIR_ASSERT(field != nullptr);
  config.GetReflection()->ClearField(&config, field);  // flags win over the file as a whole
  for (const std::string& value : values) {
    if (auto complaint = add_message(config, *field, value)) return complaint;
  }
  return std::nullopt;
}

/// Complaints about required fields that nobody set, with the best place to name.
void check_required(const Message& message, const std::string& path, const std::string& place,
                    const Sources& sources, std::vector<std::string>& complaints) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string child = path.empty() ? field.name() : path + "." + field.name();
    const auto source = sources.find(child);
    const std::string& here = source == sources.end() ? place : source->second;
    if (rules_of(field).required() && !is_filled(message, field))
      complaints.push_back(fmt::format("{}: {}: is required and not set", here, child));
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map()) continue;
    if (!field.is_repeated()) {
      check_required(reflection->GetMessage(message, &field), child, here, sources, complaints);
      continue;
    }
    for (int k = 0; k < reflection->FieldSize(message, &field); ++k) {
      const std::string element = fmt::format("{}[{}]", child, k);
      const auto line = sources.find(element);
      check_required(reflection->GetRepeatedMessage(message, &field, k), element,
                     line == sources.end() ? here : line->second, sources, complaints);
    }
  }
}

std::vector<std::string> merge(const DaemonSpec& spec, const CommandLine& line, Message& config) {
  apply_defaults(config);
  for (const auto& [path, text] : spec.defaults) WEIR_ASSERT(!set_path(config, path, text));
  Sources sources;
  std::vector<std::string> complaints;
  if (!line.config_file.empty()) complaints = read_file(line.config_file, config, sources);
  for (const std::string& set : line.sets) {
    const std::size_t equals = set.find('=');
    const std::string key = set.substr(0, equals);
    const Complaint complaint =
        equals == std::string::npos
            ? Complaint("has no value; write --set key=value")
            : set_path(config, key, std::string_view(set).substr(equals + 1));
    if (complaint) complaints.push_back(fmt::format("--set {}: {}", key, *complaint));
  }
  for (const Flag& flag : all_flags(spec)) {
    const std::vector<std::string>& values = line.values.at(flag.name);
    if (values.empty()) continue;
    if (const Complaint complaint = apply_flag(config, flag, values))
      complaints.push_back(fmt::format("{}: {}", flag.name, *complaint));
    // The file's lines no longer say where this value comes from.
    std::erase_if(sources, [&](const auto& entry) { return entry.first.starts_with(flag.key); });
  }
  if (complaints.empty()) {
    const std::string place =
        line.config_file.empty() ? std::string("command line") : line.config_file;
    check_required(config, "", place, sources, complaints);
  }
  return complaints;
}

/// Every daemon's message has the common part as field `common`.
const v1::CommonConfig& common_of(const Message& config) {
  const FieldDescriptor* field = config.GetDescriptor()->FindFieldByName("common");
  WEIR_ASSERT(field != nullptr);
  return dynamic_cast<const v1::CommonConfig&>(config.GetReflection()->GetMessage(config, field));
}

}  // namespace

std::optional<int> load(const DaemonSpec& spec, const std::string& version, int argc,
                        const char* const* argv, google::protobuf::Message& config,
                        const std::function<Result<void>()>& check) {
  CommandLine line;
  if (const auto exit_code = parse(spec, version, argc, argv, line)) return exit_code;
  const std::vector<std::string> complaints = merge(spec, line, config);
  if (!complaints.empty()) {
    for (const std::string& complaint : complaints)
      fmt::print(stderr, "{}: {}\n", spec.name, complaint);
    return kExitUsage;
  }
  if (const Result<void> checked = check ? check() : Result<void>{}; !checked) {
    fmt::print(stderr, "{}: {}\n", spec.name, checked.error().message);
    return exit_code_of(checked.error());
  }
  if (line.check_config) {
    fmt::print("configuration ok\n{}", write_yaml(config));
    return kExitStopped;
  }
  const v1::CommonConfig& common = common_of(config);
  log::configure(log::parse_format(common.log_format()).value_or(log::Format::kText),
                 log::parse_level(common.log_level()).value_or(log::Level::kInfo));
  return std::nullopt;
}

Result<Secret> read_token(const v1::CommonConfig& common) {
  if (common.token_file().empty()) return Secret();
  return read_secret_file(common.token_file(), "--token-file");
}

Result<void> prepare_state_dir(const v1::CommonConfig& common) {
  if (common.state_dir().empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(common.state_dir(), error);
  if (!error && ::access(common.state_dir().c_str(), W_OK | X_OK) != 0)
    error.assign(errno, std::generic_category());
  if (!error) return {};
  return make_error(
      boost::system::errc::io_error,
      fmt::format("--state-dir {}: cannot be written: {}", common.state_dir(), error.message()));
}

int exit_code_of(const Error& error) {
  namespace errc = boost::system::errc;
  if (error.code == errc::address_in_use) return kExitAddressInUse;
  if (error.code == errc::operation_not_permitted) return kExitCredentialsMissing;
  if (error.code == errc::invalid_argument) return kExitUsage;
  return kExitFailed;
}

}  // namespace weir::config
