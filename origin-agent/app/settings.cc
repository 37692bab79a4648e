#include "origin-agent/app/settings.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/base/listen_address.h"
#include "origin-agent/report/limits.h"
#include "weir/config/v1/config.pb.h"

namespace weir::agent {
namespace {

namespace pb = config::v1;

constexpr std::size_t kIdBytesMax = 63;

Error bad(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message));
}

bool is_wildcard(std::string_view host) {
  return host.empty() || host == "*" || host == "0.0.0.0" || host == "::";
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
  });
}

/// What is known about all origins of this agent while one is read.
struct Surroundings {
  std::string advertise;
  /// A control-plane replica on another machine; empty = all are on this one.
  std::string remote_controlplane;
};

/// The address forwarders are told for `text`.
Result<std::string> advertised(const std::string& origin, std::string_view key,
                               const std::string& text, const Surroundings& around) {
  const auto address = parse_host_port(text);
  if (!address)
    return bad(fmt::format("origin '{}': {}: {}", origin, key, address.error().message));
  if (address->port == 0)
    return bad(fmt::format("origin '{}': {}: '{}' names no port", origin, key, text));
  std::string host = address->host;
  if (is_wildcard(host)) {
    host = around.advertise;
    if (host.empty() && around.remote_controlplane.empty()) host = "127.0.0.1";
    if (host.empty())
      return bad(
          fmt::format("origin '{}': {}: '{}' is every address of this host: give the one "
                      "that forwarders dial with --advertise",
                      origin, key, text));
  }
  if (is_loopback_host(host) && !around.remote_controlplane.empty())
    return bad(fmt::format(
        "origin '{}': {}: only this host reaches {}, but the control plane {} is "
        "elsewhere: give an address that forwarders reach",
        origin, key, format_host_port(host, address->port), around.remote_controlplane));
  return format_host_port(host, address->port);
}

std::string local_address(const std::string& text) {
  const auto address = parse_host_port(text);
  if (!address) return text;
  if (address->host == "::") return format_host_port("::1", address->port);
  if (is_wildcard(address->host)) return format_host_port("127.0.0.1", address->port);
  return text;
}

Result<std::optional<HttpUrl>> read_url(const std::string& origin, std::string_view key,
                                        const std::string& text) {
  if (text.empty()) return std::optional<HttpUrl>();
  auto url = parse_http_url(text);
  if (!url) return bad(fmt::format("origin '{}': {}: {}", origin, key, url.error().message));
  return std::optional<HttpUrl>(std::move(*url));
}

Result<void> read_endpoints(const pb::OriginConfig& config, const std::string& name,
                            const Surroundings& around, OriginSettings& out) {
  if (config.rtmp().empty())
    return bad(fmt::format("origin '{}': rtmp is missing: write rtmp=host:port", name));
  auto rtmp = advertised(name, "rtmp", config.rtmp(), around);
  if (!rtmp) return rtmp.error();
  const auto mode = parse_client_address_mode(config.client_address());
  out.client_address = mode.value_or(ClientAddressMode::kNone);
  out.spec.endpoints.push_back({EndpointProtocol::kRtmp, *rtmp, out.client_address});
  out.local_rtmp = local_address(config.rtmp());
  if (config.http().empty()) return {};
  auto media = advertised(name, "http", config.http(), around);
  if (!media) return media.error();
  out.spec.endpoints.push_back({EndpointProtocol::kHttp, std::move(*media)});
  return {};
}

Result<OriginSettings> read_origin(const pb::OriginConfig& config, std::size_t index,
                                   const Surroundings& around) {
  std::string name = !config.id().empty() ? config.id() : config.rtmp();
  if (name.empty()) name = fmt::format("#{}", index + 1);
  OriginSettings out;
  if (auto done = read_endpoints(config, name, around, out); !done) return done.error();

  std::string id = !config.id().empty() ? config.id() : out.spec.endpoints.front().address;
  // An IPv6 endpoint as id: brackets are not part of ids.
  std::erase_if(id, [](char c) { return c == '[' || c == ']'; });
  if (!is_id(id))
    return bad(
        fmt::format("origin '{}': id: lower-case letters, digits, '-', '.' and ':', at most "
                    "{} of them",
                    name, kIdBytesMax));
  out.spec.id = OriginId(id);
  out.pid_file = config.pidfile();
  auto stat = read_url(name, "stat", config.stat());
  if (!stat) return stat.error();
  auto control = read_url(name, "control", config.control());
  if (!control) return control.error();
  out.stat = std::move(*stat);
  out.control = std::move(*control);
  if (config.type() == "nginx-rtmp") {
    if (!out.stat)
      return bad(
          fmt::format("origin '{}': stat is missing: type nginx-rtmp needs "
                      "stat=http://host:port/stat (`rtmp_stat all` in nginx)",
                      name));
    out.spec.kind = OriginKind::kNginxRtmp;
    out.spec.lists_streams = true;
  } else if (out.stat || out.control) {
    return bad(fmt::format("origin '{}': stat and control belong to type=nginx-rtmp", name));
  }
  out.spec.zone = config.zone();
  out.spec.labels = {config.labels().begin(), config.labels().end()};
  out.cores = config.cores() > 0 ? config.cores() : 1;
  out.spec.capacity.streams = config.max_streams();
  out.spec.capacity.egress_bits_per_second = config.max_egress_bits_per_second();
  out.spec.capacity.cores = out.cores;
  return out;
}

}  // namespace

bool is_asked_alike(const OriginSettings& a, const OriginSettings& b) {
  return a.spec.kind == b.spec.kind && a.local_rtmp == b.local_rtmp &&
         a.client_address == b.client_address && a.stat == b.stat && a.control == b.control &&
         a.api == b.api && a.pid_file == b.pid_file;
}

Result<AgentSettings> make_settings(const pb::OriginAgentConfig& config,
                                    const std::string& hostname) {
  AgentSettings settings;
  settings.id = AgentId(config.id().empty() ? hostname : config.id());
  if (settings.id.empty()) return bad("id is missing and this host has no name: give --id");
  settings.controlplane = {config.controlplane().begin(), config.controlplane().end()};
  if (settings.controlplane.empty())
    return bad("controlplane is missing: give --controlplane host:port");
  Surroundings around{config.advertise(), {}};
  for (const std::string& replica : settings.controlplane) {
    const auto address = parse_host_port(replica);
    if (!address || address->host.empty() || address->port == 0)
      return bad(fmt::format("controlplane: '{}' is not host:port", replica));
    if (!is_loopback_host(address->host)) around.remote_controlplane = replica;
  }
  if (config.origins().empty()) return bad("no origins: give --origin 'rtmp=host:port,…'");
  if (static_cast<std::size_t>(config.origins_size()) > kOriginsMax)
    return bad(fmt::format("{} origins are more than {}", config.origins_size(), kOriginsMax));
  std::set<OriginId> ids;
  for (const pb::OriginConfig& one : config.origins()) {
    auto origin = read_origin(one, settings.origins.size(), around);
    if (!origin) return origin.error();
    if (!ids.insert(origin->spec.id).second)
      return bad(fmt::format("two origins have the id '{}'", origin->spec.id.str()));
    settings.origins.push_back(std::move(*origin));
  }
  return settings;
}

}  // namespace weir::agent
