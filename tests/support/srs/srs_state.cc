#include "tests/support/srs/srs_state.h"

#include <utility>

namespace weir::tests {
namespace {

constexpr std::string_view kDefaultVhost = "__defaultVhost__";

/// The value of `key` in a query of pairs; empty when it is not there.
std::string query_value(std::string_view text, std::string_view key) {
  const std::size_t query = text.find('?');
  if (query == std::string_view::npos) return {};
  text.remove_prefix(query + 1);
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("&;,");
    const std::string_view pair = text.substr(0, end);
    if (pair.starts_with(key) && pair.size() > key.size() && pair[key.size()] == '=')
      return std::string(pair.substr(key.size() + 1));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::string SrsName::url() const {
  const std::string path = "/" + app + "/" + stream.substr(0, stream.rfind('.'));
  return vhost == kDefaultVhost ? path : vhost + path;
}

void SrsState::configure_vhost(const std::string& vhost) {
  if (!vhosts_.contains(vhost)) vhosts_[vhost] = long_id();
}

SrsName SrsState::name_of(std::string_view tc_url, std::string_view stream) const {
  std::string vhost = query_value(stream, "vhost");
  if (vhost.empty()) vhost = query_value(tc_url, "vhost");
  SrsName name;
  name.tc_url = std::string(tc_url.substr(0, tc_url.find('?')));
  name.stream = std::string(stream.substr(0, stream.find('?')));
  std::string_view rest = name.tc_url;
  const std::size_t scheme = rest.find("://");
  if (scheme != std::string_view::npos) rest.remove_prefix(scheme + 3);
  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  if (vhost.empty()) vhost = std::string(authority.substr(0, authority.rfind(':')));
  name.vhost = vhosts_.contains(vhost) ? vhost : std::string(kDefaultVhost);
  name.app = slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash + 1));
  return name;
}

SrsClient& SrsState::add_client(SrsClient client) {
  configure_vhost(client.name.vhost);
  auto [known, fresh] = by_url_.try_emplace(client.name.url());
  if (fresh) {
    known->second = long_id();
    SrsStream& made = streams_[known->second];
    made.id = known->second;
    made.name = client.name;
  }
  SrsStream& stream = streams_[known->second];
  client.id = token();
  client.stream_id = stream.id;
  client.since = std::chrono::steady_clock::now();
  stream.clients.insert(client.id);
  return clients_[client.id] = std::move(client);
}

void SrsState::remove_client(const std::string& id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  const auto stream = streams_.find(found->second.stream_id);
  clients_.erase(found);
  if (stream == streams_.end()) return;
  stream->second.clients.erase(id);
  if (stream->second.publisher == id) stream->second.publisher.clear();
  if (!stream->second.clients.empty()) return;
  by_url_.erase(stream->second.name.url());
  streams_.erase(stream);
}

bool SrsState::publish(const std::string& client_id) {
  SrsClient* publisher = client(client_id);
  SrsStream* stream = publisher ? stream_of(*publisher) : nullptr;
  if (!stream || !stream->publisher.empty()) return false;
  stream->publisher = client_id;
  return true;
}

SrsStream* SrsState::stream_of(const SrsClient& client) {
  const auto found = streams_.find(client.stream_id);
  return found == streams_.end() ? nullptr : &found->second;
}

SrsClient* SrsState::client(std::string_view id) {
  const auto found = clients_.find(std::string(id));
  return found == clients_.end() ? nullptr : &found->second;
}

void SrsState::clear() {
  streams_.clear();
  by_url_.clear();
  clients_.clear();
  vhosts_.clear();
}

}  // namespace weir::tests
