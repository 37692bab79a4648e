#pragma once
// SessionTable: every client session that forwarders have told of, also of forwarders that are
// away.
//
// Purpose: the truth about sessions is with their forwarders (design 3); this is the replica's
// copy. Threading: the core's thread. Lifetime: values; bounded per forwarder (limits.h).

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "controlplane/core/messages.h"

namespace weir::core {

class SessionTable {
 public:
  struct Entry {
    ClientSession session;
    MonotonicTime told_at{};  ///< media_idle is as of then
    std::optional<MonotonicTime> active_since;
  };
  struct Counts {
    std::uint32_t publishers = 0;
    std::uint32_t players = 0;
  };

  /// False: the forwarder has as many as it may, and this one is new.
  bool upsert(ClientSession session, MonotonicTime now);
  /// The session as it was; nothing when `forwarder` has no such session.
  std::optional<ClientSession> end(const ForwarderId& forwarder, const SessionId& session);
  /// All sessions of a forwarder that are not in `kept`; they are removed.
  std::vector<ClientSession> end_all_but(const ForwarderId& forwarder,
                                         const std::set<SessionId>& kept);

  const Entry* find(const SessionId& session) const;
  Counts of_forwarder(const ForwarderId& forwarder) const;
  Counts of_stream(const StreamKey& stream) const;
  Counts all() const { return all_; }
  /// Publishers of a stream.
  std::vector<SessionId> publishers(const StreamKey& stream) const;

  /// In order of id, those after `after` that pass, at most `limit`.
  std::vector<const Entry*> list(const SessionId& after, std::size_t limit,
                                 const std::function<bool(const ClientSession&)>& pass) const;
  std::size_t size() const { return sessions_.size(); }

 private:
  void count(const ClientSession& session, int sign);
  std::map<SessionId, Entry>::iterator erase(std::map<SessionId, Entry>::iterator entry);

  std::map<SessionId, Entry> sessions_;
  std::unordered_map<ForwarderId, std::set<SessionId>> by_forwarder_;
  std::unordered_map<StreamKey, std::set<SessionId>> publishers_;
  std::unordered_map<ForwarderId, Counts> forwarder_counts_;
  std::unordered_map<StreamKey, Counts> stream_counts_;
  Counts all_;
};

}  // namespace weir::core
