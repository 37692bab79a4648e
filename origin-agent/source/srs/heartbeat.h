#pragma once
// What SRS says of itself in its heartbeat, and what its http_hooks say. Pure.
//
// Purpose: SRS (heartbeat { ... ports on; }) and scripts that imitate it register an origin by such
// a message. Only what an agent needs is kept. The formats are those of SRS and of SRS Proxy's
// users: ports alone, `:port`, `ip:port`, `[ip6]:port`, each with or without `tcp://` or `udp://`.
// Threading: pure functions. Lifetime: values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weir::agent::srs {

enum class Transport { kTcp, kUdp };

struct ListenAddress {
  std::string host;  ///< without brackets; empty = every address of the machine
  std::uint16_t port = 0;
  Transport transport = Transport::kTcp;
  auto operator<=>(const ListenAddress&) const = default;
};

struct Heartbeat {
  std::string server;     ///< SRS's own id, kept over its restarts
  std::string service;    ///< of this life of it
  std::int32_t pid = 0;   ///< as SRS sees it: of its container, when it runs in one
  std::string device_id;  ///< as configured there; may be empty
  std::string ip;         ///< an address of SRS's machine as SRS guesses it; may be empty
  std::vector<ListenAddress> rtmp, http, api, srt, rtc;  ///< rtmp has at least one
};

/// Whether `text` may be what SRS calls itself or a life of it: printable ASCII without spaces, of
/// kHeartbeatTextBytesMax at most. It goes into messages that are refused whole for one wrong byte.
bool is_srs_name(std::string_view text);

/// Errors (invalid_argument) say what to change in SRS's configuration, or that this origin has to
/// be configured at the agent because its version sends no ports.
Result<Heartbeat> parse_heartbeat(std::string_view json);

/// One of the forms above. Errors (invalid_argument): anything else; port 0.
Result<ListenAddress> parse_srs_listen(std::string_view text, Transport otherwise);

struct HookEvent {
  enum class Action { kPublish, kUnpublish, kOther };
  Action action = Action::kOther;
  std::string server;
  std::string service;
  std::string client_id;
  std::string vhost;
  std::string app;
  std::string stream;
};

/// Errors (invalid_argument): no JSON object, or one without an action.
Result<HookEvent> parse_hook(std::string_view json);

}  // namespace weir::agent::srs
