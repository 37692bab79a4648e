#include "dataplane/app/forwarder_options.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/base/cidr.h"
#include "common/base/listen_address.h"
#include "common/config/daemon.h"
#include "dataplane/admission/limits.h"
#include "dataplane/app/connect_profile.h"
#include "weir/config/v1/config.pb.h"

namespace weir::forwarder {
namespace {

/// Descriptors for everything but sessions: listeners, event loops, gRPC, admin, files, and sockets
/// that are only being flushed.
constexpr std::uint64_t kDescriptorsReserved = 256;

}  // namespace

Result<ForwarderOptions> make_options(const config::v1::ForwarderConfig& config) {
  using std::chrono::milliseconds;
  ForwarderOptions options;
  options.controlplane.assign(config.controlplane().begin(), config.controlplane().end());
  if (options.controlplane.empty())
    return make_error(boost::system::errc::invalid_argument,
                      "controlplane: no replica given; --controlplane HOST:PORT[,HOST:PORT…]");
  for (const std::string& endpoint : options.controlplane) {
    if (const auto parsed = parse_host_port(endpoint); !parsed || parsed->port == 0)
      return make_error(boost::system::errc::invalid_argument,
                        fmt::format("controlplane: '{}' is not host:port", endpoint));
  }
  if (config.rtmp().empty())
    return make_error(boost::system::errc::invalid_argument,
                      "rtmp: this forwarder would have no listener; --rtmp [HOST]:PORT");
  auto token = config::read_token(config.common());
  if (!token) return token.error();
  options.token = std::move(*token);
  options.insecure = config.common().insecure();
  options.admin = config.common().admin();
  options.state_dir = config.common().state_dir();
  options.id = config.id();
  options.zone = config.zone();
  options.advertise.assign(config.advertise().begin(), config.advertise().end());
  options.rtmp = config.rtmp();
  options.workers =
      config.workers() != 0 ? config.workers() : std::max(1U, std::thread::hardware_concurrency());
  const auto& rtmp = config.rtmp_options();
  options.connections_max = rtmp.max_connections();
  options.rtmp_session.publish_hold = milliseconds(rtmp.publish_hold_ms());
  options.rtmp_session.play_wait = milliseconds(rtmp.play_wait_ms());
  options.rtmp_session.dial_timeout = milliseconds(rtmp.dial_timeout_ms());
  options.rtmp_session.origin_tag = rtmp.origin_tag() != "off";
  for (const std::string& text : rtmp.proxy_protocol_from()) {
    auto network = Cidr::parse(text);
    if (!network) return network.error();
    options.rtmp_session.proxy_protocol_from.push_back(*network);
  }
  const auto& limits = rtmp.limits();
  options.queued_bytes_max = std::size_t{limits.queued_mib()} << 20U;
  options.address_limits.concurrent = limits.concurrent_per_address();
  options.address_limits.connects_per_second = limits.connects_per_second_per_address();
  options.address_limits.failures_per_minute = limits.failed_identifications_per_minute();
  for (const std::string& text : limits.exempt_from()) {
    const auto network = Cidr::parse(text);
    if (!network)
      return make_error(
          boost::system::errc::invalid_argument,
          fmt::format("rtmp_options.limits.exempt_from: {}", network.error().message));
    options.address_limits.exempt.push_back(*network);
  }
  auto profile = make_connect_profile(rtmp.connect_profile());
  if (!profile) return profile.error();
  options.rtmp_session.connect_profile = std::move(*profile);
  return options;
}

admission::AddressLimits complete(admission::AddressLimits limits, std::size_t connections_max) {
  if (limits.concurrent == 0)
    limits.concurrent = static_cast<std::uint32_t>(
        std::max<std::size_t>(connections_max / 4 * 3 + connections_max % 4, 1));
  limits.large_share = std::max<std::uint32_t>(limits.concurrent / 2, 1);
  return limits;
}

admission::WaitingLimits waiting_limits(std::size_t connections_max, std::vector<Cidr> exempt) {
  return {.per_stream = admission::kWaitingPerStreamMax,
          .per_address = admission::kWaitingPerAddressMax,
          .in_all = static_cast<std::uint32_t>(
              std::max<std::size_t>(connections_max / admission::kWaitingParts, 1)),
          .exempt = std::move(exempt)};
}

std::size_t connections_borne(std::size_t configured, std::uint64_t descriptors) {
  if (descriptors == 0) return configured;
  // A tight limit leaves at least half for sessions.
  const std::uint64_t reserved = std::min(kDescriptorsReserved, descriptors / 2);
  const std::uint64_t borne = std::max<std::uint64_t>((descriptors - reserved) / 2, 1);
  return static_cast<std::size_t>(std::min<std::uint64_t>(configured, borne));
}

}  // namespace weir::forwarder
