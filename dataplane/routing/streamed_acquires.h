#pragma once
// StreamedAcquires: acquires that go with others in one message of the attach stream.
//
// Purpose: a unary call costs either end some 60 us of CPU; a message of the stream carries as many
// acquires as wait when it can be sent. Each has the deadline of a unary call and ends once: by its
// reply, at its deadline, or with the stream; then as Unreachable, like a call that failed.
// Threading: the control thread. Lifetime: self-contained; callbacks that are left when it goes
// never run.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "dataplane/routing/control_link.h"

namespace weir::routing {

class StreamedAcquires {
 public:
  using Done = Callback<void(AcquireReply)>;

  void ask(AcquireRequest request, MonotonicTime deadline, Done done);
  bool has_unsent() const { return !unsent_.empty(); }
  /// Somebody waits for an answer.
  bool waiting() const { return !waiting_.empty(); }
  /// At most `max`, oldest first; what has ended meanwhile is left out.
  AcquireBatch take_unsent(std::size_t max);
  void replied(AcquireReplies replies);
  void expire(MonotonicTime now);
  /// The stream has ended.
  void lost(const std::string& why);

 private:
  struct Entry {
    MonotonicTime deadline;
    Done done;
  };
  std::map<std::uint64_t, Entry> waiting_;  ///< by number, hence by deadline
  std::vector<AcquireBatch::Entry> unsent_;
  std::uint64_t last_number_ = 0;
};

}  // namespace weir::routing
