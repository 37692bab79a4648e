#pragma once
// Values of the core <-> messages of weir.control.v1: the only place that knows both.
//
// Purpose: field by field; an unknown enumerator reads as "unspecified". What a peer sends is
// checked here: an error is text for people that names the field. Threading: pure.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "controlplane/core/cluster_core.h"
#include "controlplane/core/messages.h"
#include "weir/control/v1/cluster_service.pb.h"
#include "weir/control/v1/forwarder_service.pb.h"
#include "weir/control/v1/origin_service.pb.h"
#include "weir/control/v1/placement_service.pb.h"

namespace weir::service {

namespace pb = control::v1;

// --- shared values
void write(WallTime time, google::protobuf::Timestamp* out);
void write(Duration duration, google::protobuf::Duration* out);
Duration read(const google::protobuf::Duration& duration);
/// A time outside of the years 1970 to 2200 reads as the nearer of the two: WallTime counts
/// nanoseconds in 64 bits.
WallTime read(const google::protobuf::Timestamp& time);
/// An error that names the first field that is too long for an id, without what it says.
std::optional<Error> first_too_long(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields);
void write(const Epoch& epoch, pb::Epoch* out);
void write(const Revision& revision, pb::Revision* out);
Epoch read(const pb::Epoch& epoch);
pb::Protocol write(model::Protocol protocol);
/// Unspecified reads as RTMP.
model::Protocol read(pb::Protocol protocol);
pb::OriginKind write(model::OriginKind kind);
model::OriginKind read(pb::OriginKind kind);
core::ContactOutcome read(pb::ContactOutcome outcome);
void write(const model::Endpoint& endpoint, pb::Endpoint* out);
model::Endpoint read(const pb::Endpoint& endpoint);
void write(const model::Holder& holder, pb::Holder* out);
Result<model::Holder> read(const pb::Holder& holder);
void write(const model::Placement& placement, pb::Placement* out);
void write(const core::Route& route, pb::Route* out);
/// Endpoints of `protocol` first.
void write(const core::PlacementBook::Entry& entry, const model::OriginDescription& origin,
           model::Protocol protocol, pb::Route* out);

// --- placements
Result<core::AcquireQuery> read(const pb::AcquirePlacementRequest& request);
void write(const core::Acquired& acquired, pb::AcquirePlacementResponse* out);
void write(const core::StreamInfo& stream, pb::Stream* out);
void write(const placement::DecisionRecord& record, pb::DecisionRecord* out);

// --- origins
void write(const core::OriginInfo& origin, pb::Origin* out);
/// Empty where there is nothing: an etag.
std::string etag_of(const Revision& revision);
model::OriginDescription read(const pb::RegisterOriginRequest& request);

// --- attach streams
Result<core::ForwarderUp> read(const pb::ForwarderServiceAttachRequest& request);
pb::ForwarderServiceAttachResponse write(const core::ForwarderDown& message);
Result<core::AgentUp> read(const pb::OriginServiceAttachRequest& request);
pb::OriginServiceAttachResponse write(const core::AgentDown& message);

// --- forwarders and the cluster
void write(const core::ForwarderInfo& forwarder, pb::Forwarder* out);
void write(const core::ClientSession& session, pb::Session* out);
void write(const core::StatusInfo& status, pb::ClusterStatus* out);
void write(const core::Event& event, pb::Event* out);

}  // namespace weir::service
