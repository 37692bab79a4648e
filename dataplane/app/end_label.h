#pragma once
// The label that a connection's end is counted under.
//
// Purpose: the reason in the log is for people and may carry a client's or an origin's words behind
// a colon; metrics need a small closed set. Threading: pure. Lifetime: the result is static.

#include <string_view>

namespace weir::forwarder {

/// UPPER_SNAKE; `OTHER` for what has no label of its own.
std::string_view end_label(std::string_view reason);

}  // namespace weir::forwarder
