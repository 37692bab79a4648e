// What agents report of streams and load, and what they are told of epochs; who they are and which
// origins they have is in agents.cc.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/core/agents.h"

namespace weir::core {
namespace {

/// A server may know virtual hosts that the cluster does not keep apart.
void resolve_vhost(StreamKey& stream, const VhostRules& vhosts) {
  const std::string vhost = vhosts.resolve(stream.vhost());
  if (vhost == stream.vhost()) return;
  if (auto key = make_stream_key(vhost, stream.app(), stream.stream())) stream = std::move(*key);
}

void resolve_vhosts(std::vector<ReportedStream>& streams, const VhostRules& vhosts) {
  for (ReportedStream& stream : streams) resolve_vhost(stream.stream, vhosts);
}

}  // namespace

void Agents::hand_over_streams(Origin& origin) {
  resolve_vhosts(origin.seen.streams, vhosts_);
  reported_.take(origin.id, origin.seen.streams, {}, origin.seen.streams_known,
                 context_.clock.now());
  for (const ReportedStream& stream : origin.seen.streams) {
    if (generation_.settling()) {
      restorer_.stream_held(stream.stream, origin.id, origin.accepted, stream.tag);
    } else {
      holders_.still_carried(stream.stream, origin.accepted, stream.tag);
    }
  }
}

void Agents::tell_epochs(const Agent& agent, const Origin& origin) {
  for (const StreamKey& stream : view_.streams_of(origin.id)) {
    const auto* placement = view_.placement(stream);
    agent.link->send(StreamEpoch{stream, placement->epoch, placement->holder});
  }
}

void Agents::report(Agent& agent, LoadReport& report) {
  for (OriginReport& of : report.origins) {
    const auto found = agent.origins.find(of.origin);
    if (found == agent.origins.end() || of.incarnation.empty()) continue;
    if (of.incarnation == found->second.accepted) report_origin(found->second, of);
  }
  agent.link->send(ReportAck{report.sequence});
}

void Agents::report_origin(Origin& origin, OriginReport& report) {
  board_.report(origin.id, origin.accepted, report.load);
  resolve_vhosts(report.streams, vhosts_);
  for (StreamKey& stream : report.ended_streams) resolve_vhost(stream, vhosts_);
  reported_.take(origin.id, report.streams, report.ended_streams, report.streams_complete,
                 context_.clock.now());
  origin.listed = origin.listed || report.streams_complete;
  if (origin.listed) direct_.report_taken(origin.id, report.stream_readings);
  if (!report.streams_complete || !origin.seen.streams_known) return;
  std::set<StreamKey> live;
  for (const auto& [stream, load] : reported_.of(origin.id)) live.insert(stream);
  holders_.origin_snapshot(origin.id, origin.accepted, live);
}

void Agents::on_placement(const ClusterView::PlacementChange& change) {
  if (!change.after) return;
  if (change.before && change.before->epoch == change.after->epoch) return;
  // At once: a publisher with an older tag may be where the stream is now, where it was, or where
  // it was never placed at all.
  std::set<Agent*> told{owner(change.after->origin)};
  if (change.before) told.insert(owner(change.before->origin));
  for (const OriginId& origin : reported_.origins_of(change.stream)) told.insert(owner(origin));
  const StreamEpoch message{change.stream, change.after->epoch, change.after->holder};
  for (const Agent* agent : told) {
    if (agent != nullptr && agent->link) agent->link->send(message);
  }
}

void Agents::on_live(const OriginId& origin, const StreamKey& stream) {
  const LiveStream* live = reported_.find(origin, stream);
  const auto* placement = view_.placement(stream);
  if (live == nullptr || placement == nullptr || placement->origin == origin) return;
  // Its agent was never told where the stream lives; untagged publishers are not its to drop.
  const Agent* agent = owner(origin);
  if (live->publisher == LiveStream::Publisher::kUntagged || agent == nullptr) return;
  if (agent->link) agent->link->send(StreamEpoch{stream, placement->epoch, placement->holder});
}

}  // namespace weir::core
