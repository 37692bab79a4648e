#pragma once
// What an operator or the control plane can change about RTMP sessions. Fixed limits:
// session_limits.h. Threading: plain values. Lifetime: outlives the sessions made with it.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/cidr.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "dataplane/admission/waiting_room.h"

namespace weir::relay {

/// What a forwarder says of itself in connect's `_result`, before it knows the origin (handbook of
/// the protocol: docs/protocols/rtmp.md, "connect"). It must be true for every origin of the pool.
struct ConnectProfile {
  std::string server_version = "FMS/3,5,3,888";
  double capabilities = 127;
  /// Encoded AMF0 properties (name and value) to add to both objects, e.g. fourCcList.
  std::vector<std::uint8_t> extra_properties;
};

struct RtmpSessionConfig {
  /// Bounds the players that wait, over all sessions; none = no bound. Outlives the sessions.
  admission::WaitingRoom* waiting_room = nullptr;
  /// How long an encoder is held after `publish` while no origin takes it.
  Duration publish_hold = std::chrono::seconds(15);
  /// How long a player waits for a stream that nobody publishes; zero = as long as it stays.
  Duration play_wait = Duration::zero();
  /// TCP and handshake of a dial to an origin.
  Duration dial_timeout = std::chrono::seconds(1);
  /// Replace swfUrl of a publisher's connect by `weir:<forwarder>/<session>/<epoch>`.
  bool origin_tag = true;
  /// Peers whose PROXY header names the client; a header is not required of them.
  std::vector<Cidr> proxy_protocol_from;
  ConnectProfile connect_profile;
};

/// Who this session is.
struct SessionIdentity {
  ForwarderId forwarder;
  SessionId session;           ///< unique across restarts of the forwarder
  std::string client_address;  ///< `address:port`; a PROXY header's once that is read
  WallTime connected_at{};
};

}  // namespace weir::relay
