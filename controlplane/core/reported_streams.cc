#include "controlplane/core/reported_streams.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/publisher_tag.h"

namespace weir::core {
namespace {

LiveStream live_stream(const ReportedStream& stream, MonotonicTime now) {
  LiveStream live;
  live.load = {stream.ingress_bits_per_second, stream.egress_bits_per_second, stream.players, now};
  if (const auto tag = parse_tag(stream.tag)) live.tag_epoch = tag->epoch;
  if (is_tag(stream.tag)) {
    live.publisher = LiveStream::Publisher::kTagged;
  } else if (!stream.tag_unread) {
    live.publisher = LiveStream::Publisher::kUntagged;
  }
  return live;
}

}  // namespace

void ReportedStreams::take(const OriginId& origin, const std::vector<ReportedStream>& live,
                           const std::vector<StreamKey>& ended, bool complete, MonotonicTime now) {
  Live& streams = by_origin_[origin];
  if (complete) {
    std::unordered_set<StreamKey> listed;
    listed.reserve(live.size());
    for (const ReportedStream& stream : live) listed.insert(stream.stream);
    std::vector<StreamKey> gone;
    for (const auto& [stream, known] : streams) {
      if (!listed.contains(stream)) gone.push_back(stream);
    }
    for (const StreamKey& stream : gone) remove(origin, streams, stream);
  }
  for (const StreamKey& stream : ended) remove(origin, streams, stream);
  for (const ReportedStream& stream : live) put(origin, streams, stream, now);
  if (streams.empty()) by_origin_.erase(origin);
}

void ReportedStreams::put(const OriginId& origin, Live& streams, const ReportedStream& stream,
                          MonotonicTime now) {
  const LiveStream live = live_stream(stream, now);
  const auto found = streams.find(stream.stream);
  if (found != streams.end()) {
    const bool same =
        found->second.publisher == live.publisher && found->second.tag_epoch == live.tag_epoch;
    found->second = live;
    if (!same) tell(origin, stream.stream);
    return;
  }
  if (streams.size() >= kStreamsPerOriginMax || size_ >= kReportedStreamsMax) return;
  streams.emplace(stream.stream, live);
  by_stream_[stream.stream].push_back(origin);
  ++size_;
  tell(origin, stream.stream);
}

void ReportedStreams::remove(const OriginId& origin, Live& streams, const StreamKey& stream) {
  const StreamKey key = stream;  // `stream` may be the entry's own
  if (streams.erase(key) == 0) return;
  --size_;
  const auto origins = by_stream_.find(key);
  std::erase(origins->second, origin);
  if (origins->second.empty()) by_stream_.erase(origins);
  tell(origin, key);
}

void ReportedStreams::clear(const OriginId& origin) {
  const auto found = by_origin_.find(origin);
  if (found == by_origin_.end()) return;
  std::vector<StreamKey> gone;
  for (const auto& [stream, live] : found->second) gone.push_back(stream);
  for (const StreamKey& stream : gone) remove(origin, found->second, stream);
  by_origin_.erase(found);
}

void ReportedStreams::tell(const OriginId& origin, const StreamKey& stream) {
  for (const auto& listener : on_change_) listener(origin, stream);
}

const LiveStream* ReportedStreams::find(const OriginId& origin, const StreamKey& stream) const {
  const Live& streams = of(origin);
  const auto found = streams.find(stream);
  return found == streams.end() ? nullptr : &found->second;
}

const std::vector<OriginId>& ReportedStreams::origins_of(const StreamKey& stream) const {
  static const std::vector<OriginId> kNowhere;
  const auto found = by_stream_.find(stream);
  return found == by_stream_.end() ? kNowhere : found->second;
}

const ReportedStreams::Live& ReportedStreams::of(const OriginId& origin) const {
  static const Live kNone;
  const auto found = by_origin_.find(origin);
  return found == by_origin_.end() ? kNone : found->second;
}

}  // namespace weir::core
