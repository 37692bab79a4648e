#pragma once
// ChangeFeed: hands each change to each subscriber, in order, posted.
// Threading: the store's thread. Lifetime: owned by the store; nothing is delivered after it is
// gone.

#include <cstdint>
#include <map>
#include <memory>

#include "common/base/executor.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

class ChangeFeed {
 public:
  explicit ChangeFeed(Executor& executor) : executor_(executor) {}
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  std::uint64_t add(StateStore::Feed on_change);
  void remove(std::uint64_t subscription);
  void publish(Change change);

 private:
  struct Subscriber {
    StateStore::Feed on_change;
    bool ended = false;  ///< what is posted already is dropped
  };
  Executor& executor_;
  std::map<std::uint64_t, std::shared_ptr<Subscriber>> subscribers_;
  std::uint64_t last_ = 0;
};

}  // namespace weir::store
