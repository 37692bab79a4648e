#pragma once
// Text of unknown origin as UTF-8. Threading: pure functions. Lifetime: none.
//
// Purpose: protobuf refuses a whole message for one `string` field that is not UTF-8, and JSON
// knows nothing else. What clients and servers send may be any bytes.

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// Length of the well-formed sequence at the start of `text` (Unicode 15, table 3-7); 0 = none, or
/// nothing there.
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

/// Each byte that belongs to no sequence becomes U+FFFD. At most `max_bytes` long, cut before the
/// character that no longer fits.
std::string to_utf8(std::string_view text, std::size_t max_bytes);

}  // namespace weir
