#include "common/config/field.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/cidr.h"
#include "common/base/contract.h"
#include "common/base/listen_address.h"
#include "common/telemetry/log.h"

namespace weir::config {
namespace {

using google::protobuf::Reflection;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Complaint check_text(const v1::FieldRules& rules, const std::string& text) {
  if (rules.one_of_size() > 0 && std::ranges::find(rules.one_of(), text) == rules.one_of().end())
    // A store's URL may carry a password.
    return fmt::format("'{}' is not known; allowed: {}", log::redact_url(text),
                       fmt::join(rules.one_of(), ", "));
  if (rules.network()) {
    const auto parsed = Cidr::parse(text);
    if (!parsed) return parsed.error().message;
  }
  if (text.empty()) return std::nullopt;
  if (rules.listen_address() || rules.endpoint_address()) {
    const auto parsed = parse_host_port(text);
    if (!parsed) return parsed.error().message;
    if (rules.endpoint_address() && (parsed->host.empty() || parsed->port == 0))
      return fmt::format("'{}' cannot be dialled; write host:port with a port from 1 to 65535",
                         text);
  }
  if (rules.http_url() && !text.starts_with("http://"))
    return fmt::format("'{}' is not a URL; write http://host:port/path", text);
  return std::nullopt;
}

/// Sets or adds through reflection.
template <class Value, class Set, class Add>
void store(Message& message, const FieldDescriptor& field, const Value& value, Set set, Add add) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated())
    (reflection.*add)(&message, &field, value);
  else
    (reflection.*set)(&message, &field, value);
}

Complaint set_integral(Message& message, const FieldDescriptor& field, std::string_view text) {
  const v1::FieldRules& rules = rules_of(field);
  const bool narrow = field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  const std::uint64_t most = rules.max() > 0 ? rules.max()
                             : narrow        ? std::numeric_limits<std::uint32_t>::max()
                                             : std::numeric_limits<std::uint64_t>::max();
  const auto value = parse_number<std::uint64_t>(text);
  if (!value || *value < rules.min() || *value > most)
    return fmt::format("'{}' is not allowed; write a whole number from {} to {}", text, rules.min(),
                       most);
  if (narrow)
    store(message, field, static_cast<std::uint32_t>(*value), &Reflection::SetUInt32,
          &Reflection::AddUInt32);
  else
    store(message, field, *value, &Reflection::SetUInt64, &Reflection::AddUInt64);
  return std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

const v1::FieldRules& rules_of(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rules);
}

Complaint set_scalar(Message& message, const FieldDescriptor& field, std::string_view text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string value(text);
      if (auto complaint = check_text(rules_of(field), value)) return complaint;
      const Reflection& reflection = *message.GetReflection();
      if (field.is_repeated())
        reflection.AddString(&message, &field, value);
      else
        reflection.SetString(&message, &field, value);
      return std::nullopt;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false")
        return fmt::format("'{}' is not allowed; write true or false", text);
      store(message, field, text == "true", &Reflection::SetBool, &Reflection::AddBool);
      return std::nullopt;
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return set_integral(message, field, text);
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const auto value = parse_number<double>(text);
      if (!value || !std::isfinite(*value) || *value < 0)
        return fmt::format("'{}' is not allowed; write a number from 0 on", text);
      store(message, field, *value, &Reflection::SetDouble, &Reflection::AddDouble);
      return std::nullopt;
    }
    default:
      WEIR_UNREACHABLE("configuration field of a type that has no text form");
  }
}

void set_map_entry(Message& message, const FieldDescriptor& field, const std::string& key,
                   const std::string& value) {
  Message& entry = *message.GetReflection()->AddMessage(&message, &field);
  const google::protobuf::Descriptor& type = *field.message_type();
  entry.GetReflection()->SetString(&entry, type.map_key(), key);
  entry.GetReflection()->SetString(&entry, type.map_value(), value);
}

Complaint set_list(Message& message, const FieldDescriptor& field, std::string_view text) {
  message.GetReflection()->ClearField(&message, &field);
  if (field.is_map()) {
    for (const std::string_view pair : split(text, ';')) {
      const std::size_t colon = pair.find(':');
      if (colon == std::string_view::npos || colon == 0)
        return fmt::format("'{}' is not a pair; write key:value;key:value", pair);
      set_map_entry(message, field, std::string(pair.substr(0, colon)),
                    std::string(pair.substr(colon + 1)));
    }
    return std::nullopt;
  }
  for (const std::string_view element : split(text, ',')) {
    if (auto complaint = set_scalar(message, field, element)) return complaint;
  }
  return std::nullopt;
}

const FieldDescriptor* find_field(const Message& message, std::string_view name,
                                  Complaint& complaint) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const FieldDescriptor* field = type.FindFieldByName(std::string(name));
  if (field == nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    complaint = fmt::format("unknown key; allowed: {}", fmt::join(names, ", "));
  }
  return field;
}

Complaint set_path(Message& message, std::string_view path, std::string_view text) {
  const std::size_t dot = std::min(path.find('.'), path.size());
  const std::string_view rest = path.substr(std::min(dot + 1, path.size()));
  Complaint complaint;
  const FieldDescriptor* field = find_field(message, path.substr(0, dot), complaint);
  if (field == nullptr) return complaint;
  const Reflection& reflection = *message.GetReflection();
  if (field->is_map() && !rest.empty()) {
    set_map_entry(message, *field, std::string(rest), std::string(text));
    return std::nullopt;
  }
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map();
  if (is_message && field->is_repeated())
    return "a list of objects cannot be set this way; write it in the file";
  if (is_message) {
    if (rest.empty()) return fmt::format("is an object; name a key in it ({}.…)", path);
    return set_path(*reflection.MutableMessage(&message, field), rest, text);
  }
  if (!rest.empty()) return fmt::format("'{}' holds no keys", path.substr(0, dot));
  return field->is_repeated() ? set_list(message, *field, text) : set_scalar(message, *field, text);
}

void apply_defaults(Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) continue;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      apply_defaults(*message.GetReflection()->MutableMessage(&message, &field));
    } else if (const std::string& text = rules_of(field).default_value(); !text.empty()) {
      const Complaint complaint = set_scalar(message, field, text);
      WEIR_ASSERT(!complaint);  // a default that breaks its own rules
    }
  }
}

bool is_filled(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) return reflection.FieldSize(message, &field) > 0;
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING)
    return !reflection.GetString(message, &field).empty();
  return reflection.HasField(message, &field);
}

}  // namespace weir::config
