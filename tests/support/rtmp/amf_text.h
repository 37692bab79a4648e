#pragma once
// AMF values as scripts write them, and as recordings show them.
//
// Purpose: a JSON value stands for the AMF0 value of the same kind, with properties in the order of
// the text; what JSON has no word for is an object with one member whose name begins with `$`
// (docs/testing.md lists them). Threading: pure. Lifetime: values.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/support/rtmp/json.h"

namespace weir::tests {

/// Numbers that a script leaves to the session.
struct AmfContext {
  double transaction = 0;     ///< {"$transaction": true}
  std::uint32_t streams = 0;  ///< {"$next_stream": true} counts on and answers
};

/// Appends the value in AMF0 ({"$amf3": …}: behind marker 0x11 in AMF3). False: `why` says what.
bool write_amf0(const Json& value, AmfContext& context, std::vector<std::uint8_t>& out,
                std::string& why);

/// `[value, …]` of the AMF0 values in `bytes`; what cannot be read is shown as {"$hex": …}.
std::string amf0_to_json(std::span<const std::uint8_t> bytes);

/// Bytes of hexadecimal digits, blanks allowed. False: something else is in it.
bool parse_hex(std::string_view text, std::vector<std::uint8_t>& out);

}  // namespace weir::tests
