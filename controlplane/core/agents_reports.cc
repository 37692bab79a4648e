// What agents report of streams and load, and what they are told of epochs; who they are and which
// origins they have is in agents.cc.

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "controlplane/core/agents.h"
#include "controlplane/core/limits.h"

namespace weir::core {

void Agents::take_streams(const Agent& agent, Origin& origin, std::vector<ReportedStream> live,
                          std::vector<StreamKey> ended, bool complete) {
  const auto heard = origin.spellings.take(live, ended, complete, reported_.of(origin.id), vhosts_);
  reported_.take(origin.id, live, ended, complete, context_.clock.now());
  // Tags are read one by one: any report may be the first that says whose a stream is.
  for (const ReportedStream& stream : live) {
    if (stream.tag.empty()) continue;
    if (generation_.settling()) {
      restorer_.stream_held(stream.stream, origin.id, origin.accepted, stream.tag);
    } else {
      holders_.still_carried(stream.stream, origin.accepted, stream.tag);
    }
  }
  if (!agent.link) return;
  for (const auto& [own, key] : heard) {
    const auto placement = view_.placement(key);
    if (!placement) continue;
    agent.link->send(StreamEpoch{own, placement->epoch, placement->holder});
  }
}

void Agents::tell_epoch(const Agent& agent, const Origin& origin,
                        const model::Placement& placement) {
  agent.link->send(StreamEpoch{placement.stream, placement.epoch, placement.holder});
  for (const StreamKey& own : origin.spellings.of(placement.stream)) {
    if (own != placement.stream) {
      agent.link->send(StreamEpoch{own, placement.epoch, placement.holder});
    }
  }
}

void Agents::tell_epochs(const Agent& agent, const Origin& origin) {
  for (const auto& placement : view_.placements_of(origin.id)) {
    tell_epoch(agent, origin, placement);
  }
  // A forwarder's publisher may have stayed behind where the stream is placed no more.
  for (const auto& [stream, live] : reported_.of(origin.id)) {
    if (live.publisher == LiveStream::Publisher::kUntagged) continue;
    const auto placement = view_.placement(stream);
    if (!placement || placement->origin == origin.id) continue;
    tell_epoch(agent, origin, *placement);
  }
}

void Agents::report(Agent& agent, LoadReport& report) {
  for (OriginReport& of : report.origins) {
    const auto found = agent.origins.find(of.origin);
    if (found == agent.origins.end() || of.incarnation.empty()) continue;
    if (of.incarnation == found->second.accepted) report_origin(agent, found->second, of);
  }
  agent.link->send(ReportAck{report.sequence});
}

void Agents::report_origin(const Agent& agent, Origin& origin, OriginReport& report) {
  board_.report(origin.id, origin.accepted, report.load);
  take_streams(agent, origin, std::move(report.streams), std::move(report.ended_streams),
               report.streams_complete);
  const MonotonicTime now = context_.clock.now();
  if (report.stream_readings == 0 || report.stream_readings != origin.reading) {
    origin.reading = report.stream_readings;
    origin.read_at = now;
  }
  origin.listed = origin.listed || report.streams_complete;
  if (origin.listed) direct_.report_taken(origin.id, report.stream_readings);
  if (!report.streams_complete) return;
  std::set<StreamKey> live;
  for (const auto& [stream, load] : reported_.of(origin.id)) live.insert(stream);
  // Read within the interval before it was first told of.
  const Duration age = kReportInterval + (now - origin.read_at);
  holders_.origin_snapshot(origin.id, origin.accepted, live, age);
}

void Agents::on_placement(const ClusterView::PlacementChange& change) {
  if (!change.after) return;
  if (change.before && change.before->epoch == change.after->epoch) return;
  // At once: a publisher with an older tag may be where the stream is now, where it was, or where
  // it was never placed at all.
  std::set<OriginId> where{change.after->origin};
  if (change.before) where.insert(change.before->origin);
  const auto& reporting = reported_.origins_of(change.stream);
  where.insert(reporting.begin(), reporting.end());
  std::map<const Agent*, std::set<StreamKey>> names;
  for (const OriginId& id : where) {
    const auto [agent, origin] = owner(id);
    if (agent == nullptr || !agent->link) continue;
    auto& told = names[agent];
    told.insert(change.stream);
    const auto& own = origin->spellings.of(change.stream);
    told.insert(own.begin(), own.end());
  }
  for (const auto& [agent, told] : names) {
    for (const StreamKey& name : told) {
      agent->link->send(StreamEpoch{name, change.after->epoch, change.after->holder});
    }
  }
}

void Agents::on_live(const OriginId& origin, const StreamKey& stream) {
  const LiveStream* live = reported_.find(origin, stream);
  const auto placement = view_.placement(stream);
  if (live == nullptr || !placement || placement->origin == origin) return;
  // Its agent was never told where the stream lives; untagged publishers are not its to drop.
  if (live->publisher == LiveStream::Publisher::kUntagged) return;
  const auto [agent, own] = owner(origin);
  if (agent != nullptr && agent->link) tell_epoch(*agent, *own, *placement);
}

}  // namespace weir::core
