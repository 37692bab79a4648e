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

Error bad(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message));
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
  const auto mode = parse_client_address_mode(config.client_address());
  out.client_address = mode.value_or(ClientAddressMode::kNone);
  const auto listener = parse_host_port(config.rtmp());
  out.takes_registered_hosts =
      config.type() == "srs" && config.api().empty() && listener && listener->port != 0 &&
      (is_wildcard_host(listener->host) || is_loopback_host(listener->host));
  if (!out.takes_registered_hosts) {
    auto rtmp = advertised_address(name, "rtmp", config.rtmp(), around);
    if (!rtmp) return rtmp.error();
    out.spec.endpoints.push_back({EndpointProtocol::kRtmp, *rtmp, out.client_address});
  }
  out.local_rtmp = local_address(config.rtmp());
  if (config.http().empty()) return {};
  auto media = advertised_address(name, "http", config.http(), around);
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

  std::string id = config.id();
  if (id.empty())
    id = out.takes_registered_hosts ? out.local_rtmp : out.spec.endpoints.front().address;
  // An IPv6 endpoint as id: brackets are not part of ids.
  std::erase_if(id, [](char c) { return c == '[' || c == ']'; });
  if (!is_origin_id(id))
    return bad(
        fmt::format("origin '{}': id: lower-case letters, digits, '-', '.' and ':', at most "
                    "{} of them",
                    name, kOriginIdBytesMax));
  out.spec.id = OriginId(id);
  out.pid_file = config.pidfile();
  auto stat = read_url(name, "stat", config.stat());
  if (!stat) return stat.error();
  auto control = read_url(name, "control", config.control());
  if (!control) return control.error();
  out.stat = std::move(*stat);
  out.control = std::move(*control);
  auto api = read_url(name, "api", config.api());
  if (!api) return api.error();
  out.api = std::move(*api);
  out.api_gets_credentials = out.api.has_value();
  if (out.api && config.type() != "srs")
    return bad(fmt::format("origin '{}': api belongs to type=srs", name));
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
  if (config.type() == "srs") {
    out.spec.kind = OriginKind::kSrs;
    out.spec.lists_streams = true;
    // Its process is found by what it says of itself.
    if (!out.pid_file.empty())
      return bad(fmt::format("origin '{}': type=srs needs no pidfile", name));
  }
  out.spec.zone = config.zone();
  out.spec.labels = {config.labels().begin(), config.labels().end()};
  out.cores = config.cores() > 0 ? config.cores() : 1;
  out.spec.capacity.streams = config.max_streams();
  out.spec.capacity.egress_bits_per_second = config.max_egress_bits_per_second();
  out.spec.capacity.connections = config.max_connections();
  out.spec.capacity.cores = out.cores;
  return out;
}

SrsDefaults read_srs(const pb::SrsConfig& config) {
  SrsDefaults out;
  out.listen = config.listen();
  out.zone = config.zone();
  out.labels = {config.labels().begin(), config.labels().end()};
  out.capacity.streams = config.max_streams();
  out.capacity.egress_bits_per_second = config.max_egress_bits_per_second();
  out.capacity.cores = 1;  // an SRS relays on one thread
  out.capacity.connections = config.max_connections();
  out.client_address =
      parse_client_address_mode(config.client_address()).value_or(ClientAddressMode::kNone);
  if (config.look_interval_ms() > 0)
    out.look_interval = std::chrono::milliseconds(config.look_interval_ms());
  out.forget_after = std::chrono::seconds(config.forget_after_s());
  out.api_auth_file = config.api_auth_file();
  return out;
}

Result<void> read_origins(const pb::OriginAgentConfig& config, AgentSettings& settings) {
  std::set<OriginId> ids;
  for (int i = 0; i < config.origins_size(); ++i) {
    auto origin = read_origin(config.origins(i), static_cast<std::size_t>(i), settings.around);
    if (!origin) return origin.error();
    if (!ids.insert(origin->spec.id).second)
      return bad(fmt::format("two origins have the id '{}'", origin->spec.id.str()));
    const bool is_srs = origin->spec.kind == OriginKind::kSrs;
    if (is_srs) origin->look_interval = settings.srs.look_interval;
    if (is_srs && !origin->api) {
      if (settings.srs.listen.empty())
        return bad(
            fmt::format("origin '{}': api is missing: where it cannot register (srs.listen is "
                        "empty) type=srs needs api=http://host:port",
                        origin->spec.id.str()));
      // Without an id of its own it keeps the one it registers with.
      if (config.origins(i).id().empty()) origin->spec.id = OriginId();
      settings.srs_overrides.push_back(std::move(*origin));
    } else {
      settings.origins.push_back(std::move(*origin));
    }
  }
  return {};
}

}  // namespace

bool is_asked_alike(const OriginSettings& a, const OriginSettings& b) {
  return a.spec.kind == b.spec.kind && a.local_rtmp == b.local_rtmp &&
         a.client_address == b.client_address && a.stat == b.stat && a.control == b.control &&
         a.api == b.api && a.server == b.server && a.pid_file == b.pid_file;
}

Result<AgentSettings> make_settings(const pb::OriginAgentConfig& config,
                                    const std::string& hostname) {
  AgentSettings settings;
  settings.id = AgentId(config.id().empty() ? hostname : config.id());
  if (settings.id.empty()) return bad("id is missing and this host has no name: give --id");
  settings.controlplane = {config.controlplane().begin(), config.controlplane().end()};
  if (settings.controlplane.empty())
    return bad("controlplane is missing: give --controlplane host:port");
  settings.around.advertise = config.advertise();
  for (const std::string& replica : settings.controlplane) {
    const auto address = parse_host_port(replica);
    if (!address || address->host.empty() || address->port == 0)
      return bad(fmt::format("controlplane: '{}' is not host:port", replica));
    if (!is_loopback_host(address->host)) settings.around.remote_controlplane = replica;
  }
  settings.srs = read_srs(config.srs());
  if (config.origins().empty() && settings.srs.listen.empty())
    return bad("no origins: give --origin 'rtmp=host:port,…' or --srs-register host:port");
  if (static_cast<std::size_t>(config.origins_size()) > kOriginsMax)
    return bad(fmt::format("{} origins are more than {}", config.origins_size(), kOriginsMax));
  if (auto read = read_origins(config, settings); !read) return read.error();
  return settings;
}

}  // namespace weir::agent
