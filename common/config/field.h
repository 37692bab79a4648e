#pragma once
// One configuration field: its rules, and the way from text to its value.
// Threading: pure. Lifetime: descriptors live as long as the process.

#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "weir/config/v1/config.pb.h"

namespace weir::config {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const v1::FieldRules& rules_of(const FieldDescriptor& field);

/// "what is wrong; what is allowed", or nothing when all is well.
using Complaint = std::optional<std::string>;

/// Parses `text` by the type and rules of a scalar field and sets it; a repeated field gets one
/// more element.
Complaint set_scalar(Message& message, const FieldDescriptor& field, std::string_view text);

/// A list from comma-separated text, or a map from `key:value;key:value`; replaces what was there.
Complaint set_list(Message& message, const FieldDescriptor& field, std::string_view text);

/// Adds one entry to a map<string, string>.
void set_map_entry(Message& message, const FieldDescriptor& field, const std::string& key,
                   const std::string& value);

/// The field named, or a complaint that lists the names there are.
const FieldDescriptor* find_field(const Message& message, std::string_view name,
                                  Complaint& complaint);

/// Sets the field at `path` ("common.admin") from text, as --set and the flags do. A map entry is
/// `labels.key`.
Complaint set_path(Message& message, std::string_view path, std::string_view text);

/// Every default of the rules, sub-messages included (they become present).
void apply_defaults(Message& message);

/// Whether a required field is set and not empty.
bool is_filled(const Message& message, const FieldDescriptor& field);

}  // namespace weir::config
