#pragma once
// ScriptCaller: runs the store's scripts with what each of them needs, and reads how it went.
//
// Purpose: keys, the caller's revision and epoch, the time; the reply's first word. What went wrong
// is kept for people (trouble()): what Redis refuses, and replies that are not as expected.
// Threading: the event loop's thread. Lifetime: completions outlive it; the runner outlives both.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "controlplane/store/redis/fields.h"
#include "controlplane/store/redis/key_names.h"
#include "controlplane/store/redis/script_runner.h"
#include "controlplane/store/redis/store_script.h"
#include "controlplane/store/state_store.h"

namespace weir::store::redis {

/// Microseconds of the calendar in place of Redis's own clock; empty = Redis's.
using StoreTime = std::function<std::uint64_t()>;

class ScriptCaller {
 public:
  /// The fields after the first word.
  using Outcome = std::variant<Fields, StoreError>;

  ScriptCaller(ScriptRunner& runner, std::string prefix, StoreTime time);

  /// `last_key`: in place of the script's key `mailbox`, or after its keys; empty = none.
  void call(const StoreScript& script, std::size_t shard, const Caller& caller,
            std::vector<std::string> args, Callback<void(Outcome)> done,
            std::string_view last_key = {});

  /// Runs a verb; `decode` reads its fields and may fail them.
  template <class T, class Decode>
  void verb(const StoreScript& script, std::size_t shard, const Caller& caller,
            std::vector<std::string> args, Done<T> done, Decode decode,
            std::string_view last_key = {}) {
    call(
        script, shard, caller, std::move(args),
        [troubles = troubles_, name = &script.script.name(), done = std::move(done),
         decode](Outcome outcome) mutable {
          if (const auto* error = std::get_if<StoreError>(&outcome)) return done(*error);
          Fields& fields = std::get<Fields>(outcome);
          T value = decode(fields);
          if (fields.failed()) return done(unexpected(*troubles, *name));
          done(std::move(value));
        },
        last_key);
  }

  /// A reply that is not as expected, noted by callers that read the fields themselves.
  StoreError unexpected(const StoreScript& script) {
    return unexpected(*troubles_, script.script.name());
  }
  /// Empty when all is well.
  std::string trouble() const;

 private:
  /// By script: its next success takes it away.
  using Troubles = std::unordered_map<std::string, std::string>;

  static StoreError unexpected(Troubles& troubles, const std::string& script);
  static Outcome read(Troubles& troubles, const std::string& script, Answer answer);
  const std::vector<std::string>& keys_of(const StoreScript& script, std::size_t shard);

  ScriptRunner& runner_;
  std::string prefix_;
  StoreTime time_;
  std::array<std::unordered_map<const StoreScript*, std::vector<std::string>>, kShards> keys_;
  std::shared_ptr<Troubles> troubles_ = std::make_shared<Troubles>();
};

}  // namespace weir::store::redis
