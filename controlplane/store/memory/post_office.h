#pragma once
// PostOffice: bulletins and mailboxes of replicas, and media sessions: what is kept for a short
// time and never decides who owns a stream.
//
// Threading: the store's thread. Lifetime: owned by the store.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/store/record.h"

namespace weir::store {

class PostOffice {
 public:
  bool put_bulletin(const ReplicaId& from, const std::string& bytes, MonotonicTime now);
  /// A replica whose bulletin has expired by now; it is forgotten. nullopt: none.
  std::optional<ReplicaId> next_expired_bulletin(MonotonicTime now);

  bool send(const Mailbox& to, Command command, MonotonicTime now);
  std::vector<Command> take(const Mailbox& from, MonotonicTime now);

  bool put_media_session(std::string ufrag, std::string bytes, Duration expiry, MonotonicTime now);
  std::optional<std::string> find_media_session(const std::string& ufrag, MonotonicTime now) const;

  void forget_old(MonotonicTime now);

 private:
  struct Sent {
    Command command;
    MonotonicTime until;
  };
  struct MediaSession {
    std::string bytes;
    MonotonicTime until;
  };
  using Address = std::pair<Mailbox::Kind, std::string>;

  std::map<ReplicaId, MonotonicTime> bulletins_;  ///< when they expire
  std::map<Address, std::deque<Sent>> mail_;
  std::multimap<MonotonicTime, Address> mail_expiries_;
  std::map<std::string, MediaSession> media_sessions_;
  std::multimap<MonotonicTime, std::string> media_expiries_;
};

}  // namespace weir::store
