#include "controlplane/core/stream_spellings.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {
namespace {

/// The key of a stream that its origin calls otherwise.
std::optional<StreamKey> other_key(const StreamKey& own, const VhostRules& vhosts) {
  const std::string vhost = vhosts.resolve(own.vhost());
  if (vhost == own.vhost()) return std::nullopt;
  auto key = make_stream_key(vhost, own.app(), own.stream());
  if (!key) return std::nullopt;
  return std::move(*key);
}

}  // namespace

std::vector<StreamSpellings::Spelling> StreamSpellings::take(std::vector<ReportedStream>& live,
                                                             std::vector<StreamKey>& ended,
                                                             bool complete,
                                                             const ReportedStreams::Live& known,
                                                             const VhostRules& vhosts) {
  end(ended, vhosts);
  std::unordered_map<StreamKey, std::set<StreamKey>> before;
  if (complete) {
    before.swap(by_key_);
    size_ = 0;
  }
  std::vector<Spelling> heard;
  std::vector<std::pair<std::size_t, StreamKey>> renamed;
  for (std::size_t i = 0; i < live.size(); ++i) {
    const StreamKey& own = live[i].stream;
    auto key = other_key(own, vhosts);
    if (!key) continue;
    renamed.emplace_back(i, *key);
    if (size_ >= kStreamsPerOriginMax) continue;
    const auto [entry, fresh] = by_key_.try_emplace(*key);
    if (fresh && !complete && known.contains(*key)) size_ += entry->second.insert(*key).second;
    if (!entry->second.insert(own).second) continue;
    ++size_;
    const auto old = before.find(*key);
    if (old == before.end() || !old->second.contains(own)) heard.push_back({own, *key});
  }
  if (!by_key_.empty()) {
    for (const ReportedStream& stream : live) {
      const auto entry = by_key_.find(stream.stream);
      if (entry != by_key_.end()) size_ += entry->second.insert(stream.stream).second;
    }
  }
  for (auto& [i, key] : renamed) live[i].stream = std::move(key);
  return heard;
}

void StreamSpellings::end(std::vector<StreamKey>& ended, const VhostRules& vhosts) {
  std::erase_if(ended, [&](StreamKey& stream) {
    const StreamKey own = stream;
    if (auto key = other_key(own, vhosts)) stream = std::move(*key);
    const auto entry = by_key_.find(stream);
    if (entry == by_key_.end()) return false;
    size_ -= entry->second.erase(own);
    if (!entry->second.empty()) return true;
    by_key_.erase(entry);
    return false;
  });
}

const std::set<StreamKey>& StreamSpellings::of(const StreamKey& key) const {
  static const std::set<StreamKey> kNone;
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? kNone : found->second;
}

void StreamSpellings::clear() {
  by_key_.clear();
  size_ = 0;
}

}  // namespace weir::core
