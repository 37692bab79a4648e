// Between replicas: bulletins, broadcasts, commands; and media sessions.

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "controlplane/store/redis/redis_state_store.h"
#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/values.h"

namespace weir::store::redis {
namespace {

std::string mailbox_word(const Mailbox& mailbox) {
  return fmt::format("{} {}", static_cast<unsigned>(mailbox.kind), to_word(mailbox.id));
}

/// `mail:<kind>:<id>`
std::string mailbox_key(const Mailbox& mailbox) {
  return fmt::format("mail:{}:{}", static_cast<unsigned>(mailbox.kind), to_word(mailbox.id));
}

/// What is left of its deadline, and `<id> <from> <bytes>`.
std::optional<Command> parse_command(const std::string& left, const std::string& text) {
  const auto deadline = to_number(left);
  WordReader words(text);
  Command command;
  command.id = words.text();
  command.from = ReplicaId(words.text());
  command.bytes = words.rest();
  if (!deadline || words.failed()) return std::nullopt;
  command.deadline = std::chrono::microseconds(*deadline);
  return command;
}

/// A full mailbox does not fit into one reply.
struct MailTaken {
  Mailbox from;
  std::vector<Command> commands;
  Done<std::vector<Command>> done;
};

void take_next(ScriptCaller& scripts, std::shared_ptr<MailTaken> mail, std::weak_ptr<void> alive) {
  Done<bool> done = [&scripts, mail, alive](store::Reply<bool> reply) {
    if (const auto* error = std::get_if<StoreError>(&reply)) {
      // What was taken out before must not be lost.
      if (mail->commands.empty()) return mail->done(*error);
      return mail->done(std::move(mail->commands));
    }
    if (std::get<bool>(reply) || alive.expired()) return mail->done(std::move(mail->commands));
    take_next(scripts, mail, alive);
  };
  scripts.verb(
      store_scripts().take_commands, kFirstShard, {}, {mailbox_word(mail->from)}, std::move(done),
      [mail](Fields& fields) {
        const bool all = fields.flag();
        const std::vector<std::string> entries = fields.texts(2);
        for (std::size_t i = 0; i < entries.size(); i += 2) {
          auto command = parse_command(entries[i], entries[i + 1]);
          if (command) mail->commands.push_back(*std::move(command));
        }
        return all;
      },
      mailbox_key(mail->from));
}

}  // namespace

void RedisStateStore::post(const StoreScript& script, std::vector<std::string> args,
                           Done<bool> done, std::string_view last_key) {
  scripts_.verb(
      script, kFirstShard, {}, std::move(args), std::move(done),
      [](Fields& fields) { return fields.flag(); }, last_key);
}

void RedisStateStore::put_bulletin(const ReplicaId& from, std::string bytes, Done<bool> done) {
  if (bytes.size() > kBulletinBytesMax) return answer(done, false);
  post(store_scripts().put_bulletin, {to_word(from.str()), std::move(bytes)}, std::move(done));
}

void RedisStateStore::broadcast(const ReplicaId& from, std::string bytes, Done<bool> done) {
  if (bytes.size() > kBroadcastBytesMax) return answer(done, false);
  post(store_scripts().broadcast, {to_word(from.str()), std::move(bytes)}, std::move(done));
}

void RedisStateStore::send_command(Mailbox to, Command command, Done<bool> done) {
  if (command.bytes.size() > kCommandBytesMax) return answer(done, false);
  const auto deadline = std::max<std::int64_t>(microseconds(command.deadline), 0);
  post(store_scripts().send_command,
       {mailbox_word(to), std::to_string(deadline),
        to_word(command.id) + ' ' + to_word(command.from.str()) + ' ' + command.bytes},
       std::move(done), mailbox_key(to));
}

void RedisStateStore::take_commands(Mailbox from, Done<std::vector<Command>> done) {
  auto mail = std::make_shared<MailTaken>();
  mail->from = std::move(from);
  mail->done = std::move(done);
  take_next(scripts_, std::move(mail), alive_);
}

void RedisStateStore::put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                                        Done<bool> done) {
  if (bytes.size() > kRecordBytesMax) return answer(done, false);
  const Duration kept = std::clamp<Duration>(expiry, Duration::zero(), kMediaSessionExpiryMax);
  post(store_scripts().put_media_session,
       {to_word(ufrag), std::move(bytes), std::to_string(microseconds(kept))}, std::move(done));
}

void RedisStateStore::find_media_session(std::string ufrag, Done<std::optional<std::string>> done) {
  scripts_.verb(store_scripts().find_media_session, kFirstShard, {}, {to_word(ufrag)},
                std::move(done), [](Fields& fields) {
                  const bool found = fields.flag();
                  std::string bytes = fields.text();
                  return found ? std::optional(std::move(bytes)) : std::nullopt;
                });
}

}  // namespace weir::store::redis
