#include "controlplane/store/redis/trouble.h"

#include <utility>

#include <fmt/format.h>

#include "controlplane/store/redis/login.h"
#include "controlplane/store/redis/refusal.h"

namespace weir::store::redis {
namespace {

/// What was refused this long ago, and never asked again, says nothing about now.
constexpr auto kRefusalKept = std::chrono::seconds(5);

}  // namespace

bool is_trouble(Refusal refusal) {
  return refusal != Refusal::kNone && refusal != Refusal::kOther && refusal != Refusal::kNoScript;
}

void Trouble::connected() {
  unconnected_.clear();
  refused_.clear();
}

void Trouble::refused(const std::string& name, std::string what_redis_said, MonotonicTime now) {
  refused_[name] = {std::move(what_redis_said), now};
}

void Trouble::succeeded(const std::string& name) {
  if (!refused_.empty()) refused_.erase(name);
}

const Trouble::Refused* Trouble::last(MonotonicTime now) const {
  const Refused* last = nullptr;
  for (const auto& [name, refused] : refused_) {
    if (now - refused.at < kRefusalKept && (last == nullptr || refused.at > last->at))
      last = &refused;
  }
  return last;
}

std::string Trouble::text(MonotonicTime now) const {
  if (!unconnected_.empty()) return fmt::format("{}: {}", store_, unconnected_);
  const Refused* const refused = last(now);
  return refused == nullptr ? std::string() : fmt::format("{}: {}", store_, explain(refused->said));
}

std::string Trouble::topic(MonotonicTime now) const {
  if (!unconnected_.empty()) return unconnected_;
  const Refused* const refused = last(now);
  return refused == nullptr ? std::string() : std::string(word_of(classify(refused->said)));
}

}  // namespace weir::store::redis
