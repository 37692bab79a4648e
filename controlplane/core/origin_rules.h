#pragma once
// Rules that a description of an origin must meet, from whomever it comes.
// Threading: pure.

#include <string>
#include <string_view>

#include "controlplane/model/origin.h"

namespace weir::core {

/// What is wrong with it, for people; empty = nothing.
std::string description_error(const model::OriginDescription& description);
/// An endpoint that only the host itself can reach, where others must; empty = none.
std::string loopback_error(const model::OriginDescription& description);
/// `address:port`, or gRPC's `ipv4:…`, `ipv6:…`, `unix:…`.
bool is_loopback_peer(std::string_view peer);

}  // namespace weir::core
