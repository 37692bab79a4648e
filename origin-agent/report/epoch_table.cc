#include "origin-agent/report/epoch_table.h"

#include <algorithm>
#include <charconv>

#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Of a tag that has an epoch: what stands between its last two slashes.
std::string_view session_of_tag(std::string_view tag) {
  tag = tag.substr(0, tag.rfind('/'));
  return tag.substr(tag.rfind('/') + 1);
}

}  // namespace

std::optional<Epoch> epoch_of_tag(std::string_view tag) {
  constexpr std::string_view kScheme = "weir:";
  if (!tag.starts_with(kScheme)) return std::nullopt;
  const std::size_t slash = tag.rfind('/');
  // Three parts: the session id stands between two slashes.
  if (slash == std::string_view::npos || tag.find('/') == slash) return std::nullopt;
  const std::string_view text = tag.substr(slash + 1);
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto generation = number(text.substr(0, dot));
  const auto counter = number(text.substr(dot + 1));
  if (!generation || !counter) return std::nullopt;
  const Epoch epoch{*generation, *counter};
  if (!epoch.is_set()) return std::nullopt;
  return epoch;
}

void EpochTable::learn(const StreamEpoch& told) {
  if (!told.epoch.is_set()) return;
  bool raised = true;
  if (const auto known = newest_.find(told.key); known != newest_.end()) {
    if (told.epoch < known->second.epoch) return;
    raised = known->second.epoch < told.epoch;
    forget(told.key);
  } else if (newest_.size() >= kKnownEpochsMax) {
    if (told.epoch < by_epoch_.begin()->first) return;
    forget(std::string(by_epoch_.begin()->second));
  }
  newest_.emplace(told.key, Known{told.epoch, told.session});
  by_epoch_.emplace(told.epoch, told.key);
  if (!told.session.empty()) sessions_.insert_or_assign(told.session, told.key);
  const auto watches = watches_.find(told.key);
  if (!raised || watches == watches_.end()) return;
  // A copy: who is told may watch other streams from now on.
  for (EpochWatch* watch : std::vector<EpochWatch*>(watches->second)) watch->raised_(told.key);
}

void EpochTable::forget(const std::string& stream) {
  const auto node = newest_.extract(stream);
  by_epoch_.erase({node.mapped().epoch, stream});
  const auto session = sessions_.find(node.mapped().session);
  if (session != sessions_.end() && session->second == stream) sessions_.erase(session);
}

bool EpochTable::fences(const std::string& stream, std::string_view tag) const {
  const auto known = newest_.find(stream);
  if (known == newest_.end()) return false;
  const std::optional<Epoch> epoch = epoch_of_tag(tag);
  if (!epoch || !(*epoch < known->second.epoch)) return false;
  const auto session = sessions_.find(std::string(session_of_tag(tag)));
  return session == sessions_.end() || session->second == stream;
}

void EpochWatch::watch(std::vector<std::string> streams) {
  std::sort(streams.begin(), streams.end());
  streams.erase(std::unique(streams.begin(), streams.end()), streams.end());
  if (streams == streams_) return;
  for (const std::string& stream : streams_) {
    const auto entry = table_.watches_.find(stream);
    std::erase(entry->second, this);
    if (entry->second.empty()) table_.watches_.erase(entry);
  }
  streams_ = std::move(streams);
  for (const std::string& stream : streams_) table_.watches_[stream].push_back(this);
}

}  // namespace weir::agent
