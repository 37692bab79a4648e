#include "origin-agent/report/stream_table.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

/// A tenth, or 100 kbit/s on slow streams: below that it is the usual breathing of an encoder.
bool rate_moved(double before, double now) {
  return std::abs(now - before) > std::max(before / 10, 100e3);
}

bool is_news(const ReportedStream& before, const ReportedStream& now) {
  return before.tag != now.tag || before.tag_unread != now.tag_unread ||
         before.players != now.players ||
         rate_moved(before.ingress_bits_per_second, now.ingress_bits_per_second) ||
         rate_moved(before.egress_bits_per_second, now.egress_bits_per_second);
}

}  // namespace

void StreamTable::update(std::vector<ReportedStream> streams) {
  if (streams.size() > kReportedStreamsMax) streams.resize(kReportedStreamsMax);
  current_ = std::move(streams);
}

void StreamTable::fill(OriginReport& out, bool complete) {
  out.streams_complete = complete;
  if (complete) told_.clear();
  std::unordered_set<std::string_view> live;
  live.reserve(current_.size());
  for (const ReportedStream& stream : current_) {
    live.insert(stream.key);
    const auto [entry, is_new] = told_.try_emplace(stream.key, stream);
    if (!is_new && !is_news(entry->second, stream)) continue;
    entry->second = stream;
    out.streams.push_back(stream);
  }
  for (auto entry = told_.begin(); entry != told_.end();) {
    if (live.contains(entry->first)) {
      ++entry;
      continue;
    }
    out.ended_streams.push_back(entry->first);
    entry = told_.erase(entry);
  }
}

}  // namespace weir::agent
