#include "dataplane/routing/session_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::routing {

void SessionTable::upsert(SessionInfo info) {
  const auto [it, inserted] = sessions_.try_emplace(info.id);
  if (!inserted) --counts_[slot(it->second.info.intent, it->second.info.state)];
  if (inserted && info.intent == Intent::kPublish) publishers_.emplace(info.stream, info.id);
  ++counts_[slot(info.intent, info.state)];
  changed_.insert(info.id);
  it->second.info = std::move(info);
}

void SessionTable::note_activity(const SessionId& id, std::uint64_t media_bytes,
                                 std::optional<Duration> media_idle) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return;
  it->second.media_bytes = media_bytes;
  it->second.media_idle = media_idle;
  changed_.insert(id);
}

void SessionTable::note_epoch(const SessionId& id, Epoch epoch) {
  if (const auto it = sessions_.find(id); it != sessions_.end()) it->second.info.epoch = epoch;
}

std::optional<SessionRecord> SessionTable::end(const SessionId& id, std::string reason) {
  auto node = sessions_.extract(id);
  if (node.empty()) return std::nullopt;
  const SessionInfo& info = node.mapped().info;
  --counts_[slot(info.intent, info.state)];
  forget_publisher(info);
  changed_.erase(id);
  ended_.push_back(SessionEnd{id, std::move(reason)});
  return std::move(node.mapped());
}

void SessionTable::forget_publisher(const SessionInfo& info) {
  const auto [first, last] = publishers_.equal_range(info.stream);
  const auto it =
      std::find_if(first, last, [&](const auto& entry) { return entry.second == info.id; });
  if (it != last) publishers_.erase(it);
}

const SessionRecord* SessionTable::find(const SessionId& id) const {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : &it->second;
}

std::vector<const SessionRecord*> SessionTable::publishers_of(const StreamKey& stream) const {
  std::vector<const SessionRecord*> found;
  const auto [first, last] = publishers_.equal_range(stream);
  for (auto it = first; it != last; ++it) found.push_back(find(it->second));
  return found;
}

SessionChanges SessionTable::take_changes(std::size_t max) {
  SessionChanges changes;
  while (!changed_.empty() && changes.upserted.size() < max) {
    const auto it = changed_.begin();
    changes.upserted.push_back(sessions_.at(*it));
    changed_.erase(it);
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(max, ended_.size()));
  changes.ended.assign(std::make_move_iterator(ended_.begin()),
                       std::make_move_iterator(ended_.begin() + count));
  ended_.erase(ended_.begin(), ended_.begin() + count);
  ends_taken_ += static_cast<std::uint64_t>(count);
  return changes;
}

void SessionTable::forget_changes() {
  changed_.clear();
  ends_taken_ += ended_.size();
  ended_.clear();
}

std::vector<SessionRecord> SessionTable::take_complete() {
  forget_changes();
  std::vector<SessionRecord> all;
  all.reserve(sessions_.size());
  for (const auto& [id, record] : sessions_) all.push_back(record);
  return all;
}

}  // namespace weir::routing
