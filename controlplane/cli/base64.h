#pragma once
// Base64 (RFC 4648, section 4) for resume tokens, as protobuf's JSON writes bytes.
// Threading: pure. Lifetime: values.

#include <optional>
#include <string>
#include <string_view>

namespace weir::cli {

std::string base64_encode(std::string_view bytes);
/// Nothing when `text` is not base64; the padding may be missing.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace weir::cli
