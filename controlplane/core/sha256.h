#pragma once
// SHA-256, for what is only ever compared: tokens are random, so a plain digest hides them well.
// Threading: pure.

#include <string>
#include <string_view>

namespace weir::core {

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view text);

}  // namespace weir::core
