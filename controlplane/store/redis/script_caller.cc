#include "controlplane/store/redis/script_caller.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "controlplane/store/limits.h"
#include "controlplane/store/redis/words.h"

namespace weir::store::redis {

ScriptCaller::ScriptCaller(ScriptRunner& runner, std::string prefix, StoreTime time)
    : runner_(runner), prefix_(std::move(prefix)), time_(std::move(time)) {}

const std::vector<std::string>& ScriptCaller::keys_of(const StoreScript& script,
                                                      std::size_t shard) {
  const auto found = keys_[shard].find(&script);
  if (found != keys_[shard].end()) return found->second;
  std::vector<std::string> keys;
  keys.reserve(script.keys.size());
  for (const std::string& name : script.keys) keys.push_back(key_name(prefix_, shard, name));
  return keys_[shard].emplace(&script, std::move(keys)).first->second;
}

void ScriptCaller::call(const StoreScript& script, std::size_t shard, const Caller& caller,
                        std::vector<std::string> args, Callback<void(Outcome)> done,
                        std::string_view last_key) {
  std::vector<std::string> keys = keys_of(script, shard);
  if (!last_key.empty()) {
    const auto mailbox = std::ranges::find(script.keys, "mailbox");
    if (mailbox != script.keys.end()) {
      keys[static_cast<std::size_t>(mailbox - script.keys.begin())] =
          key_name(prefix_, shard, last_key);
    } else {
      keys.push_back(key_name(prefix_, shard, last_key));
    }
  }
  // An epoch that nobody honest can know says nothing.
  const Epoch epoch =
      caller.highest_epoch.generation < kGenerationHeardMax ? caller.highest_epoch : Epoch{};
  std::vector<std::string> words;
  words.reserve(args.size() + 5);
  words.push_back(number_word(caller.highest_seen.generation));
  words.push_back(number_word(caller.highest_seen.number));
  words.push_back(number_word(epoch.generation));
  words.push_back(number_word(epoch.counter));
  words.push_back(time_ ? number_word(time_()) : std::string());
  std::ranges::move(args, std::back_inserter(words));
  runner_.run(script.script, std::move(keys), std::move(words),
              [troubles = troubles_, name = &script.script.name(), done = std::move(done)](
                  Answer answer) mutable { done(read(*troubles, *name, std::move(answer))); });
}

ScriptCaller::Outcome ScriptCaller::read(Troubles& troubles, const std::string& script,
                                         Answer answer) {
  if (const auto* error = std::get_if<CommandError>(&answer)) {
    if (error->failure == Failure::kRefused) {
      troubles[script] = fmt::format("Redis refuses {}: {}", script, error->message);
    }
    return StoreError::kUnavailable;
  }
  Reply& reply = std::get<Reply>(answer);
  if (!reply.is_array() || reply.items.empty() || !reply.items.front().is_text()) {
    return unexpected(troubles, script);
  }
  const std::string first = std::move(reply.items.front().text);
  if (first != "OK" && first != "LOST" && first != "SETTLING") {
    return unexpected(troubles, script);
  }
  troubles.erase(script);
  if (first == "LOST") return StoreError::kHistoryLost;
  if (first == "SETTLING") return StoreError::kSettling;
  reply.items.erase(reply.items.begin());
  return Fields(std::move(reply.items));
}

StoreError ScriptCaller::unexpected(Troubles& troubles, const std::string& script) {
  troubles[script] = fmt::format("Redis answers {} with what the script never says", script);
  return StoreError::kUnavailable;
}

std::string ScriptCaller::trouble() const {
  std::string client = runner_.trouble();
  if (!client.empty()) return client;
  return troubles_->empty() ? std::string() : troubles_->begin()->second;
}

}  // namespace weir::store::redis
