#include "common/base/client_address.h"

#include <array>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/base/cidr.h"
#include "common/base/listen_address.h"

namespace weir {
namespace {

constexpr auto kNames = std::to_array<std::pair<ClientAddressMode, std::string_view>>({
    {ClientAddressMode::kNone, "none"},
    {ClientAddressMode::kProxyV1, "proxy-v1"},
    {ClientAddressMode::kSrsPrefix, "srs-prefix"},
});

constexpr std::uint8_t kSrsPrefixMark = 0xF3;

std::vector<std::uint8_t> proxy_line(const std::optional<IpAddress>& client,
                                     std::uint16_t client_port, std::string_view target) {
  std::string line = "PROXY UNKNOWN\r\n";
  if (client) {
    const auto to = parse_host_port(target);
    auto address = to ? IpAddress::parse(to->host) : std::nullopt;
    if (!address || address->is_v4() != client->is_v4()) {
      // The line has one family for both, and the client's address must stay what it is.
      address = IpAddress::parse(client->is_v4() ? "0.0.0.0" : "::");
    }
    line = fmt::format("PROXY {} {} {} {} {}\r\n", client->is_v4() ? "TCP4" : "TCP6", client->str(),
                       address->str(), client_port, to ? to->port : 0);
  }
  return {line.begin(), line.end()};
}

}  // namespace

std::string_view to_string(ClientAddressMode mode) {
  for (const auto& [known, name] : kNames) {
    if (known == mode) return name;
  }
  return "none";
}

std::optional<ClientAddressMode> parse_client_address_mode(std::string_view text) {
  for (const auto& [mode, name] : kNames) {
    if (name == text) return mode;
  }
  return std::nullopt;
}

std::vector<std::uint8_t> client_address_prefix(ClientAddressMode mode, std::string_view client,
                                                std::string_view target) {
  if (mode == ClientAddressMode::kNone) return {};
  const auto from = parse_host_port(client);
  const auto address = from ? IpAddress::parse(from->host) : std::nullopt;
  if (mode == ClientAddressMode::kProxyV1)
    return proxy_line(address, from ? from->port : std::uint16_t{0}, target);
  if (!address || !address->is_v4()) return {};
  const auto v4 = std::span(address->bytes).last<4>();
  return {kSrsPrefixMark, 0, v4.size(), v4[0], v4[1], v4[2], v4[3]};
}

}  // namespace weir
