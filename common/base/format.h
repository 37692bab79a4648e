#pragma once
// Lets fmt print every class that has a `format_as` beside it. fmt 10 does this itself; Debian 12
// has fmt 9. Threading: pure. Lifetime: none.

#include <concepts>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

namespace weir {

template <class T>
concept FormattedAsText = std::is_class_v<T> && requires(const T& value) {
  { format_as(value) } -> std::convertible_to<std::string_view>;
};

}  // namespace weir

#if FMT_VERSION < 100000
template <weir::FormattedAsText T>
struct fmt::formatter<T, char> : fmt::formatter<std::string_view, char> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    // Named, so that a text made by format_as lives until it is copied.
    const auto& text = format_as(value);
    return fmt::formatter<std::string_view, char>::format(std::string_view(text), context);
  }
};
#endif
