#include "controlplane/core/session_table.h"

#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {

bool SessionTable::upsert(ClientSession session, MonotonicTime now) {
  const auto found = sessions_.find(session.id);
  std::optional<MonotonicTime> active_since;
  if (found == sessions_.end()) {
    if (by_forwarder_[session.forwarder].size() >= kSessionsPerForwarderMax) return false;
  } else {
    if (found->second.session.state == SessionState::kActive) {
      active_since = found->second.active_since;
    }
    erase(found);
  }
  if (session.state == SessionState::kActive && !active_since) active_since = now;
  count(session, +1);
  by_forwarder_[session.forwarder].insert(session.id);
  if (session.intent == Intent::kPublish) publishers_[session.stream].insert(session.id);
  const SessionId id = session.id;
  sessions_.emplace(id, Entry{std::move(session), now, active_since});
  return true;
}

std::optional<ClientSession> SessionTable::end(const ForwarderId& forwarder,
                                               const SessionId& session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.session.forwarder != forwarder) return std::nullopt;
  ClientSession was = found->second.session;
  erase(found);
  return was;
}

std::vector<ClientSession> SessionTable::end_all_but(const ForwarderId& forwarder,
                                                     const std::set<SessionId>& kept) {
  std::vector<ClientSession> ended;
  const auto of = by_forwarder_.find(forwarder);
  if (of == by_forwarder_.end()) return ended;
  const std::set<SessionId> known = of->second;
  for (const SessionId& id : known) {
    if (kept.contains(id)) continue;
    const auto found = sessions_.find(id);
    ended.push_back(found->second.session);
    erase(found);
  }
  return ended;
}

const SessionTable::Entry* SessionTable::find(const SessionId& session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second;
}

SessionTable::Counts SessionTable::of_forwarder(const ForwarderId& forwarder) const {
  const auto found = forwarder_counts_.find(forwarder);
  return found == forwarder_counts_.end() ? Counts{} : found->second;
}

SessionTable::Counts SessionTable::of_stream(const StreamKey& stream) const {
  const auto found = stream_counts_.find(stream);
  return found == stream_counts_.end() ? Counts{} : found->second;
}

std::vector<SessionId> SessionTable::publishers(const StreamKey& stream) const {
  const auto found = publishers_.find(stream);
  if (found == publishers_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<const SessionTable::Entry*> SessionTable::list(
    const SessionId& after, std::size_t limit,
    const std::function<bool(const ClientSession&)>& pass) const {
  std::vector<const Entry*> page;
  for (auto at = sessions_.upper_bound(after); at != sessions_.end() && page.size() < limit; ++at) {
    if (pass(at->second.session)) page.push_back(&at->second);
  }
  return page;
}

void SessionTable::count(const ClientSession& session, int sign) {
  auto& forwarder = forwarder_counts_[session.forwarder];
  auto& stream = stream_counts_[session.stream];
  const auto add = [&](Counts& counts) {
    auto& number = session.intent == Intent::kPublish ? counts.publishers : counts.players;
    number = sign > 0 ? number + 1 : number - 1;
  };
  add(forwarder);
  add(stream);
  add(all_);
  const auto empty = [](const Counts& counts) {
    return counts.publishers == 0 && counts.players == 0;
  };
  if (empty(forwarder)) forwarder_counts_.erase(session.forwarder);
  if (empty(stream)) stream_counts_.erase(session.stream);
}

std::map<SessionId, SessionTable::Entry>::iterator SessionTable::erase(
    std::map<SessionId, Entry>::iterator entry) {
  const ClientSession& session = entry->second.session;
  count(session, -1);
  const auto of = by_forwarder_.find(session.forwarder);
  if (of != by_forwarder_.end()) {
    of->second.erase(session.id);
    if (of->second.empty()) by_forwarder_.erase(of);
  }
  const auto publishing = publishers_.find(session.stream);
  if (publishing != publishers_.end()) {
    publishing->second.erase(session.id);
    if (publishing->second.empty()) publishers_.erase(publishing);
  }
  return sessions_.erase(entry);
}

}  // namespace weir::core
