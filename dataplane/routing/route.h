#pragma once
// What a forwarder needs to dial, and how fresh it is. Threading: plain values.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/client_address.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"

namespace weir::routing {

enum class OriginKind { kGeneric, kNginxRtmp, kSrs };
enum class PlacementState { kBound, kPublishing, kOrphaned };

/// Where to dial, and how to tell who for. An address alone is a listener that is told nothing.
struct RtmpEndpoint {
  RtmpEndpoint(std::string host_port, ClientAddressMode mode = ClientAddressMode::kNone)
      : address(std::move(host_port)), client_address(mode) {}
  RtmpEndpoint(const char* host_port) : RtmpEndpoint(std::string(host_port)) {}

  std::string address;  ///< host:port
  ClientAddressMode client_address;
  bool operator==(const RtmpEndpoint&) const = default;
};

/// The owner of a stream. Forwarders discard any route whose epoch is older than one they have
/// seen.
struct Route {
  OriginId origin;
  IncarnationId incarnation;
  std::vector<RtmpEndpoint> rtmp_endpoints;  ///< best first; never empty
  OriginKind origin_kind = OriginKind::kGeneric;
  Epoch epoch;
  Revision revision;
  PlacementState state = PlacementState::kBound;
  /// Session that publishes; empty when the holder is no client session.
  SessionId holder_session;
};

/// Present route of a stream, or none when it is not placed.
struct RouteUpdate {
  StreamKey stream;
  std::optional<Route> route;
  Revision revision;
};

enum class Intent { kPublish, kPlay };

enum class ContactOutcome {
  kAnswered,
  kRefused,
  kReset,
  kTimedOut,
  kUnreachable,
  kTurnedAway,  ///< accepted and closed without a byte: full, or nobody behind the port
};

}  // namespace weir::routing
