#pragma once
// Bounds of the RPC edge. Threading: constants.

#include <cstddef>

namespace weir::service {

/// Messages that wait for a slow peer; more end its stream. A forwarder that attaches is told all
/// its routes at once, so this is above core's kInterestsPerForwarderMax.
inline constexpr std::size_t kAttachQueueMax = 300'000;
/// Answers or routes in one message to a forwarder.
inline constexpr int kJoinedMax = 500;
inline constexpr int kPageSizeDefault = 100;
inline constexpr int kPageSizeMax = 1'000;
inline constexpr std::size_t kNameBytesMax = 256;  ///< ids of whatever kind
inline constexpr std::size_t kReasonBytesMax = 256;
inline constexpr std::size_t kClientAgentBytesMax = 128;

}  // namespace weir::service
