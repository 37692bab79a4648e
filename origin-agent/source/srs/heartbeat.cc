#include "origin-agent/source/srs/heartbeat.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "origin-agent/source/srs/json_walk.h"
#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

constexpr std::string_view kConfigureInstead =
    "SRS 5.0.215 and later tell them with `heartbeat { enabled on; ports on; }`; for an older one "
    "configure the origin under `origins` of the agent";

Error invalid(std::string what) {
  return make_error(boost::system::errc::invalid_argument, std::move(what), Side::kOrigin);
}

/// Cut where a log line would end it: these texts come from anybody.
std::string_view brief(std::string_view text) {
  return text.substr(0, 64);
}

/// Of an address or a name; more would end up in other people's URLs.
bool is_host(std::string_view text, bool bracketed) {
  return text.size() <= kHeartbeatTextBytesMax &&
         std::all_of(text.begin(), text.end(), [bracketed](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' ||
                               (bracketed && (c == ':' || c == '%')));
         });
}

class HeartbeatWalk final : public JsonVisitor {
 public:
  void begin(JsonPath path) override {
    if (path.size() == 1 && path[0] == "rtmp") has_ports_ = true;
  }
  void scalar(JsonPath path, const JsonScalar& value) override {
    if (path.size() == 1) top(path[0], value);
    if (path.size() == 2 && path[1] == "[]") address(path[0], value);
  }
  Result<Heartbeat> take();

 private:
  void top(const std::string& key, const JsonScalar& value);
  void address(const std::string& key, const JsonScalar& value);
  void fail(std::string what) {
    if (!error_) error_ = invalid(std::move(what));
  }

  Heartbeat heartbeat_;
  bool has_ports_ = false;
  std::optional<Error> error_;
};

void HeartbeatWalk::top(const std::string& key, const JsonScalar& value) {
  std::string* const text = key == "server"      ? &heartbeat_.server
                            : key == "service"   ? &heartbeat_.service
                            : key == "device_id" ? &heartbeat_.device_id
                            : key == "ip"        ? &heartbeat_.ip
                                                 : nullptr;
  if (text != nullptr) {
    if (value.kind == JsonScalar::Kind::kNull) return;
    if (value.kind != JsonScalar::Kind::kText) return fail(fmt::format("`{}` is no text", key));
    if (value.text.size() > kHeartbeatTextBytesMax)
      return fail(fmt::format("`{}` is longer than {} bytes", key, kHeartbeatTextBytesMax));
    *text = value.text;
  } else if (key == "pid") {
    const std::uint64_t pid = value.as_count();
    if (pid == 0 || pid > std::numeric_limits<std::int32_t>::max())
      return fail("`pid` is no process id");
    heartbeat_.pid = static_cast<std::int32_t>(pid);
  } else {
    // A script may write one address without a list around it.
    address(key, value);
    if (key == "rtmp") has_ports_ = true;
  }
}

void HeartbeatWalk::address(const std::string& key, const JsonScalar& value) {
  std::vector<ListenAddress>* const list = key == "rtmp"   ? &heartbeat_.rtmp
                                           : key == "http" ? &heartbeat_.http
                                           : key == "api"  ? &heartbeat_.api
                                           : key == "srt"  ? &heartbeat_.srt
                                           : key == "rtc"  ? &heartbeat_.rtc
                                                           : nullptr;
  if (list == nullptr || value.kind == JsonScalar::Kind::kNull) return;
  if (list->size() >= kHeartbeatAddressesMax)
    return fail(fmt::format("`{}` lists more than {} addresses", key, kHeartbeatAddressesMax));
  const Transport otherwise = key == "srt" || key == "rtc" ? Transport::kUdp : Transport::kTcp;
  std::string number;
  std::string_view text = value.text;
  if (value.kind == JsonScalar::Kind::kNumber) {
    number = fmt::format("{}", value.as_count());
    text = number;
  }
  auto parsed = parse_srs_listen(text, otherwise);
  if (!parsed) return fail(fmt::format("`{}`: {}", key, parsed.error().message));
  list->push_back(std::move(*parsed));
}

Result<Heartbeat> HeartbeatWalk::take() {
  if (error_) return *error_;
  for (const auto& [key, text] :
       {std::pair("server", &heartbeat_.server), std::pair("service", &heartbeat_.service)}) {
    if (text->empty())
      return invalid(fmt::format(
          "the heartbeat names no `{}`: it is of an SRS that does not tell who it is. {}", key,
          kConfigureInstead));
    if (!is_srs_name(*text))
      return invalid(fmt::format("`{}` is not of letters, digits and signs of ASCII alone", key));
  }
  if (heartbeat_.pid == 0)
    return invalid(fmt::format("the heartbeat of SRS '{}' names no `pid`. {}",
                               brief(heartbeat_.server), kConfigureInstead));
  if (!has_ports_ || heartbeat_.rtmp.empty())
    return invalid(fmt::format("the heartbeat of SRS '{}' names no `rtmp` port. {}",
                               brief(heartbeat_.server), kConfigureInstead));
  if (!heartbeat_.ip.empty() && !is_srs_name(heartbeat_.ip)) return invalid("`ip` is no address");
  return std::move(heartbeat_);
}

class HookWalk final : public JsonVisitor {
 public:
  void scalar(JsonPath path, const JsonScalar& value) override {
    if (path.size() != 1 || value.kind != JsonScalar::Kind::kText) return;
    const std::string& key = path[0];
    if (key == "action") {
      has_action = true;
      event.action = value.text == "on_publish"     ? HookEvent::Action::kPublish
                     : value.text == "on_unpublish" ? HookEvent::Action::kUnpublish
                                                    : HookEvent::Action::kOther;
    }
    if (key == "server_id") event.server = value.text;
    if (key == "service_id") event.service = value.text;
    if (key == "client_id") event.client_id = value.text;
    if (key == "vhost") event.vhost = value.text;
    if (key == "app") event.app = value.text;
    if (key == "stream") event.stream = value.text;
  }
  HookEvent event;
  bool has_action = false;
};

}  // namespace

bool is_srs_name(std::string_view text) {
  return !text.empty() && text.size() <= kHeartbeatTextBytesMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

Result<ListenAddress> parse_srs_listen(std::string_view text, Transport otherwise) {
  ListenAddress address;
  address.transport = otherwise;
  std::string_view rest = text;
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    if (name != "tcp" && name != "udp")
      return invalid(fmt::format("'{}' is neither tcp:// nor udp://", brief(text)));
    address.transport = name == "tcp" ? Transport::kTcp : Transport::kUdp;
    rest.remove_prefix(scheme + 3);
  }
  std::string_view host;
  std::string_view port = rest;
  if (const std::size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host != "*" && !is_host(host, bracketed))
      return invalid(fmt::format("'{}' names no host; an IPv6 address is written [address]:port",
                                 brief(text)));
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0)
    return invalid(fmt::format("'{}' names no port between 1 and 65535", brief(text)));
  if (host != "0.0.0.0" && host != "::" && host != "*") address.host = host;
  return address;
}

Result<Heartbeat> parse_heartbeat(std::string_view json) {
  HeartbeatWalk walk;
  if (auto read = walk_json(json, walk); !read) return invalid(read.error().message);
  return walk.take();
}

Result<HookEvent> parse_hook(std::string_view json) {
  HookWalk walk;
  if (auto read = walk_json(json, walk); !read) return invalid(read.error().message);
  if (!walk.has_action) return invalid("it names no `action`: no message of http_hooks");
  return std::move(walk.event);
}

}  // namespace weir::agent::srs
