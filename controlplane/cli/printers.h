#pragma once
// Tables and fact lists of the API's resources. Columns keep their order; `wide` adds some at the
// end. Threading: pure; `now` is an argument. Lifetime: values.

#include <cstddef>
#include <string>

#include "common/base/clock.h"
#include "weir/control/v1/cluster_service.pb.h"
#include "weir/control/v1/forwarder_service.pb.h"
#include "weir/control/v1/origin_service.pb.h"
#include "weir/control/v1/placement_service.pb.h"

namespace weir::cli {

namespace api = control::v1;

std::string cluster_facts(const api::ClusterStatus& status);

std::string origin_table(const api::ListOriginsResponse& list, bool wide, WallTime now);
enum class TopBy { kCpu, kEgress, kStreams, kPlayers, kConnections };
/// The `limit` origins with most of it.
/// The `limit` origins with the most, in that order.
api::ListOriginsResponse top_origins(const api::ListOriginsResponse& list, TopBy by,
                                     std::size_t limit);
std::string origin_top(const api::ListOriginsResponse& top);
std::string origin_facts(const api::Origin& origin, WallTime now);

std::string stream_table(const api::ListStreamsResponse& list, bool wide, WallTime now);
std::string stream_facts(const api::Stream& stream, WallTime now);

std::string forwarder_table(const api::ListForwardersResponse& list, bool wide, WallTime now);
std::string forwarder_facts(const api::Forwarder& forwarder, WallTime now);

std::string session_table(const api::ListSessionsResponse& list, bool wide, WallTime now);

/// Every decision: verdict, candidates with reasons and scores, reservation, data age; then the
/// placement.
std::string explanation(const api::ExplainPlacementResponse& answer, WallTime now);

std::string pin_facts(const api::PinStreamResponse& answer, WallTime now);
/// Each rule with who says it: the policy or the configuration.
std::string policy_facts(const api::Policy& policy, WallTime now);
std::string token_facts(const api::CreateTokenResponse& answer);
std::string token_table(const api::ListTokensResponse& list, WallTime now);

/// One line.
std::string event_line(const api::Event& event, bool wide);

}  // namespace weir::cli
