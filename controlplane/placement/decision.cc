#include "controlplane/placement/decision.h"

#include "common/base/contract.h"

namespace weir::placement {

std::string_view to_string(Rejection rejection) {
  switch (rejection) {
    case Rejection::kNone:
      return "";
    case Rejection::kPinnedElsewhere:
      return "PINNED_ELSEWHERE";
    case Rejection::kNotAlive:
      return "NOT_ALIVE";
    case Rejection::kCordoned:
      return "CORDONED";
    case Rejection::kDraining:
      return "DRAINING";
    case Rejection::kNoEndpoint:
      return "NO_ENDPOINT";
    case Rejection::kProtocolUnsupported:
      return "PROTOCOL_UNSUPPORTED";
    case Rejection::kJustFailed:
      return "JUST_FAILED";
    case Rejection::kPairPenalized:
      return "PAIR_PENALIZED";
    case Rejection::kStreamCapReached:
      return "STREAM_CAP_REACHED";
    case Rejection::kEgressCapReached:
      return "EGRESS_CAP_REACHED";
    case Rejection::kCpuCapReached:
      return "CPU_CAP_REACHED";
    case Rejection::kDescriptorsExhausted:
      return "DESCRIPTORS_EXHAUSTED";
    case Rejection::kConnectionsExhausted:
      return "CONNECTIONS_EXHAUSTED";
  }
  WEIR_UNREACHABLE("rejection");
}

std::string_view to_string(Resource resource) {
  switch (resource) {
    case Resource::kStreams:
      return "streams";
    case Resource::kEgress:
      return "egress";
    case Resource::kCpu:
      return "cpu";
  }
  WEIR_UNREACHABLE("resource");
}

}  // namespace weir::placement
