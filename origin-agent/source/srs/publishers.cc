#include "origin-agent/source/srs/publishers.h"

#include <algorithm>
#include <cctype>
#include <tuple>
#include <utility>

#include "common/base/stream_key.h"
#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

constexpr std::string_view kTagStart = "weir:";

}  // namespace

std::optional<std::string> vhost_of(const ApiStream& stream,
                                    const std::map<std::string, std::string>& names_by_id) {
  if (const std::size_t slash = stream.url.find('/'); slash != std::string::npos)
    return slash == 0 ? std::string(kDefaultVhost) : stream.url.substr(0, slash);
  const auto found = names_by_id.find(stream.vhost);
  if (found == names_by_id.end()) return std::nullopt;
  return found->second;
}

bool is_client_id(const std::string& text) {
  return !text.empty() && text.size() <= kClientIdBytesMax &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

void Publishers::listed(MonotonicTime now, std::vector<ApiStream> streams,
                        const std::map<std::string, std::string>& vhost_names) {
  std::unordered_map<std::string, Live> known;
  for (Live& live : live_) {
    if (live.read || live.failures > 0) known.emplace(live.client, std::move(live));
  }
  live_.clear();
  ++listings_;
  players_ = clients_ = 0;
  for (auto& [id, traffic] : traffic_) traffic.listed = false;
  const std::uint64_t bytes_before = recv_bytes_ + send_bytes_;
  for (ApiStream& stream : streams) {
    take_traffic(now, stream);
    const auto clients =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(stream.clients, 1u << 30));
    const std::uint32_t players = clients - (stream.active && clients > 0 ? 1 : 0);
    clients_ += clients;
    players_ += players;
    if (!stream.active) continue;
    auto vhost = vhost_of(stream, vhost_names);
    if (!vhost) continue;
    Live live{std::move(*vhost),
              std::move(stream.app),
              {},
              std::move(stream.publisher),
              std::move(stream.id),
              {},
              players};
    const auto before = known.find(live.client);
    const bool is_known = before != known.end() && before->second.stream == live.stream;
    if (is_known && before->second.read) {
      live.key = std::move(before->second.key);
      live.tag = std::move(before->second.tag);
      live.read = true;
    } else {
      live.key = key_of(live, stream.name);
    }
    if (is_known) {
      live.failures = before->second.failures;
      live.retry_at = before->second.retry_at;
    }
    live_.push_back(std::move(live));
  }
  std::erase_if(traffic_, [](const auto& entry) { return !entry.second.listed; });
  counters_fresh_ = recv_bytes_ + send_bytes_ != bytes_before || now - moved_ > kCountersStandStill;
  if (counters_fresh_) moved_ = now;
}

void Publishers::take_traffic(MonotonicTime now, const ApiStream& stream) {
  const auto [entry, is_new] = traffic_.try_emplace(stream.id);
  Traffic& traffic = entry->second;
  traffic.listed = true;
  const auto growth = [](std::uint64_t before, std::uint64_t value) {
    return value < before ? value : value - before;
  };
  recv_bytes_ += growth(traffic.recv_bytes, stream.recv_bytes);
  send_bytes_ += growth(traffic.send_bytes, stream.send_bytes);
  const bool moved =
      traffic.recv_bytes != stream.recv_bytes || traffic.send_bytes != stream.send_bytes;
  traffic.recv_bytes = stream.recv_bytes;
  traffic.send_bytes = stream.send_bytes;
  if (!is_new && !moved && now - traffic.moved <= kCountersStandStill) return;
  traffic.moved = now;
  traffic.recv.update(now, static_cast<double>(stream.recv_bytes));
  traffic.send.update(now, static_cast<double>(stream.send_bytes));
}

std::vector<std::string> Publishers::unread(std::size_t max) const {
  std::vector<const Live*> waiting;
  for (const Live& live : live_) {
    if (!live.read && live.retry_at <= listings_ && is_client_id(live.client))
      waiting.push_back(&live);
  }
  std::sort(waiting.begin(), waiting.end(), [](const Live* a, const Live* b) {
    return std::pair(a->failures, a) < std::pair(b->failures, b);
  });
  std::vector<std::string> clients;
  for (const Live* live : waiting) {
    if (clients.size() == max) break;
    clients.push_back(live->client);
  }
  return clients;
}

void Publishers::failed_to_read(const std::string& client) {
  for (Live& live : live_) {
    if (live.client != client || live.read) continue;
    const std::uint64_t pause = std::uint64_t{1} << std::min<std::uint64_t>(live.failures, 32);
    live.retry_at = listings_ + std::min(pause, kTagRetryListingsMax);
    ++live.failures;
  }
}

bool Publishers::all_read() const {
  return std::all_of(live_.begin(), live_.end(),
                     [](const Live& live) { return live.read || !is_client_id(live.client); });
}

void Publishers::read(const std::string& client, const ApiClient& found) {
  for (Live& live : live_) {
    if (live.client != client) continue;
    live.read = true;
    if (!found.name.empty()) live.key = key_of(live, found.name);
    if (found.swf_url.starts_with(kTagStart)) live.tag = found.swf_url;
  }
}

std::optional<std::string> Publishers::key_of(const Live& live, const std::string& name) {
  // SRS has resolved the vhost already: whatever it is called, it is one.
  const VhostRules vhosts = live.vhost == kDefaultVhost ? VhostRules() : VhostRules({live.vhost});
  const auto key = stream_key_from_rtmp("rtmp://" + live.vhost, live.app, name, vhosts);
  if (!key) return std::nullopt;
  return key->str();
}

std::vector<ReportedStream> Publishers::report() const {
  std::vector<ReportedStream> streams;
  for (const Live& live : live_) {
    if (!live.key) continue;
    ReportedStream& reported = streams.emplace_back();
    reported.key = *live.key;
    reported.tag = live.tag;
    reported.tag_unread = !live.read;
    reported.players = live.players;
    if (const auto traffic = traffic_.find(live.stream); traffic != traffic_.end()) {
      reported.ingress_bits_per_second = traffic->second.recv.rate() * 8;
      reported.egress_bits_per_second = traffic->second.send.rate() * 8;
    }
  }
  // Two names that SRS keeps apart may be one stream to everybody else; the tagged one is shown.
  std::sort(streams.begin(), streams.end(), [](const auto& a, const auto& b) {
    return std::tie(a.key, b.tag) < std::tie(b.key, a.tag);
  });
  streams.erase(std::unique(streams.begin(), streams.end(),
                            [](const auto& a, const auto& b) { return a.key == b.key; }),
                streams.end());
  return streams;
}

std::vector<TaggedPublisher> Publishers::tagged() const {
  std::vector<TaggedPublisher> tagged;
  for (const Live& live : live_) {
    if (live.key && !live.tag.empty()) tagged.push_back({live.client, *live.key, live.tag});
  }
  return tagged;
}

}  // namespace weir::agent::srs
