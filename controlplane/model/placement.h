#pragma once
// Who owns a stream: the values that the store keeps and the core reasons about (design 2, 3).
// Threading: plain values. Lifetime: self-contained.

#include <optional>
#include <string>
#include <variant>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/stream_key.h"

namespace weir::model {

/// A client session of a forwarder publishes.
struct SessionHolder {
  ForwarderId forwarder;
  SessionId session;
  bool operator==(const SessionHolder&) const = default;
};
/// Published on the origin itself, past the forwarders.
struct DirectHolder {
  bool operator==(const DirectHolder&) const = default;
};
/// Bound by an external scheduler; gives way to the first publisher.
struct ExternalHolder {
  std::string name;
  bool operator==(const ExternalHolder&) const = default;
};
using Holder = std::variant<SessionHolder, DirectHolder, ExternalHolder>;

enum class PlacementState {
  kBound,       ///< acquired, no media accepted yet
  kPublishing,  ///< the origin accepted
  kOrphaned,    ///< the holder ended; kept for a reconnecting encoder
};

struct Placement {
  StreamKey stream;
  OriginId origin;
  IncarnationId incarnation;
  Holder holder;
  Epoch epoch;
  Revision revision;  ///< of the last change
  PlacementState state = PlacementState::kBound;
  /// True once an origin accepted media under this epoch: such a holder is not moved by `failed`.
  bool media_accepted = false;
  WallTime bind_time{};
  WallTime update_time{};
  std::string verdict;  ///< compact decision record, at most 128 bytes
};

}  // namespace weir::model
