#include "origin-agent/app/addresses.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/listen_address.h"

namespace weir::agent {
namespace {

Error bad_address(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message));
}

}  // namespace

bool is_wildcard_host(std::string_view host) {
  return host.empty() || host == "*" || host == "0.0.0.0" || host == "::";
}

bool is_origin_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
  };
  return !id.empty() && id.size() <= kOriginIdBytesMax &&
         std::all_of(id.begin(), id.end(), allowed);
}

Result<std::string> advertised_address(const std::string& origin, std::string_view key,
                                       const std::string& text, const Surroundings& around,
                                       const std::string& fallback) {
  const auto address = parse_host_port(text);
  if (!address)
    return bad_address(fmt::format("origin '{}': {}: {}", origin, key, address.error().message));
  if (address->port == 0)
    return bad_address(fmt::format("origin '{}': {}: '{}' names no port", origin, key, text));
  std::string host = address->host;
  if (is_wildcard_host(host)) {
    host = around.advertise.empty() ? fallback : around.advertise;
    if (host.empty() && around.remote_controlplane.empty()) host = "127.0.0.1";
    if (host.empty())
      return bad_address(
          fmt::format("origin '{}': {}: '{}' is every address of this host: give the one "
                      "that forwarders dial with --advertise",
                      origin, key, text));
  }
  if (is_loopback_host(host) && !around.remote_controlplane.empty())
    return bad_address(fmt::format(
        "origin '{}': {}: only this host reaches {}, but the control plane {} is "
        "elsewhere: give an address that forwarders reach, in its listener or, where that is a "
        "wildcard, with --advertise",
        origin, key, format_host_port(host, address->port), around.remote_controlplane));
  return format_host_port(host, address->port);
}

std::string local_address(const std::string& text, const std::string& here) {
  const auto address = parse_host_port(text);
  if (!address || !is_wildcard_host(address->host)) return text;
  if (!here.empty()) return format_host_port(here, address->port);
  return format_host_port(address->host == "::" ? "::1" : "127.0.0.1", address->port);
}

}  // namespace weir::agent
