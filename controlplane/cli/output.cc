#include "controlplane/cli/output.h"

#include <google/protobuf/util/json_util.h>
#include <yaml-cpp/yaml.h>

#include "common/base/contract.h"

namespace weir::cli {
namespace {

/// In JSON read as YAML, quoted scalars carry the tag "!": they stay texts.
void emit(YAML::Emitter& out, const YAML::Node& node) {
  if (node.IsMap() && node.size() > 0) {
    out << YAML::BeginMap;
    for (const auto& entry : node) {
      out << YAML::Key << entry.first.Scalar() << YAML::Value;
      emit(out, entry.second);
    }
    out << YAML::EndMap;
  } else if (node.IsMap() || node.IsSequence()) {
    if (node.size() == 0) out << YAML::Flow;
    out << (node.IsMap() ? YAML::BeginMap : YAML::BeginSeq);
    for (const YAML::Node& element : node) emit(out, element);
    out << (node.IsMap() ? YAML::EndMap : YAML::EndSeq);
  } else if (node.IsNull()) {
    out << YAML::Null;
  } else if (node.Tag() == "!") {
    out << YAML::DoubleQuoted << node.Scalar();
  } else {
    out << node.Scalar();
  }
}

}  // namespace

std::optional<Output> parse_output(std::string_view word) {
  if (word == "table") return Output::kTable;
  if (word == "wide") return Output::kWide;
  if (word == "json") return Output::kJson;
  if (word == "yaml") return Output::kYaml;
  return std::nullopt;
}

std::string to_json(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  options.always_print_primitive_fields = true;
  std::string text;
  // Fails only for an Any of unknown type or a time outside 0001..9999; neither is in this API.
  WEIR_ASSERT(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::string to_yaml(const google::protobuf::Message& message) {
  YAML::Emitter out;
  emit(out, YAML::Load(to_json(message, true)));
  return std::string(out.c_str()) + "\n";
}

std::string to_text(Output output, const google::protobuf::Message& message) {
  return output == Output::kYaml ? to_yaml(message) : to_json(message);
}

}  // namespace weir::cli
