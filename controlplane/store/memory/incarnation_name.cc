#include "controlplane/store/memory/incarnation_name.h"

#include <charconv>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace weir::store {
namespace {

// Crockford's alphabet in lower case: digits keep their order, no letter looks like a digit.
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";

std::string to_base32(std::uint64_t value) {
  std::string text;
  do {
    text.insert(text.begin(), kDigits[value % 32]);
    value /= 32;
  } while (value != 0);
  return text;
}

std::optional<std::uint64_t> from_base32(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos || value > std::numeric_limits<std::uint64_t>::max() / 32) {
      return std::nullopt;
    }
    value = value * 32 + digit;
  }
  return value;
}

std::optional<std::uint64_t> from_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

IncarnationId format(const IncarnationName& name) {
  return IncarnationId(name.origin.str() + '.' + to_base32(name.generation) + '.' +
                       std::to_string(name.number));
}

std::optional<IncarnationName> parse(const IncarnationId& id) {
  // From the right: an origin's id is often an address, with dots of its own.
  const std::string_view text = id.str();
  const auto last = text.rfind('.');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const auto middle = text.rfind('.', last - 1);
  if (middle == std::string_view::npos || middle == 0) return std::nullopt;
  const auto generation = from_base32(text.substr(middle + 1, last - middle - 1));
  const auto number = from_decimal(text.substr(last + 1));
  if (!generation || !number) return std::nullopt;
  return IncarnationName{OriginId(text.substr(0, middle)), *generation, *number};
}

}  // namespace weir::store
