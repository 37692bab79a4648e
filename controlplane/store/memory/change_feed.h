#pragma once
// ChangeFeed: hands each change to each subscriber, in order, posted; and keeps the last ones for
// readers that come back with a resume token.
// Threading: the store's thread. Lifetime: owned by the store; nothing is delivered after it is
// gone.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/executor.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

class ChangeFeed {
 public:
  ChangeFeed(Executor& executor, std::size_t changes_kept)
      : executor_(executor), changes_kept_(changes_kept) {}
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  std::uint64_t add(StateStore::Feed on_change);
  void remove(std::uint64_t subscription);
  /// A change with a revision is kept for read_after().
  void publish(Change change);
  /// As StateStore::read_changes; `present` is the store's revision.
  ChangePage read_after(std::string_view token, std::size_t limit, Revision present) const;

 private:
  struct Subscriber {
    StateStore::Feed on_change;
    bool ended = false;  ///< what is posted already is dropped
  };
  Executor& executor_;
  std::size_t changes_kept_;
  std::deque<std::shared_ptr<const Change>> kept_;
  Revision dropped_;  ///< the last one that is not kept any more
  std::map<std::uint64_t, std::shared_ptr<Subscriber>> subscribers_;
  std::uint64_t last_ = 0;
};

}  // namespace weir::store
