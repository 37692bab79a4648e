#pragma once
// Between the messages of weir.control.v1 and the plain types of control_link.h. Text that clients
// or origins supplied leaves as UTF-8: one bad byte would cut the forwarder off the control plane.
// Threading: pure functions. Lifetime: values.

#include <optional>
#include <string>
#include <vector>

#include <grpcpp/support/status.h>

#include "dataplane/routing/control_link.h"
#include "dataplane/routing/limits.h"
#include "weir/control/v1/forwarder_service.pb.h"
#include "weir/control/v1/placement_service.pb.h"

namespace weir::routing {

/// Facts of this process that every hello carries.
struct ForwarderFacts {
  ForwarderId id;
  std::string instance;  ///< unique for this run
  std::string version;
  std::string zone;
  std::vector<std::string> rtmp_listeners;  ///< `host:port`, as clients reach them
};

control::v1::ForwarderServiceAttachRequest to_proto(const ForwarderFacts& facts,
                                                    const Hello& hello);
control::v1::ForwarderServiceAttachRequest to_proto(const ForwarderFacts& facts,
                                                    const Upward& message);
control::v1::AcquirePlacementRequest to_proto(const ForwarderFacts& facts,
                                              const AcquireRequest& request);
control::v1::ReleasePlacementRequest to_proto(const ForwarderFacts& facts,
                                              const ReleaseRequest& request);
/// A table as it is kept in the state directory.
control::v1::OriginTable to_proto(const OriginTableUpdate& table);

/// nullopt = a message this version does not know, or one without what makes it usable: skipped.
std::optional<Downward> from_proto(const control::v1::ForwarderServiceAttachResponse& message);
/// What an AcquirePlacement came to, however it was asked.
AcquireReply to_reply(const grpc::Status& status,
                      const control::v1::AcquirePlacementResponse& response);
/// nullopt = no RTMP endpoint or no stream name that can be used.
std::optional<Route> from_proto(const control::v1::Route& route);
OriginTableUpdate from_proto(const control::v1::OriginTable& table);

}  // namespace weir::routing
