#pragma once
// Commands under way: those that wait for a connection and those that were written to one.
// Threading: one thread, nothing is called back. Lifetime: scripts outlive the commands that name
// them.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "controlplane/store/redis/reply.h"
#include "controlplane/store/redis/script.h"

namespace weir::store::redis {

struct Command {
  const Script* script = nullptr;  ///< null: `args` is the whole command
  std::vector<std::string> keys;
  std::vector<std::string> args;
  Callback<void(Answer)> done;  ///< empty: nobody waits for it (any more)
  MonotonicTime called{};
  MonotonicTime deadline{};
  std::uint8_t tries = 0;  ///< how often it was written; NOSCRIPT repeats it

  /// For logs and metrics: a word of this program.
  const std::string& name() const { return script != nullptr ? script->name() : args.front(); }
  std::size_t bytes() const;
  /// Appends it as it is written to a connection to the process `run_id`.
  void append_to(std::string& out, const std::string& run_id, bool with_text) const;
};

class Commands {
 public:
  /// Why one more of this size is not taken; empty when there is room.
  std::string_view refusal_of(const Command& command) const;
  void wait(Command command);
  void written(Command command);
  /// The next one to write, the first that was called.
  std::optional<Command> take_waiting();
  /// The one that the next reply belongs to.
  std::optional<Command> take_answered();

  bool any_written() const { return !written_.empty(); }
  /// When the first deadline passes, of commands for which somebody waits.
  std::optional<MonotonicTime> next_deadline() const;
  /// Those that wait and whose deadline has passed.
  std::vector<Command> take_expired_waiting(MonotonicTime now);
  /// Likewise of those written, by their completions alone: their replies may still come, and are
  /// counted until then.
  std::vector<Command> take_expired_written(MonotonicTime now);
  /// Everything written, when the connection is gone.
  std::deque<Command> take_written();
  std::deque<Command> take_all_waiting();

 private:
  std::deque<Command> waiting_;
  std::deque<Command> written_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::store::redis
