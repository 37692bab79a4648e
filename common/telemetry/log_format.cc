#include "common/telemetry/log_format.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

#include "common/base/utf8.h"

namespace weir::log {
namespace {

std::string format_time(WallTime time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since_epoch).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     since_epoch.count() - seconds * 1000);
}

/// Text lines stay one line: control characters become \xNN.
void append_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    else
      out += c;
  }
}

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
}

bool is_standard_key(std::string_view key) {
  static constexpr std::array<std::string_view, 4> kStandard{"time", "level", "component",
                                                             "message"};
  return std::ranges::find(kStandard, key) != kStandard.end();
}

std::string format_text(const Line& line) {
  std::string out =
      fmt::format("{} {:7} {}: ", format_time(line.time), to_string(line.level), line.component);
  append_text(out, line.message);
  for (const Field& field : line.fields) {
    out += ' ';
    append_text(out, field.key);
    out += '=';
    if (needs_quotes(field.value))
      out += json_quote(field.value);
    else
      append_text(out, field.value);
  }
  return out;
}

std::string format_json(const Line& line) {
  std::string out = fmt::format(R"({{"time":"{}","level":"{}","component":{},"message":{})",
                                format_time(line.time), to_string(line.level),
                                json_quote(line.component), json_quote(line.message));
  for (const Field& field : line.fields) {
    const std::string key = is_standard_key(field.key) ? "field_" + field.key : field.key;
    fmt::format_to(std::back_inserter(out), ",{}:{}", json_quote(key), json_quote(field.value));
  }
  out += '}';
  return out;
}

}  // namespace

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0)
      out += "\\ufffd";
    else if (byte == '"' || byte == '\\')
      (out += '\\') += text.front();
    else if (byte == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte == 0x7F)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
  return out;
}

std::string format_line(Format format, const Line& line) {
  return format == Format::kJson ? format_json(line) : format_text(line);
}

}  // namespace weir::log
