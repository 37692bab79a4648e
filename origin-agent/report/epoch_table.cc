#include "origin-agent/report/epoch_table.h"

#include <charconv>

#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Epoch> epoch_of_tag(std::string_view tag) {
  constexpr std::string_view kScheme = "weir:";
  if (!tag.starts_with(kScheme)) return std::nullopt;
  const std::size_t slash = tag.rfind('/');
  // Three parts: the session id stands between two slashes.
  if (slash == std::string_view::npos || tag.find('/') == slash) return std::nullopt;
  const std::string_view text = tag.substr(slash + 1);
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto generation = number(text.substr(0, dot));
  const auto counter = number(text.substr(dot + 1));
  if (!generation || !counter) return std::nullopt;
  const Epoch epoch{*generation, *counter};
  if (!epoch.is_set()) return std::nullopt;
  return epoch;
}

void EpochTable::learn(const std::string& stream, Epoch epoch) {
  if (!epoch.is_set()) return;
  if (const auto known = newest_.find(stream); known != newest_.end()) {
    if (epoch > known->second) known->second = epoch;
    return;
  }
  if (newest_.size() < kKnownEpochsMax) newest_.emplace(stream, epoch);
}

bool EpochTable::fences(const std::string& stream, std::string_view tag) const {
  const auto known = newest_.find(stream);
  if (known == newest_.end()) return false;
  const std::optional<Epoch> epoch = epoch_of_tag(tag);
  return epoch && *epoch < known->second;
}

}  // namespace weir::agent
