#include "origin-agent/app/srs_settings.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "common/base/listen_address.h"

namespace weir::agent {
namespace {

using srs::ListenAddress;
using srs::Transport;

std::string text_of(const ListenAddress& address) {
  return format_host_port(address.host.empty() ? "0.0.0.0" : address.host, address.port);
}

/// IPv4 over an IPv6 socket is IPv4.
std::string plain_peer(std::string peer) {
  constexpr std::string_view kMapped = "::ffff:";
  if (peer.starts_with(kMapped) && peer.find('.') != std::string::npos)
    peer.erase(0, kMapped.size());
  return peer;
}

bool is_own(const std::string& host, const Surroundings& around) {
  return is_loopback_host(host) || (around.is_own_address && around.is_own_address(host));
}

/// This host dials what a sender names: its own machine, and nothing else that only this host may
/// reach. `entry`: a host that the configuration names is as good.
Result<void> may_be_dialled(std::string_view key, const ListenAddress& listener,
                            const Registration& registration, const Surroundings& around,
                            const OriginSettings* entry) {
  const std::string& host = listener.host;
  const std::string peer = plain_peer(registration.peer);
  if (host.empty() || host == peer) return {};
  if (is_loopback_host(host)) {
    if (is_own(peer, around)) return {};
  } else if (host == registration.heartbeat.ip || is_own(host, around)) {
    return {};
  }
  if (entry != nullptr) {
    const auto configured = parse_host_port(entry->local_rtmp);
    if (configured && configured->host == host) return {};
  }
  return make_error(
      boost::system::errc::invalid_argument,
      fmt::format("origin '{}': {}: {} is neither where this heartbeat came from ({}) nor its `ip`",
                  registration.heartbeat.server, key, text_of(listener), peer));
}

/// The host for its wildcards: what SRS guesses of itself, unless that is no address for others.
std::string own_host(const Registration& registration) {
  const std::string& ip = registration.heartbeat.ip;
  const bool plausible = !ip.empty() && std::all_of(ip.begin(), ip.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == ':' || c == '-';
  });
  if (plausible && !is_loopback_host(ip) && !is_wildcard_host(ip)) return ip;
  return plain_peer(registration.peer);
}

struct Named {
  std::string_view key;
  EndpointProtocol protocol;
  const std::vector<ListenAddress>* listeners;
};

/// One endpoint for each protocol: the first listener, for WebRTC the first that takes UDP.
const ListenAddress* choose(const Named& named) {
  const auto& listeners = *named.listeners;
  if (listeners.empty()) return nullptr;
  if (named.protocol != EndpointProtocol::kWebrtc) return &listeners.front();
  const auto udp = std::find_if(listeners.begin(), listeners.end(), [](const ListenAddress& one) {
    return one.transport == Transport::kUdp;
  });
  return udp == listeners.end() ? nullptr : &*udp;
}

/// `left_out`: listeners that are of no use to forwarders; only RTMP has to be.
Result<std::vector<OriginEndpoint>> endpoints_of(const Registration& registration,
                                                 const Surroundings& around,
                                                 ClientAddressMode client_address,
                                                 std::string& left_out) {
  const srs::Heartbeat& heartbeat = registration.heartbeat;
  const std::string name =
      heartbeat.server.empty() ? plain_peer(registration.peer) : heartbeat.server;
  std::vector<OriginEndpoint> endpoints;
  for (const Named& named : {Named{"rtmp", EndpointProtocol::kRtmp, &heartbeat.rtmp},
                             Named{"http", EndpointProtocol::kHttp, &heartbeat.http},
                             Named{"srt", EndpointProtocol::kSrt, &heartbeat.srt},
                             Named{"rtc", EndpointProtocol::kWebrtc, &heartbeat.rtc}}) {
    const ListenAddress* listener = choose(named);
    if (listener == nullptr) continue;
    auto address =
        advertised_address(name, named.key, text_of(*listener), around, own_host(registration));
    const bool is_rtmp = named.protocol == EndpointProtocol::kRtmp;
    if (!address && is_rtmp) return address.error();
    if (!address) {
      left_out += (left_out.empty() ? "" : "; ") + address.error().message;
      continue;
    }
    endpoints.push_back(
        {named.protocol, std::move(*address), is_rtmp ? client_address : ClientAddressMode::kNone});
  }
  return endpoints;
}

void apply_entry(const OriginSettings& entry, OriginSettings& out) {
  if (!entry.spec.id.empty()) out.spec.claimed_id = entry.spec.id;
  if (!entry.spec.zone.empty()) out.spec.zone = entry.spec.zone;
  for (const auto& [key, value] : entry.spec.labels) out.spec.labels[key] = value;
  const Capacity& capacity = entry.spec.capacity;
  if (capacity.streams > 0) out.spec.capacity.streams = capacity.streams;
  if (capacity.connections > 0) out.spec.capacity.connections = capacity.connections;
  if (capacity.egress_bits_per_second > 0)
    out.spec.capacity.egress_bits_per_second = capacity.egress_bits_per_second;
  out.cores = out.spec.capacity.cores = entry.cores;
  if (entry.client_address != ClientAddressMode::kNone) out.client_address = entry.client_address;
  // Endpoints that the entry names are those that forwarders are to dial.
  for (const OriginEndpoint& endpoint : entry.spec.endpoints) {
    const auto same = std::find_if(
        out.spec.endpoints.begin(), out.spec.endpoints.end(),
        [&](const OriginEndpoint& other) { return other.protocol == endpoint.protocol; });
    if (same == out.spec.endpoints.end()) {
      out.spec.endpoints.push_back(endpoint);
    } else {
      same->address = endpoint.address;
    }
  }
  for (OriginEndpoint& endpoint : out.spec.endpoints) {
    if (endpoint.protocol == EndpointProtocol::kRtmp) endpoint.client_address = out.client_address;
  }
}

}  // namespace

