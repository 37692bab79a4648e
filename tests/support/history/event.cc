#include "tests/support/history/event.h"

#include <array>
#include <charconv>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

namespace weir::history {
namespace {

constexpr std::array<std::string_view, kKinds> kNames = {
    "begin", "acquire", "lookup", "release",    "told", "hold", "end",
    "idle",  "attach",  "detach", "generation", "life", "fault"};

void put_text(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += ",\"";
  out += key;
  out += "\":\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    // Names are UTF-8 without control characters; should one have any, the line stays a line.
    out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  out += '"';
}

template <class Number>
void put_number(std::string& out, std::string_view key, Number value) {
  if (value != 0) fmt::format_to(std::back_inserter(out), ",\"{}\":{}", key, value);
}

void put_pair(std::string& out, std::string_view key, std::uint64_t first, std::uint64_t second) {
  if (first != 0) fmt::format_to(std::back_inserter(out), ",\"{}\":\"{}.{}\"", key, first, second);
}

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_pair(std::string_view text, std::uint64_t& first, std::uint64_t& second) {
  const auto dot = text.find('.');
  return dot != std::string_view::npos && read_number(text.substr(0, dot), first) &&
         read_number(text.substr(dot + 1), second);
}

bool read_kind(std::string_view text, Kind& kind) {
  for (std::size_t at = 0; at < kNames.size(); ++at) {
    if (kNames[at] != text) continue;
    kind = static_cast<Kind>(at);
    return true;
  }
  return false;
}

bool read_field(std::string_view key, std::string_view value, Event& event) {
  if (key == "e") return read_kind(value, event.kind);
  if (key == "t") return read_number(value, event.time);
  if (key == "a") return read_number(value, event.since);
  if (key == "w") return read_number(value, event.wall);
  if (key == "n") return read_number(value, event.number);
  if (key == "g") return read_number(value, event.generation);
  if (key == "raises") return read_number(value, event.raises);
  if (key == "ep") return read_pair(value, event.epoch.generation, event.epoch.counter);
  if (key == "rv") return read_pair(value, event.revision.generation, event.revision.number);
  if (key == "q") event.who = value;
  if (key == "r") event.replica = value;
  if (key == "s") event.stream = value;
  if (key == "h") event.holder = value;
  if (key == "o") event.origin = value;
  if (key == "i") event.incarnation = value;
  if (key == "x") event.outcome = value;
  if (key == "loses") event.loses = value == "1" || value == "true";
  return true;  // keys of a later version are no error
}

/// Cuts the next value off `rest`, a string or a bare word.
bool take_value(std::string_view& rest, std::string_view& value, std::string& scratch) {
  if (rest.empty()) return false;
  if (rest.front() != '"') {
    const auto end = rest.find_first_of(",}");
    if (end == std::string_view::npos || end == 0) return false;
    value = rest.substr(0, end);
    rest.remove_prefix(end);
    return true;
  }
  std::size_t end = 1;
  bool escaped = false;
  while (end < rest.size() && rest[end] != '"') {
    escaped |= rest[end] == '\\';
    end += rest[end] == '\\' ? 2 : 1;
  }
  if (end >= rest.size()) return false;
  value = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  if (!escaped) return true;
  const std::size_t begin = scratch.size();
  // Never grown: views of what it holds already must stay good.
  if (scratch.capacity() - begin < value.size()) return false;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '\\') ++at;
    if (at < value.size()) scratch += value[at];
  }
  value = std::string_view(scratch).substr(begin);
  return true;
}

bool take(std::string_view& rest, char wanted) {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (rest.empty() || rest.front() != wanted) return false;
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

void encode(const Event& event, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{{\"e\":\"{}\",\"t\":{}", to_string(event.kind),
                 event.time);
  put_number(out, "a", event.since);
  put_number(out, "w", event.wall);
  put_text(out, "q", event.who);
  put_number(out, "n", event.number);
  put_text(out, "r", event.replica);
  put_text(out, "s", event.stream);
  put_text(out, "h", event.holder);
  put_text(out, "o", event.origin);
  put_text(out, "i", event.incarnation);
  put_pair(out, "ep", event.epoch.generation, event.epoch.counter);
  put_pair(out, "rv", event.revision.generation, event.revision.number);
  put_text(out, "x", event.outcome);
  put_number(out, "g", event.generation);
  if (event.loses) out += ",\"loses\":1";
  put_number(out, "raises", event.raises);
  out += "}\n";
}

std::optional<Event> decode(std::string_view line, std::string& scratch) {
  scratch.clear();
  scratch.reserve(line.size());
  std::string_view rest = line;
  if (!take(rest, '{')) return std::nullopt;
  Event event;
  bool has_kind = false;
  bool has_time = false;
  for (;;) {
    std::string_view key;
    std::string_view value;
    if (!take_value(rest, key, scratch) || !take(rest, ':') || !take_value(rest, value, scratch) ||
        !read_field(key, value, event)) {
      return std::nullopt;
    }
    has_kind |= key == "e";
    has_time |= key == "t";
    if (take(rest, ',')) continue;
    if (!take(rest, '}') || !rest.empty() || !has_kind || !has_time) return std::nullopt;
    return event;
  }
}

}  // namespace weir::history
