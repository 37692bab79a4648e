#include "tests/support/rtmp/amf_text.h"

#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "dataplane/protocol/amf/reader.h"
#include "tests/support/rtmp/event_log.h"

namespace weir::tests {
namespace {

using Out = std::vector<std::uint8_t>;

void big_endian(std::uint64_t value, int bytes, Out& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void real(double value, Out& out) {
  big_endian(std::bit_cast<std::uint64_t>(value), 8, out);
}

void append(std::string_view text, Out& out) {
  out.insert(out.end(), text.begin(), text.end());
}

void short_text(std::string_view text, Out& out) {
  big_endian(text.size(), 2, out);
  append(text, out);
}

void string0(std::string_view text, Out& out) {
  const bool fits = text.size() <= 0xFFFF;
  out.push_back(fits ? 0x02 : 0x0C);
  big_endian(text.size(), fits ? 2 : 4, out);
  append(text, out);
}

// --- AMF3, written without references: every sender may leave them out.
void unsigned29(std::uint32_t value, Out& out) {
  if (value < 0x80) {
    out.push_back(static_cast<std::uint8_t>(value));
  } else if (value < 0x4000) {
    out.push_back(static_cast<std::uint8_t>(value >> 7 | 0x80));
    out.push_back(value & 0x7F);
  } else if (value < 0x200000) {
    out.push_back(static_cast<std::uint8_t>(value >> 14 | 0x80));
    out.push_back(static_cast<std::uint8_t>((value >> 7 & 0x7F) | 0x80));
    out.push_back(value & 0x7F);
  } else {
    out.push_back(static_cast<std::uint8_t>(value >> 22 | 0x80));
    out.push_back(static_cast<std::uint8_t>((value >> 15 & 0x7F) | 0x80));
    out.push_back(static_cast<std::uint8_t>((value >> 8 & 0x7F) | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
  }
}

void text3(std::string_view text, Out& out) {
  unsigned29(static_cast<std::uint32_t>(text.size() << 1 | 1), out);
  append(text, out);
}

void amf3(const Json& value, Out& out) {
  switch (value.kind) {
    case Json::Kind::kNull:
      return out.push_back(0x01);
    case Json::Kind::kBoolean:
      return out.push_back(value.boolean ? 0x03 : 0x02);
    case Json::Kind::kNumber:
      if (value.number == std::floor(value.number) && value.number >= 0 &&
          value.number < 0x10000000) {
        out.push_back(0x04);
        return unsigned29(static_cast<std::uint32_t>(value.number), out);
      }
      out.push_back(0x05);
      return real(value.number, out);
    case Json::Kind::kString:
      out.push_back(0x06);
      return text3(value.text, out);
    case Json::Kind::kArray:
      out.push_back(0x09);
      unsigned29(static_cast<std::uint32_t>(value.items.size() << 1 | 1), out);
      out.push_back(0x01);  // no named part
      for (const Json& item : value.items) amf3(item, out);
      return;
    case Json::Kind::kObject:
      out.push_back(0x0A);
      out.push_back(0x0B);  // its own traits, dynamic, no sealed members
      out.push_back(0x01);  // no class name
      for (std::size_t i = 0; i < value.names.size(); ++i) {
        text3(value.names[i], out);
        amf3(value.items[i], out);
      }
      return out.push_back(0x01);
  }
}

bool properties(const Json& value, AmfContext& context, Out& out, std::string& why) {
  for (std::size_t i = 0; i < value.names.size(); ++i) {
    short_text(value.names[i], out);
    if (!write_amf0(value.items[i], context, out, why)) return false;
  }
  big_endian(0x000009, 3, out);
  return true;
}

/// What JSON has no word for.
bool special(std::string_view name, const Json& value, AmfContext& context, Out& out,
             std::string& why) {
  if (name == "$undefined") return out.push_back(0x06), true;
  if (name == "$transaction") return out.push_back(0x00), real(context.transaction, out), true;
  if (name == "$next_stream") return out.push_back(0x00), real(++context.streams, out), true;
  if (name == "$hex") {
    if (parse_hex(value.text, out)) return true;
    why = "$hex holds something else";
    return false;
  }
  if (name == "$date") {
    out.push_back(0x0B);
    real(value.number, out);
    big_endian(0, 2, out);
    return true;
  }
  if (name == "$ecma") {
    out.push_back(0x08);
    big_endian(value.names.size(), 4, out);
    return properties(value, context, out, why);
  }
  if (name == "$amf3") return out.push_back(0x11), amf3(value, out), true;
  why = fmt::format("unknown value {}", name);
  return false;
}

std::string value_text(const amf::Value& value);

std::string members_text(const amf::Value& value) {
  std::string text = "{";
  amf::PropertyReader reader(value);
  while (const auto property = reader.next()) {
    if (text.size() > 1) text += ',';
    text += json_string(property->name) + ':' + value_text(property->value);
  }
  return text + '}';
}

std::string items_text(const amf::Value& value) {
  std::string text = "[";
  amf::ElementReader reader(value);
  while (const auto item = reader.next()) {
    if (text.size() > 1) text += ',';
    text += value_text(*item);
  }
  return text + ']';
}

std::string value_text(const amf::Value& value) {
  switch (value.type) {
    case amf::Type::kNumber:
      return std::isfinite(value.number) ? fmt::format("{}", value.number) : "null";
    case amf::Type::kBoolean:
      return value.boolean ? "true" : "false";
    case amf::Type::kString:
      return json_string(value.text);
    case amf::Type::kNull:
      return "null";
    case amf::Type::kUndefined:
      return "{\"$undefined\":true}";
    case amf::Type::kDate:
      return fmt::format("{{\"$date\":{}}}", value.number);
    case amf::Type::kObject:
      return members_text(value);
    case amf::Type::kEcmaArray:
      return "{\"$ecma\":" + members_text(value) + '}';
    case amf::Type::kStrictArray:
      return items_text(value);
    case amf::Type::kOther:
      break;
  }
  return fmt::format("{{\"$hex\":\"{}\"}}", to_hex(value.raw.data(), value.raw.size()));
}

}  // namespace

bool write_amf0(const Json& value, AmfContext& context, std::vector<std::uint8_t>& out,
                std::string& why) {
  switch (value.kind) {
    case Json::Kind::kNull:
      out.push_back(0x05);
      return true;
    case Json::Kind::kBoolean:
      out.push_back(0x01);
      out.push_back(value.boolean ? 1 : 0);
      return true;
    case Json::Kind::kNumber:
      out.push_back(0x00);
      real(value.number, out);
      return true;
    case Json::Kind::kString:
      string0(value.text, out);
      return true;
    case Json::Kind::kArray:
      out.push_back(0x0A);
      big_endian(value.items.size(), 4, out);
      for (const Json& item : value.items)
        if (!write_amf0(item, context, out, why)) return false;
      return true;
    case Json::Kind::kObject:
      break;
  }
  if (value.names.size() == 1 && value.names[0].starts_with('$'))
    return special(value.names[0], value.items[0], context, out, why);
  out.push_back(0x03);
  return properties(value, context, out, why);
}

std::string amf0_to_json(std::span<const std::uint8_t> bytes) {
  std::string text = "[";
  amf::Reader reader(bytes);
  while (const auto value = reader.next()) {
    if (text.size() > 1) text += ',';
    text += value_text(*value);
  }
  if (!reader.at_end()) {
    if (text.size() > 1) text += ',';
    text += fmt::format("{{\"$hex\":\"{}\"}}", to_hex(reader.rest().data(), reader.rest().size()));
  }
  return text + ']';
}

bool parse_hex(std::string_view text, std::vector<std::uint8_t>& out) {
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    if (high < 0) {
      high = digit;
      continue;
    }
    out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
    high = -1;
  }
  return high < 0;
}

}  // namespace weir::tests
