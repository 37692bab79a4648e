#pragma once
// The four forms of output. JSON is the API message in protobuf's JSON mapping, YAML the same as
// YAML. Threading: pure. Lifetime: values.

#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

namespace weir::cli {

enum class Output { kTable, kWide, kJson, kYaml };

std::optional<Output> parse_output(std::string_view word);
/// Whether a person reads it.
inline bool is_table(Output output) {
  return output == Output::kTable || output == Output::kWide;
}

/// Every field appears, empty ones included, so that scripts need no defaults. Ends with a newline.
std::string to_json(const google::protobuf::Message& message, bool one_line = false);
std::string to_yaml(const google::protobuf::Message& message);
/// By the form asked for, which is not a table.
std::string to_text(Output output, const google::protobuf::Message& message);

}  // namespace weir::cli
