#include "controlplane/core/publisher_tag.h"

#include <charconv>
#include <cstdint>
#include <system_error>

namespace weir::core {
namespace {

constexpr std::string_view kTagPrefix = "weir:";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

bool is_tag(std::string_view tag) {
  return tag.starts_with(kTagPrefix);
}

std::optional<PublisherTag> parse_tag(std::string_view tag) {
  if (!tag.starts_with(kTagPrefix)) return std::nullopt;
  tag.remove_prefix(kTagPrefix.size());
  const auto last = tag.rfind('/');
  if (last == std::string_view::npos) return std::nullopt;
  const auto middle = tag.rfind('/', last - 1);
  if (last == 0 || middle == std::string_view::npos || middle == 0) return std::nullopt;
  const auto epoch = tag.substr(last + 1);
  const auto dot = epoch.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto generation = number(epoch.substr(0, dot));
  const auto counter = number(epoch.substr(dot + 1));
  if (!generation || !counter || *generation == 0) return std::nullopt;
  return PublisherTag{
      {ForwarderId(tag.substr(0, middle)), SessionId(tag.substr(middle + 1, last - middle - 1))},
      {*generation, *counter}};
}

}  // namespace weir::core
