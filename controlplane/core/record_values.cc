#include "controlplane/core/record_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "common/base/contract.h"
#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

// `key=value` lines; a line feed in a value is "\n", a backslash "\\".
using Lines = std::map<std::string, std::string, std::less<>>;

std::string lines_text(const Lines& lines) {
  std::string out;
  for (const auto& [key, value] : lines) {
    out += key + '=';
    for (const char c : value) {
      if (c == '\n') {
        out += "\\n";
      } else if (c == '\\') {
        out += "\\\\";
      } else {
        out += c;
      }
    }
    out += '\n';
  }
  return out;
}

std::string unescaped_value(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out += text[at];
    } else {
      out += text[++at] == 'n' ? '\n' : text[at];
    }
  }
  return out;
}

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    lines.emplace(line.substr(0, equals), unescaped_value(line.substr(equals + 1)));
  }
  return lines;
}

template <class Number>
std::optional<Number> number_in(const Lines& lines, std::string_view key) {
  const auto found = lines.find(key);
  if (found == lines.end()) return std::nullopt;
  Number value{};
  const char* end = found->second.data() + found->second.size();
  const auto read = std::from_chars(found->second.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

std::string text_in(const Lines& lines, std::string_view key) {
  const auto found = lines.find(key);
  return found == lines.end() ? std::string() : found->second;
}

template <class Enum, std::size_t N>
std::optional<Enum> word_in(const std::array<Enum, N>& values, std::string_view word) {
  for (const Enum value : values) {
    if (to_word(value) == word) return value;
  }
  return std::nullopt;
}

constexpr std::array kSecondPublishers{SecondPublisher::kTakeoverIfIdle, SecondPublisher::kReject,
                                       SecondPublisher::kTakeover};
constexpr std::array kAdopts{Adopt::kSrs, Adopt::kAll, Adopt::kNone};
constexpr std::array kRoles{Role::kForwarder, Role::kAgent, Role::kViewer, Role::kOperator,
                            Role::kScheduler};

constexpr std::string_view kSecondPublisherKey = "second_publisher";
constexpr std::string_view kAdoptKey = "adopt";
constexpr std::string_view kStreamBitsKey = "default_stream_bits_per_second";
constexpr std::string_view kOriginStreamsKey = "default_origin_streams";
constexpr std::string_view kDeadlineKey = "deadline_ms";
constexpr std::string_view kReasonKey = "reason";
constexpr std::string_view kRoleKey = "role";
constexpr std::string_view kDigestKey = "sha256";
constexpr std::string_view kNoteKey = "note";

}  // namespace

std::string_view to_word(SecondPublisher rule) {
  switch (rule) {
    case SecondPublisher::kTakeoverIfIdle:
      return "takeover_if_idle";
    case SecondPublisher::kReject:
      return "reject";
    case SecondPublisher::kTakeover:
      return "takeover";
  }
  WEIR_UNREACHABLE("second publisher");
}

std::string_view to_word(Adopt rule) {
  switch (rule) {
    case Adopt::kSrs:
      return "srs";
    case Adopt::kAll:
      return "all";
    case Adopt::kNone:
      return "none";
  }
  WEIR_UNREACHABLE("adopt");
}

std::string_view to_word(Role role) {
  switch (role) {
    case Role::kForwarder:
      return "forwarder";
    case Role::kAgent:
      return "agent";
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kScheduler:
      return "scheduler";
  }
  WEIR_UNREACHABLE("role");
}

std::optional<Role> role_of(std::string_view word) {
  return word_in(kRoles, word);
}

std::string encode(const PolicyRules& rules) {
  Lines lines;
  if (rules.second_publisher) lines.emplace(kSecondPublisherKey, to_word(*rules.second_publisher));
  if (rules.adopt) lines.emplace(kAdoptKey, to_word(*rules.adopt));
  if (rules.default_stream_bits_per_second) {
    lines.emplace(kStreamBitsKey, fmt::format("{}", *rules.default_stream_bits_per_second));
  }
  if (rules.default_origin_streams) {
    lines.emplace(kOriginStreamsKey, fmt::format("{}", *rules.default_origin_streams));
  }
  return lines_text(lines);
}

PolicyRules decode_policy(std::string_view value) {
  const Lines lines = lines_of(value);
  PolicyRules rules;
  rules.second_publisher = word_in(kSecondPublishers, text_in(lines, kSecondPublisherKey));
  rules.adopt = word_in(kAdopts, text_in(lines, kAdoptKey));
  rules.default_stream_bits_per_second = number_in<std::uint64_t>(lines, kStreamBitsKey);
  rules.default_origin_streams = number_in<std::uint32_t>(lines, kOriginStreamsKey);
  return rules;
}

std::string encode(const DrainMark& mark) {
  Lines lines{{std::string(kReasonKey), mark.reason}};
  if (mark.deadline) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(mark.deadline->time_since_epoch());
    lines.emplace(kDeadlineKey, fmt::format("{}", ms.count()));
  }
  return lines_text(lines);
}

DrainMark decode_drain(std::string_view value) {
  const Lines lines = lines_of(value);
  DrainMark mark{std::nullopt, text_in(lines, kReasonKey)};
  const auto deadline = number_in<std::int64_t>(lines, kDeadlineKey);
  if (deadline && *deadline >= 0 && *deadline <= kDrainDeadlineMaxMs) {
    mark.deadline = WallTime(std::chrono::milliseconds(*deadline));
  }
  return mark;
}

std::string encode(const TokenFacts& token) {
  return lines_text({{std::string(kRoleKey), std::string(to_word(token.role))},
                     {std::string(kDigestKey), token.digest},
                     {std::string(kNoteKey), token.note}});
}

std::optional<TokenFacts> decode_token_facts(std::string_view value) {
  const Lines lines = lines_of(value);
  const auto role = role_of(text_in(lines, kRoleKey));
  std::string digest = text_in(lines, kDigestKey);
  if (!role || digest.size() != kTokenDigestDigits) return std::nullopt;
  return TokenFacts{*role, std::move(digest), text_in(lines, kNoteKey)};
}

std::string encode_weight(double weight) {
  return fmt::format("{}", weight);
}

double decode_weight(std::string_view value) {
  double weight = 1;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), weight);
  const bool whole = read.ec == std::errc{} && read.ptr == value.data() + value.size();
  return whole && weight >= kWeightMin && weight <= kWeightMax ? weight : 1;
}

}  // namespace weir::core
