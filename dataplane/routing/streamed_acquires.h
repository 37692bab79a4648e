#pragma once
// StreamedAcquires: acquires that go with others in one message of the attach stream.
//
// Purpose: a unary call costs either end some 60 us of CPU; a message of the stream carries as many
// acquires as wait when it can be sent. Each has, once sent, the time of a unary call and ends
// once: by its reply, at its deadline, or with the stream; then as Unreachable, like a call that
// failed. A placement that is granted after the deadline is told to `late`, because nobody else
// knows of it. Threading: the control thread. Lifetime: self-contained; callbacks that are left
// when it goes never run.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "dataplane/routing/control_link.h"

namespace weir::routing {

class StreamedAcquires {
 public:
  using Done = Callback<void(AcquireReply)>;

  using Late = std::function<void(ReleaseRequest)>;
  /// The session still wants an answer.
  using Wanted = std::function<bool(const SessionId&)>;

  explicit StreamedAcquires(Late late) : late_(std::move(late)) {}

  /// `after_ends`: how many ends of sessions must be told before it, so that who comes back finds
  /// its stream free. Never less than at an earlier call.
  void ask(AcquireRequest request, std::uint64_t after_ends, MonotonicTime now, Done done);
  bool has_unsent(std::uint64_t ends_told) const {
    return !unsent_.empty() && unsent_.front().after_ends <= ends_told;
  }
  /// Somebody waits for an answer.
  bool waiting() const { return !waiting_.empty(); }
  /// At most `max`, oldest first; what has ended meanwhile, or is wanted no more, is left out.
  /// Their deadlines begin: in a crowd the last are written long after they were asked for.
  AcquireBatch take_unsent(std::size_t max, std::uint64_t ends_told, MonotonicTime now,
                           const Wanted& wanted);
  void replied(AcquireReplies replies);
  /// `moves`: what was sent has been taken.
  void expire(MonotonicTime now, bool moves);
  /// The stream has ended.
  void lost(const std::string& why);

 private:
  struct Entry {
    MonotonicTime deadline;
    Done done;
    SessionId session;
    StreamKey stream;
  };
  struct Unsent {
    std::uint64_t after_ends;
    AcquireBatch::Entry entry;
  };
  struct Expired {
    std::uint64_t number;
    SessionId session;
    StreamKey stream;
  };
  using Waiting = std::map<std::uint64_t, Entry>;

  /// The next whose time is over.
  Waiting::iterator overdue(MonotonicTime now);

  Late late_;
  /// By number: first what was sent, then what was not, each of them by deadline.
  Waiting waiting_;
  std::deque<Unsent> unsent_;
  std::deque<Expired> expired_;  ///< sent, and past their deadline; by number
  std::uint64_t last_number_ = 0;
};

}  // namespace weir::routing
