#include "controlplane/cli/policy_file.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "common/config/yaml.h"
#include "controlplane/cli/text.h"

namespace weir::cli {
namespace {

constexpr std::string_view kPrefix = "policies/";

/// The words of a policy file are those of the API with '_' for '-'.
template <class Enum>
std::string rule_word(Enum value) {
  std::string text = word(value);
  for (char& c : text) c = c == '-' ? '_' : c;
  return text;
}

template <class Enum>
Enum rule_of(const std::string& text, int last) {
  for (int value = 0; value <= last; ++value) {
    if (rule_word(static_cast<Enum>(value)) == text) return static_cast<Enum>(value);
  }
  return static_cast<Enum>(0);
}

std::string read_all(std::istream& in) {
  std::string text;
  char block[4096];
  // One byte more than allowed shows that it is too long.
  while (in && text.size() <= config::kFileBytesMax) {
    in.read(block, sizeof(block));
    text.append(block, static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

}  // namespace

config::v1::PolicyEntry to_entry(const api::Policy& policy) {
  config::v1::PolicyEntry entry;
  entry.set_name(policy.name().substr(std::min(kPrefix.size(), policy.name().size())));
  const api::PolicyRules& rules = policy.rules();
  if (rules.second_publisher() != 0) {
    entry.set_second_publisher(rule_word(rules.second_publisher()));
  }
  if (rules.adopt() != 0) entry.set_adopt(rule_word(rules.adopt()));
  if (rules.has_default_stream_bits_per_second()) {
    entry.set_default_stream_bits_per_second(rules.default_stream_bits_per_second());
  }
  if (rules.has_default_origin_streams()) {
    entry.set_default_origin_streams(rules.default_origin_streams());
  }
  return entry;
}

api::Policy to_policy(const config::v1::PolicyEntry& entry) {
  api::Policy policy;
  policy.set_name(std::string(kPrefix) + entry.name());
  api::PolicyRules& rules = *policy.mutable_rules();
  if (entry.has_second_publisher()) {
    rules.set_second_publisher(
        rule_of<api::SecondPublisherRule>(entry.second_publisher(), api::SecondPublisherRule_MAX));
  }
  if (entry.has_adopt()) {
    rules.set_adopt(rule_of<api::AdoptRule>(entry.adopt(), api::AdoptRule_MAX));
  }
  if (entry.has_default_stream_bits_per_second()) {
    rules.set_default_stream_bits_per_second(entry.default_stream_bits_per_second());
  }
  if (entry.has_default_origin_streams()) {
    rules.set_default_origin_streams(entry.default_origin_streams());
  }
  return policy;
}

PolicyFileContent parse_policies(const std::string& file, const std::string& text) {
  PolicyFileContent content;
  config::v1::PolicyFile parsed;
  config::Sources sources;
  content.complaints = config::read_yaml(file, text, parsed, sources);
  std::set<std::string> names;
  for (int at = 0; at < parsed.policies_size(); ++at) {
    const auto& entry = parsed.policies(at);
    const std::string path = fmt::format("policies[{}]", at);
    const std::string& where = sources[path];
    if (!names.insert(entry.name()).second) {
      content.complaints.push_back(
          fmt::format("{}: {}.name: '{}' is given twice; keep one", where, path, entry.name()));
    }
    content.policies.push_back(to_policy(entry));
    content.where.push_back(fmt::format("{}: {}", where, path));
  }
  return content;
}

Result<PolicyFileContent> read_policy_file(const std::string& file) {
  std::string text;
  if (file == "-") {
    text = read_all(std::cin);
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      return make_error(boost::system::errc::invalid_argument, file + ": cannot be read");
    }
    text = read_all(in);
  }
  if (text.size() > config::kFileBytesMax) {
    return make_error(boost::system::errc::invalid_argument,
                      file + ": is too large for a policy file");
  }
  return parse_policies(file, text);
}

std::string policies_yaml(const api::ListPoliciesResponse& list) {
  config::v1::PolicyFile file;
  for (const api::Policy& policy : list.policies()) *file.add_policies() = to_entry(policy);
  return config::write_yaml(file);
}

}  // namespace weir::cli