bool is_same_registration(const Registration& a, const Registration& b) {
  const auto all = [](const Registration& r) {
    const srs::Heartbeat& h = r.heartbeat;
    return std::tie(r.peer, h.server, h.service, h.pid, h.ip, h.rtmp, h.http, h.api, h.srt, h.rtc);
  };
  return all(a) == all(b);
}

OriginId claimed_id(const srs::Heartbeat& heartbeat) {
  std::string id = heartbeat.server.substr(0, kOriginIdBytesMax);
  for (char& c : id) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!is_origin_id(std::string_view(&c, 1))) c = '-';
  }
  return OriginId(std::move(id));
}

Result<OriginSettings> registered_settings(const Registration& registration,
                                           const SrsDefaults& defaults, const Surroundings& around,
                                           const OriginSettings* entry) {
  const srs::Heartbeat& heartbeat = registration.heartbeat;
  OriginSettings out;
  out.spec.claimed_id = claimed_id(heartbeat);
  out.spec.zone = defaults.zone;
  out.spec.labels = defaults.labels;
  out.spec.capacity = defaults.capacity;
  out.client_address = defaults.client_address;
  out.cores = defaults.capacity.cores;
  out.look_interval = defaults.look_interval;
  // Without SRS's API it may be any server: what it says of itself and its port have to do.
  const bool has_api = !heartbeat.api.empty();
  out.spec.kind = has_api ? OriginKind::kSrs : OriginKind::kGeneric;
  out.spec.lists_streams = has_api;
  for (const auto& [key, listeners] :
       {std::pair("rtmp", &heartbeat.rtmp), std::pair("api", &heartbeat.api)}) {
    if (listeners->empty()) continue;
    auto may = may_be_dialled(key, listeners->front(), registration, around, entry);
    if (!may) return may.error();
  }
  const std::string here = plain_peer(registration.peer);
  out.local_rtmp = local_address(text_of(heartbeat.rtmp.front()), here);
  if (has_api) {
    const auto api = parse_host_port(local_address(text_of(heartbeat.api.front()), here));
    if (!api) return api.error();
    out.api = HttpUrl{api->host, api->port, "/"};
    out.api_gets_credentials = is_own(api->host, around);
  }
  out.life = {heartbeat.pid, 0, heartbeat.service};
  out.server = heartbeat.server;
  auto endpoints = endpoints_of(registration, around, out.client_address, out.left_out);
  if (!endpoints) return endpoints.error();
  out.spec.endpoints = std::move(*endpoints);
  if (entry != nullptr) apply_entry(*entry, out);
  return out;
}

SavedRegistration to_saved(const Registration& registration) {
  const srs::Heartbeat& heartbeat = registration.heartbeat;
  SavedRegistration saved{.server = heartbeat.server,
                          .service = heartbeat.service,
                          .pid = heartbeat.pid,
                          .ip = heartbeat.ip,
                          .peer = registration.peer,
                          .rtmp = {},
                          .http = {},
                          .api = {},
                          .srt = {},
                          .rtc = {}};
  const auto add = [](const std::vector<ListenAddress>& from, std::vector<std::string>& to) {
    for (const ListenAddress& address : from) {
      const bool is_tcp = address.transport == Transport::kTcp;
      to.push_back((is_tcp ? "tcp://" : "udp://") + text_of(address));
    }
  };
  add(heartbeat.rtmp, saved.rtmp);
  add(heartbeat.http, saved.http);
  add(heartbeat.api, saved.api);
  add(heartbeat.srt, saved.srt);
  add(heartbeat.rtc, saved.rtc);
  return saved;
}

Result<Registration> from_saved(const SavedRegistration& saved) {
  Registration out;
  out.peer = saved.peer;
  srs::Heartbeat& heartbeat = out.heartbeat;
  heartbeat.server = saved.server;
  heartbeat.service = saved.service;
  heartbeat.pid = saved.pid;
  heartbeat.ip = saved.ip;
  for (const auto& [from, to] : {std::pair{&saved.rtmp, &heartbeat.rtmp},
                                 {&saved.http, &heartbeat.http},
                                 {&saved.api, &heartbeat.api},
                                 {&saved.srt, &heartbeat.srt},
                                 {&saved.rtc, &heartbeat.rtc}}) {
    for (const std::string& text : *from) {
      auto address = srs::parse_srs_listen(text, Transport::kTcp);
      if (!address) return address.error();
      to->push_back(std::move(*address));
    }
  }
  // Earlier versions took and saved any bytes.
  for (const std::string* name : {&heartbeat.server, &heartbeat.service}) {
    if (!srs::is_srs_name(*name))
      return make_error(boost::system::errc::invalid_argument, "it names no SRS");
  }
  if (heartbeat.rtmp.empty())
    return make_error(boost::system::errc::invalid_argument, "it names no RTMP listener");
  return out;
}

ProcessIdentity parse_srs_life(const std::string& process) {
  const std::size_t dot = process.rfind('.');
  if (dot == std::string::npos || dot == 0) return {};
  ProcessIdentity life{0, 0, process.substr(0, dot)};
  const char* const end = process.data() + process.size();
  const auto [rest, error] = std::from_chars(process.data() + dot + 1, end, life.pid);
  if (error != std::errc() || rest != end) return {};
  return life;
}

}  // namespace weir::agent
