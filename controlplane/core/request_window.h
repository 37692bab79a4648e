#pragma once
// RequestWindow: a repeat of a request within 60 s gets the first answer (house rules:
// idempotency).
//
// Purpose: only successes are kept; an error would be repeated to a caller who may well succeed
// now. A repeat that comes while the first is under way waits for it. Bounded: beyond the limit the
// oldest are forgotten. Threading: one thread. Lifetime: owns waiting completions.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "controlplane/core/errors.h"
#include "controlplane/core/limits.h"

namespace weir::core {

template <class T>
class RequestWindow {
 public:
  /// Nothing: the caller goes ahead and calls finish(). Otherwise `respond` was taken over: it is
  /// answered now or with the first. An empty id is never a repeat.
  std::optional<Respond<T>> enter(const std::string& id, Respond<T> respond, MonotonicTime now) {
    if (id.empty()) return respond;
    expire(now);
    const auto found = requests_.find(id);
    if (found == requests_.end()) {
      if (by_age_.size() >= kRequestIdsMax) forget_oldest();
      requests_.emplace(id, Request{++last_number_, std::nullopt, {}});
      by_age_.push_back({id, last_number_, now});
      return respond;
    }
    if (found->second.answer) {
      respond(*found->second.answer);
    } else {
      found->second.waiting.push_back(std::move(respond));
    }
    return std::nullopt;
  }

  void finish(const std::string& id, const Answer<T>& answer) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return;
    auto waiting = std::exchange(found->second.waiting, {});
    if (const T* success = std::get_if<T>(&answer)) {
      found->second.answer = *success;
    } else {
      requests_.erase(found);
    }
    for (auto& respond : waiting) respond(answer);
  }

  void expire(MonotonicTime now) {
    while (!by_age_.empty() && now - by_age_.front().since >= kRequestIdWindow) forget_oldest();
  }
  std::size_t size() const { return requests_.size(); }

 private:
  struct Request {
    std::uint64_t number = 0;
    std::optional<T> answer;
    std::vector<Respond<T>> waiting;
  };
  struct Age {
    std::string id;
    std::uint64_t number = 0;  ///< an id that failed may be here again
    MonotonicTime since;
  };

  void forget_oldest() {
    const Age oldest = std::move(by_age_.front());
    by_age_.pop_front();
    const auto found = requests_.find(oldest.id);
    if (found == requests_.end() || found->second.number != oldest.number) return;
    auto node = requests_.extract(found);
    for (auto& respond : node.mapped().waiting) {
      respond(CoreError{
          Reason::kBusyRetry, "the first request is still under way", "", {}, kRetryBusy});
    }
  }

  std::unordered_map<std::string, Request> requests_;
  std::deque<Age> by_age_;
  std::uint64_t last_number_ = 0;
};

}  // namespace weir::core
