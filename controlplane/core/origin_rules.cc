#include "controlplane/core/origin_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/listen_address.h"
#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

constexpr std::size_t kOriginIdBytesMax = 63;

bool id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' ||
         c == '[' || c == ']' || c == '_';
}

}  // namespace

std::string description_error(const model::OriginDescription& description) {
  const std::string& id = description.id.str();
  if (id.empty() || id.size() > kOriginIdBytesMax ||
      !std::all_of(id.begin(), id.end(), id_character)) {
    return fmt::format("origin id '{}' is not 1 to {} lower-case letters, digits, '-', '.', ':'",
                       id.substr(0, kOriginIdBytesMax), kOriginIdBytesMax);
  }
  if (description.endpoints.empty()) return "no endpoint is given";
  if (description.endpoints.size() > kEndpointsMax) return "too many endpoints";
  if (description.software_version.size() > kTextBytesMax) return "its version is too long";
  if (description.labels.size() > kLabelsMax) return "too many labels";
  for (const auto& [key, value] : description.labels) {
    if (key.size() > kTextBytesMax || value.size() > kTextBytesMax) return "a label is too long";
  }
  bool rtmp = false;
  for (const auto& endpoint : description.endpoints) {
    const auto parsed = parse_host_port(endpoint.address);
    if (!parsed || parsed->host.empty() || parsed->port == 0) {
      return fmt::format("endpoint '{}' is not host:port", endpoint.address);
    }
    const bool is_rtmp = endpoint.protocol == model::Protocol::kRtmp;
    if (!is_rtmp && endpoint.client_address != ClientAddressMode::kNone) {
      return fmt::format("endpoint '{}': only RTMP has a client address mode", endpoint.address);
    }
    rtmp = rtmp || is_rtmp;
  }
  if (!rtmp) return "no RTMP endpoint is given";
  return {};
}

std::string loopback_error(const model::OriginDescription& description) {
  for (const auto& endpoint : description.endpoints) {
    const auto parsed = parse_host_port(endpoint.address);
    if (parsed && is_loopback_host(parsed->host)) {
      return fmt::format(
          "endpoint {} can only be reached on its own host; give the agent an "
          "address that forwarders reach (--advertise)",
          endpoint.address);
    }
  }
  return {};
}

bool is_loopback_peer(std::string_view peer) {
  if (peer.starts_with("unix:")) return true;
  for (const std::string_view prefix : {"ipv4:", "ipv6:"}) {
    if (peer.starts_with(prefix)) peer.remove_prefix(prefix.size());
  }
  // gRPC percent-encodes the brackets of IPv6 peers.
  std::string text(peer);
  for (const auto& [from, to] : {std::pair{"%5B", "["}, std::pair{"%5D", "]"}}) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from)) {
      text.replace(at, 3, to);
    }
  }
  const auto parsed = parse_host_port(text);
  return parsed && is_loopback_host(parsed->host);
}

}  // namespace weir::core
