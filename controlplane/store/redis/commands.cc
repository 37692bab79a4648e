#include "controlplane/store/redis/commands.h"

#include <algorithm>
#include <utility>

#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/resp.h"

namespace weir::store::redis {
namespace {

std::size_t bytes_of(const std::vector<std::string>& words) {
  std::size_t total = 0;
  for (const std::string& word : words) total += word.size();
  return total;
}

}  // namespace

std::size_t Command::bytes() const {
  return sizeof(Command) + bytes_of(keys) + bytes_of(args);
}

void Command::append_to(std::string& out, const std::string& run_id, bool with_text) const {
  std::vector<std::string_view> words;
  words.reserve(keys.size() + args.size() + 4);
  const std::string key_count = std::to_string(keys.size());
  if (script != nullptr) {
    words.emplace_back(with_text ? "EVAL" : "EVALSHA");
    words.emplace_back(with_text ? script->text() : script->sha());
    words.emplace_back(key_count);
    words.insert(words.end(), keys.begin(), keys.end());
    words.emplace_back(run_id);
  }
  words.insert(words.end(), args.begin(), args.end());
  append_command(words, out);
}

std::string_view Commands::refusal_of(const Command& command) const {
  if (waiting_.size() + written_.size() >= kCommandsMax) return "too many commands are under way";
  if (bytes_ + command.bytes() > kCommandBytesMax) return "too many bytes are under way";
  return {};
}

void Commands::wait(Command command) {
  bytes_ += command.bytes();
  waiting_.push_back(std::move(command));
}

void Commands::written(Command command) {
  bytes_ += command.bytes();
  written_.push_back(std::move(command));
}

std::optional<Command> Commands::take_waiting() {
  if (waiting_.empty()) return std::nullopt;
  std::optional<Command> first(std::move(waiting_.front()));
  waiting_.pop_front();
  bytes_ -= first->bytes();
  return first;
}

std::optional<Command> Commands::take_answered() {
  if (written_.empty()) return std::nullopt;
  std::optional<Command> first(std::move(written_.front()));
  written_.pop_front();
  bytes_ -= first->bytes();
  return first;
}

std::optional<MonotonicTime> Commands::next_deadline() const {
  std::optional<MonotonicTime> first;
  for (const std::deque<Command>* const queue : {&waiting_, &written_}) {
    for (const Command& command : *queue) {
      if (!command.done || (first && *first <= command.deadline)) continue;
      first = command.deadline;
    }
  }
  return first;
}

std::vector<Command> Commands::take_expired_waiting(MonotonicTime now) {
  std::vector<Command> out;
  while (!waiting_.empty() && waiting_.front().deadline <= now) out.push_back(*take_waiting());
  return out;
}

std::vector<Command> Commands::take_expired_written(MonotonicTime now) {
  std::vector<Command> out;
  for (Command& command : written_) {
    if (!command.done || command.deadline > now) continue;
    Command expired;
    expired.script = command.script;
    if (command.script == nullptr) expired.args = {command.args.front()};
    expired.done = std::exchange(command.done, {});
    expired.called = command.called;
    out.push_back(std::move(expired));
  }
  return out;
}

std::deque<Command> Commands::take_written() {
  for (const Command& command : written_) bytes_ -= command.bytes();
  return std::exchange(written_, {});
}

std::deque<Command> Commands::take_all_waiting() {
  for (const Command& command : waiting_) bytes_ -= command.bytes();
  return std::exchange(waiting_, {});
}

}  // namespace weir::store::redis
