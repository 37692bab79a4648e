#include "origin-agent/report/saved_state.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "origin-agent/report/limits.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {
namespace {

constexpr std::string_view kMagic = "weir-origin-agent-state 1";
constexpr std::string_view kEnd = "end\n";

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  while (!line.empty()) {
    const std::size_t space = std::min(line.find(' '), line.size());
    if (space > 0) found.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return found;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(),
                                       [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

/// `key=value` words; what is not a word cannot be written and is left out.
struct RegistrationKeys {
  std::vector<std::pair<std::string_view, std::string*>> texts;
  std::vector<std::pair<std::string_view, std::vector<std::string>*>> lists;
};

RegistrationKeys keys_of(SavedRegistration& r) {
  return {
      {{"server", &r.server}, {"service", &r.service}, {"ip", &r.ip}, {"peer", &r.peer}},
      {{"rtmp", &r.rtmp}, {"http", &r.http}, {"api", &r.api}, {"srt", &r.srt}, {"rtc", &r.rtc}}};
}

std::string encode(const OriginId& id, SavedRegistration registration) {
  std::string line = fmt::format("registered {} pid={}", id.str(), registration.pid);
  const RegistrationKeys keys = keys_of(registration);
  const auto add = [&](std::string_view key, const std::string& value) {
    if (is_word(value)) line += fmt::format(" {}={}", key, value);
  };
  for (const auto& [key, text] : keys.texts) add(key, *text);
  for (const auto& [key, list] : keys.lists)
    for (const std::string& one : *list) add(key, one);
  return line + "\n";
}

/// False: one of the words is damaged. Keys of a later version are passed over.
bool decode(std::span<const std::string_view> words, SavedRegistration& out) {
  const RegistrationKeys keys = keys_of(out);
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = word.substr(equals + 1);
    if (key == "pid") {
      const auto [rest, error] =
          std::from_chars(value.data(), value.data() + value.size(), out.pid);
      if (error != std::errc() || rest != value.data() + value.size()) return false;
    }
    for (const auto& [name, text] : keys.texts)
      if (key == name) *text = std::string(value);
    for (const auto& [name, list] : keys.lists)
      if (key == name) list->emplace_back(value);
  }
  return !out.rtmp.empty();
}

Error damaged(std::size_t line, std::string_view what) {
  return make_error(boost::system::errc::invalid_argument, fmt::format("line {}: {}", line, what));
}

}  // namespace

bool is_same_life(const ProcessIdentity& a, const ProcessIdentity& b) {
  if (!a.service.empty() && !b.service.empty()) return a.service == b.service && a.pid == b.pid;
  return a.is_visible() && a.pid == b.pid && a.start_ticks == b.start_ticks;
}

std::string to_text(const ProcessIdentity& process) {
  if (!process.service.empty()) return fmt::format("{}.{}", process.service, process.pid);
  return fmt::format("{}.{}", process.pid, process.start_ticks);
}

std::string encode(const SavedState& state) {
  std::string text = fmt::format("{}\ngeneration {}\n", kMagic, state.generation_seen);
  // A file too large to be read would lose everything; incarnations, which cannot be learnt anew,
  // come first.
  const auto add = [&text](const std::string& line) {
    if (text.size() + line.size() + kEnd.size() <= kStateFileBytesMax) text += line;
  };
  for (const auto& [id, origin] : state.origins) {
    // Ids come from the configuration and from the store; one that would break the format is simply
    // not remembered, which costs a new incarnation after a restart and nothing else.
    if (!is_word(id.str()) || !is_word(origin.process) || !is_word(origin.incarnation.str()))
      continue;
    add(fmt::format("origin {} {} {}\n", id.str(), origin.process, origin.incarnation.str()));
  }
  for (const auto& [id, registration] : state.registered) {
    if (is_word(id.str())) add(encode(id, registration));
  }
  // The last line tells a whole file from the beginning of one.
  return text.append(kEnd);
}

Result<SavedState> decode_saved_state(std::string_view text) {
  if (text.size() > kStateFileBytesMax)
    return make_error(boost::system::errc::invalid_argument, "larger than a state file can be");
  SavedState state;
  std::size_t line_number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (++line_number == 1) {
      if (line != kMagic) return damaged(1, "not a state file of this agent");
      continue;
    }
    const std::vector<std::string_view> word = words(line);
    if (word.size() == 1 && word[0] == "end") return state;
    if (word.size() == 2 && word[0] == "generation") {
      const auto [rest, error] =
          std::from_chars(word[1].data(), word[1].data() + word[1].size(), state.generation_seen);
      if (error != std::errc() || rest != word[1].data() + word[1].size())
        return damaged(line_number, "the generation is not a number");
    } else if (word.size() == 4 && word[0] == "origin") {
      if (state.origins.size() >= kOriginsMax) return damaged(line_number, "too many origins");
      state.origins[OriginId(word[1])] = {std::string(word[2]), IncarnationId(word[3])};
    } else if (word.size() > 2 && word[0] == "registered") {
      if (state.registered.size() >= kOriginsMax) return damaged(line_number, "too many origins");
      if (!decode(std::span(word).subspan(2), state.registered[OriginId(word[1])]))
        return damaged(line_number, "this registration cannot be read");
    } else {
      return damaged(line_number, "not understood");
    }
  }
  return damaged(line_number, "the file ends too early");
}

}  // namespace weir::agent
