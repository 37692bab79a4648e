#include "common/config/yaml.h"

#include <set>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "common/base/contract.h"
#include "common/config/field.h"
#include "common/telemetry/log.h"

namespace weir::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Reflection;

class Reader {
 public:
  Reader(std::string file, Sources& sources) : file_(std::move(file)), sources_(sources) {}

  void read_object(const YAML::Node& node, const std::string& path, Message& message);
  void complain(const YAML::Mark& mark, const std::string& path, const std::string& what) {
    if (complaints_.size() < kComplaintsMax)
      complaints_.push_back(
          fmt::format("{}: {}{}{}", where(mark), path, path.empty() ? "" : ": ", what));
  }
  std::vector<std::string> take_complaints() { return std::move(complaints_); }

 private:
  void read_field(const YAML::Node& node, const std::string& path, Message& message,
                  const FieldDescriptor& field);
  void read_map(const YAML::Node& node, const std::string& path, Message& message,
                const FieldDescriptor& field);
  void read_list(const YAML::Node& node, const std::string& path, Message& message,
                 const FieldDescriptor& field);
  void read_scalar(const YAML::Node& node, const std::string& path, Message& message,
                   const FieldDescriptor& field);
  std::string where(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : fmt::format("{}:{}", file_, mark.line + 1);
  }

  std::string file_;
  Sources& sources_;
  std::vector<std::string> complaints_;
};

void Reader::read_object(const YAML::Node& node, const std::string& path, Message& message) {
  if (node.IsNull()) return;  // `common:` with nothing below it
  if (!node.IsMap()) return complain(node.Mark(), path, "is not an object; write key: value lines");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    const std::string child = path.empty() ? name : path + "." + name;
    Complaint complaint;
    const FieldDescriptor* field = find_field(message, name, complaint);
    if (field == nullptr) {
      complain(entry.first.Mark(), child, *complaint);
    } else if (!seen.insert(name).second) {
      complain(entry.first.Mark(), child, "is given twice; keep one");
    } else {
      sources_[child] = where(entry.first.Mark());
      read_field(entry.second, child, message, *field);
    }
  }
}

void Reader::read_field(const YAML::Node& node, const std::string& path, Message& message,
                        const FieldDescriptor& field) {
  if (field.is_map()) return read_map(node, path, message, field);
  if (field.is_repeated()) return read_list(node, path, message, field);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
    return read_object(node, path, *message.GetReflection()->MutableMessage(&message, &field));
  read_scalar(node, path, message, field);
}

void Reader::read_map(const YAML::Node& node, const std::string& path, Message& message,
                      const FieldDescriptor& field) {
  if (!node.IsMap()) return complain(node.Mark(), path, "is not an object; write key: value lines");
  message.GetReflection()->ClearField(&message, &field);
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar())
      complain(entry.first.Mark(), path, "holds something else than texts; write key: value");
    else
      set_map_entry(message, field, entry.first.Scalar(), entry.second.Scalar());
  }
}

void Reader::read_list(const YAML::Node& node, const std::string& path, Message& message,
                       const FieldDescriptor& field) {
  if (!node.IsSequence())
    return complain(node.Mark(), path, "is not a list; write [a, b] or one '- …' line per element");
  message.GetReflection()->ClearField(&message, &field);
  std::size_t index = 0;
  for (const YAML::Node& element : node) {
    const std::string child = fmt::format("{}[{}]", path, index++);
    sources_[child] = where(element.Mark());
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message& added = *message.GetReflection()->AddMessage(&message, &field);
      apply_defaults(added);
      read_object(element, child, added);
    } else {
      read_scalar(element, child, message, field);
    }
  }
}

void Reader::read_scalar(const YAML::Node& node, const std::string& path, Message& message,
                         const FieldDescriptor& field) {
  if (node.IsNull())
    return complain(node.Mark(), path, "has no value; write one, or '' for an empty text");
  if (!node.IsScalar()) return complain(node.Mark(), path, "is not a single value");
  if (const Complaint complaint = set_scalar(message, field, node.Scalar()))
    complain(node.Mark(), path, *complaint);
}

/// The value at `index` of a repeated field, or of a singular one for index -1.
std::string scalar_text(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& get = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return one ? get.GetString(message, &field) : get.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return fmt::format(
          "{}", one ? get.GetBool(message, &field) : get.GetRepeatedBool(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return fmt::format("{}", one ? get.GetUInt32(message, &field)
                                   : get.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return fmt::format("{}", one ? get.GetUInt64(message, &field)
                                   : get.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", one ? get.GetDouble(message, &field)
                                   : get.GetRepeatedDouble(message, &field, index));
    default:
      WEIR_UNREACHABLE("configuration field of a type that has no text form");
  }
}

void write_scalar(YAML::Emitter& out, const Message& message, const FieldDescriptor& field,
                  int index) {
  std::string text = scalar_text(message, field, index);
  if (rules_of(field).secret()) text = "<redacted>";
  if (rules_of(field).url_with_password()) text = log::redact_url(text);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING)
    out << YAML::DoubleQuoted << text;
  else
    out << text;
}

void write_object(YAML::Emitter& out, const Message& message) {
  out << YAML::BeginMap;
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    // `optional` and not given: a value would say something that nobody said.
    if (field.has_optional_keyword() && !reflection.HasField(message, &field)) continue;
    out << YAML::Key << field.name() << YAML::Value;
    if (field.is_map()) {
      out << YAML::BeginMap;
      for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
        const Message& entry = reflection.GetRepeatedMessage(message, &field, k);
        out << YAML::Key << scalar_text(entry, *field.message_type()->map_key(), -1) << YAML::Value
            << YAML::DoubleQuoted << scalar_text(entry, *field.message_type()->map_value(), -1);
      }
      out << YAML::EndMap;
    } else if (field.is_repeated()) {
      if (!is_message) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
        if (is_message)
          write_object(out, reflection.GetRepeatedMessage(message, &field, k));
        else
          write_scalar(out, message, field, k);
      }
      out << YAML::EndSeq;
    } else if (is_message) {
      write_object(out, reflection.GetMessage(message, &field));
    } else {
      write_scalar(out, message, field, -1);
    }
  }
  out << YAML::EndMap;
}

}  // namespace

std::vector<std::string> read_yaml(const std::string& file, const std::string& text,
                                   google::protobuf::Message& message, Sources& sources) {
  Reader reader(file, sources);
  // yaml-cpp reports by exceptions; they end here.
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      reader.complain(documents[1].Mark(), "", "a second document; write everything in one");
    if (!documents.empty()) reader.read_object(documents.front(), "", message);
  } catch (const YAML::Exception& error) {
    reader.complain(error.mark, "", fmt::format("not YAML: {}", error.msg));
  }
  return reader.take_complaints();
}

std::string write_yaml(const google::protobuf::Message& message) {
  YAML::Emitter out;
  write_object(out, message);
  return std::string(out.c_str()) + "\n";
}

}  // namespace weir::config
