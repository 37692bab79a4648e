#pragma once
// Trouble: why a store is not usable, as one text for people, and when it changed.
//
// Purpose: a connection can be missing, or be there while Redis refuses what is asked of it (memory
// full, no permission, …). A refusal stands until the same script succeeds, or nothing has been
// refused for a while: other scripts may well succeed meanwhile.
//
// Threading: pure. Lifetime: value.

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

/// Whether a refusal is about Redis as a whole, and not about one command of this program.
bool is_trouble(Refusal refusal);

class Trouble {
 public:
  /// `store` begins each text: the place for people. There is no connection yet.
  explicit Trouble(std::string store) : store_(std::move(store)) {}

  /// No connection, and why.
  void unconnected(std::string why) { unconnected_ = std::move(why); }
  /// A new connection: nothing is known to be refused on it.
  void connected();
  /// `name` of the script or command, which come from a bounded set.
  void refused(const std::string& name, std::string what_redis_said, MonotonicTime now);
  void succeeded(const std::string& name);

  /// Empty when all is well.
  std::string text(MonotonicTime now) const;
  /// What it is about: the same word for refusals of one kind, of which each text may differ.
  std::string topic(MonotonicTime now) const;

 private:
  struct Refused {
    std::string said;
    MonotonicTime at;
  };
  const Refused* last(MonotonicTime now) const;

  std::string store_;
  std::string unconnected_ = "not connected yet";
  std::map<std::string, Refused> refused_;
};

}  // namespace weir::store::redis
