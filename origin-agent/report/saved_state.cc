#include "origin-agent/report/saved_state.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "origin-agent/report/limits.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {
namespace {

constexpr std::string_view kMagic = "weir-origin-agent-state 1";

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
  for (const auto& [id, origin] : state.origins) {
    // Ids come from the configuration and from the store; one that would break the format is simply
    // not remembered, which costs a new incarnation after a restart and nothing else.
    if (!is_word(id.str()) || !is_word(origin.process) || !is_word(origin.incarnation.str()))
      continue;
    text += fmt::format("origin {} {} {}\n", id.str(), origin.process, origin.incarnation.str());
  }
  // The last line tells a whole file from the beginning of one.
  return text + "end\n";
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
    } else {
      return damaged(line_number, "not understood");
    }
  }
  return damaged(line_number, "the file ends too early");
}

}  // namespace weir::agent
