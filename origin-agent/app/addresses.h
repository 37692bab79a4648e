#pragma once
// Where an origin is, for forwarders and for this host: wildcards and loopback addresses resolved
// by one set of rules for configured and registered origins.
// Threading: pure functions. Lifetime: values.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace weir::agent {

/// What is known about all origins of this agent while one is read.
struct Surroundings {
  std::string advertise;
  /// A control-plane replica on another machine; empty = all are on this one.
  std::string remote_controlplane;
  /// Whether a host's address is one of this machine (own_address.h); unset = loopback alone is.
  std::function<bool(const std::string& host)> is_own_address = nullptr;
};

bool is_wildcard_host(std::string_view host);

/// Whether `id` may be the id of an origin: lower-case letters, digits, '-', '.', ':', 63 bytes.
inline constexpr std::size_t kOriginIdBytesMax = 63;
bool is_origin_id(std::string_view id);

/// The address forwarders are told for the listener `text` (`host:port`). `fallback`: the host
/// where the listener is a wildcard and nothing is advertised; empty = none is known. Errors
/// (invalid_argument) name the origin, the key and what to write instead.
Result<std::string> advertised_address(const std::string& origin, std::string_view key,
                                       const std::string& text, const Surroundings& around,
                                       const std::string& fallback = {});

/// Where this host dials the listener `text`; `here`: the host of a wildcard, empty = loopback.
std::string local_address(const std::string& text, const std::string& here = {});

}  // namespace weir::agent
