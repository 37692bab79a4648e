#pragma once
// SessionTable: the client sessions of this forwarder as the cluster is told about them.
//
// Purpose: changes between two messages coalesce into one entry per session; the complete list is
// the hello. An end is always told, also of a session that was never told: it may have acquired a
// placement. Threading: the control thread. Lifetime: self-contained.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataplane/routing/control_link.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::routing {

class SessionTable {
 public:
  void upsert(SessionInfo info);
  /// Figures read on the workers now and then.
  void note_activity(const SessionId& id, std::uint64_t media_bytes,
                     std::optional<Duration> media_idle);
  /// It was given a placement: remembered at once, so that an end before its next word releases it.
  void note_epoch(const SessionId& id, Epoch epoch);
  /// nullopt = not known.
  std::optional<SessionRecord> end(const SessionId& id, std::string reason);

  const SessionRecord* find(const SessionId& id) const;
  /// Publishing sessions of a stream; usually none or one.
  std::vector<const SessionRecord*> publishers_of(const StreamKey& stream) const;
  const std::unordered_multimap<StreamKey, SessionId>& publishers() const { return publishers_; }

  bool has_ends() const { return !ended_.empty(); }
  /// Ends so far, and how many of them were taken to be told; they are told in order.
  std::uint64_t ends_noted() const { return ends_taken_ + ended_.size(); }
  std::uint64_t ends_taken() const { return ends_taken_; }
  bool has_changes() const { return !changed_.empty() || !ended_.empty(); }
  /// At most `max` upserts and `max` ends, oldest ends first.
  SessionChanges take_changes(std::size_t max);
  /// Nobody is told of what is pending: a complete list follows.
  void forget_changes();
  /// All sessions; pending changes are thereby told.
  std::vector<SessionRecord> take_complete();

  std::size_t size() const { return sessions_.size(); }
  std::size_t count(Intent intent, SessionInfo::State state) const {
    return counts_[slot(intent, state)];
  }

 private:
  static std::size_t slot(Intent intent, SessionInfo::State state) {
    return static_cast<std::size_t>(intent) * 3 + static_cast<std::size_t>(state);
  }
  void forget_publisher(const SessionInfo& info);

  std::unordered_map<SessionId, SessionRecord> sessions_;
  std::unordered_multimap<StreamKey, SessionId> publishers_;
  std::unordered_set<SessionId> changed_;
  std::vector<SessionEnd> ended_;
  std::uint64_t ends_taken_ = 0;
  std::array<std::size_t, 6> counts_{};
};

}  // namespace weir::routing
