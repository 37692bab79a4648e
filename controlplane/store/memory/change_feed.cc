#include "controlplane/store/memory/change_feed.h"

#include <utility>

namespace weir::store {

ChangeFeed::~ChangeFeed() {
  for (auto& [id, subscriber] : subscribers_) subscriber->ended = true;
}

std::uint64_t ChangeFeed::add(StateStore::Feed on_change) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->on_change = std::move(on_change);
  subscribers_.emplace(++last_, std::move(subscriber));
  return last_;
}

void ChangeFeed::remove(std::uint64_t subscription) {
  const auto found = subscribers_.find(subscription);
  if (found == subscribers_.end()) return;
  found->second->ended = true;
  subscribers_.erase(found);
}

void ChangeFeed::publish(Change change) {
  if (subscribers_.empty()) return;
  const auto shared = std::make_shared<const Change>(std::move(change));
  for (const auto& [id, subscriber] : subscribers_) {
    executor_.post([to = subscriber, shared] {
      if (!to->ended) to->on_change(*shared);
    });
  }
}

}  // namespace weir::store
