#include "controlplane/store/redis/store_script.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.h"
#include "common/base/contract.h"
#include "controlplane/store/limits.h"
#include "controlplane/store/redis/lua_parts.h"
#include "controlplane/store/redis/script_limits.h"

namespace weir::store::redis {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t us(Duration duration) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

struct Bound {
  std::string_view name;
  std::uint64_t value;
};
constexpr std::array kBounds = {
    Bound{"generation_max", kGenerationMax},
    Bound{"orphan_kept", us(kOrphanKept)},
    Bound{"settling_first", us(kSettlingFirst)},
    Bound{"settling_extension", us(kSettlingExtension)},
    Bound{"settling_max", us(kSettlingMax)},
    Bound{"renewal_expiry", us(kRenewalExpiry)},
    Bound{"renewal_grace", us(kRenewalGrace)},
    Bound{"renewal_remembered", us(kRenewalRemembered)},
    Bound{"idle_evidence_age_max", us(kIdleEvidenceAgeMax)},
    Bound{"takeover_pause", us(kTakeoverPause)},
    Bound{"last_epoch_kept", us(kLastEpochKept)},
    Bound{"last_epochs_max", kLastEpochsMax},
    Bound{"external_kept", us(kExternalKept)},
    Bound{"dead_origin_kept", us(kDeadOriginKept)},
    Bound{"stall_seen", us(kStallSeen)},
    Bound{"counted_max", us(kCountedAtOnceMax)},
    Bound{"tombstone_kept", us(kTombstoneKept)},
    Bound{"records_max", kRecordsMax},
    Bound{"changes_kept", kChangesKept},
    Bound{"bulletin_expiry", us(kBulletinExpiry)},
    Bound{"gone_bulletin_told", us(kGoneBulletinTold)},
    Bound{"replicas_max", kReplicasMax},
    Bound{"broadcasts_kept", kBroadcastsKept},
    Bound{"broadcasts_per_poll", kBroadcastsPerPoll},
    Bound{"broadcasts_expiry_ms", us(kBroadcastExpiry) / 1000},
    Bound{"mailbox_commands_max", kMailboxCommandsMax},
    Bound{"mailboxes_max", kMailboxesMax},
    Bound{"mailboxes_per_poll", kMailboxesPerPoll},
    Bound{"mail_kept_ms", us(kMailKept) / 1000},
    Bound{"media_sessions_max", kMediaSessionsMax},
    Bound{"due_per_poll", kDuePerPoll},
    Bound{"reply_bytes", kScriptReplyBytesWished},
};

std::string_view part(std::string_view name) {
  for (const LuaPart& each : lua_parts()) {
    if (each.name == name) return each.text;
  }
  WEIR_UNREACHABLE("a script has no such part");
}

/// The keys of `text`, those that are not in `keys` yet.
void collect_keys(std::string_view text, std::vector<std::string>& keys) {
  constexpr std::string_view kOpening = "-- keys:";
  WEIR_ASSERT(text.starts_with(kOpening));
  std::string_view line = text.substr(kOpening.size(), text.find('\n') - kOpening.size());
  while (true) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) return;
    line.remove_prefix(begin);
    const auto end = std::min(line.find(' '), line.size());
    const std::string key(line.substr(0, end));
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    line.remove_prefix(end);
  }
}

/// `$name` becomes the number.
void append_with_bounds(std::string_view text, std::string& out) {
  while (true) {
    const auto dollar = text.find('$');
    // A dollar that ends a pattern.
    if (dollar == std::string_view::npos) break;
    out += text.substr(0, dollar);
    text.remove_prefix(dollar + 1);
    const auto end = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), text.size());
    if (end == 0) {
      out += '$';
      continue;
    }
    const auto bound = std::ranges::find(kBounds, text.substr(0, end), &Bound::name);
    WEIR_ASSERT(bound != kBounds.end());
    out += fmt::to_string(bound->value);
    text.remove_prefix(end);
  }
  out += text;
}

/// What takes place also when Redis's memory is full: it frees some, or keeps owners in place, and
/// itself needs next to nothing.
enum class Memory { kNeeded, kFullToo };

StoreScript compose(std::initializer_list<std::string_view> parts,
                    Memory memory = Memory::kNeeded) {
  std::vector<std::string> keys;
  for (const std::string_view name : parts) collect_keys(part(name), keys);
  std::string text = memory == Memory::kFullToo ? "#!lua flags=allow-oom\n" : "";
  for (std::size_t i = 0; i < keys.size(); ++i) {
    text += fmt::format("local {} = KEYS[{}]\n", keys[i], i + 1);
  }
  for (const std::string_view name : parts) append_with_bounds(part(name), text);
  return {Script(std::string(*(parts.end() - 1)), std::move(text)), std::move(keys)};
}

/// A verb that names what its caller believes.
StoreScript held_verb(std::string_view name, Memory memory = Memory::kNeeded) {
  return compose({"history", "changing", "verb", "origin", "placement", "held", name}, memory);
}
/// Without a history: what replicas tell one another.
StoreScript post_verb(std::string_view name) {
  return compose({"history", name});
}

}  // namespace

StoreScripts::StoreScripts()
    : read_generation(compose({"history", "read_generation"})),
      raise_generation(
          compose({"history", "clock", "changing", "raise_generation"}, Memory::kFullToo)),
      extend_settling(compose({"history", "extend_settling"}, Memory::kFullToo)),
      lookup(compose(
          {"history", "lookup_placed", "changing", "verb", "origin", "placement", "lookup"})),
      acquire(compose({"history", "acquire_unplaced", "changing", "verb", "origin", "placement",
                       "renewal", "bind", "acquire"})),
      confirm(held_verb("confirm", Memory::kFullToo)),
      release(held_verb("release", Memory::kFullToo)),
      orphan(compose(
          {"history", "changing", "verb", "origin", "placement", "held", "renewal", "orphan"},
          Memory::kFullToo)),
      repoint(compose(
          {"history", "changing", "verb", "origin", "placement", "held", "bind", "repoint"})),
      restore(held_verb("restore")),
      claim(held_verb("claim")),
      adopt(compose({"history", "changing", "verb", "origin", "placement", "bind", "adopt"})),
      move(compose({"history", "changing", "verb", "origin", "placement", "bind", "move"})),
      upsert_origin(compose({"history", "changing", "verb", "origin", "order", "upsert_origin"})),
      declare_dead(
          compose({"history", "changing", "verb", "origin", "declare_dead"}, Memory::kFullToo)),
      put_record(compose({"history", "changing", "verb", "order", "record", "put_record"})),
      restore_records(
          compose({"history", "changing", "verb", "order", "record", "restore_records"})),
      renew_forwarder(compose({"history", "verb", "renew_forwarder"}, Memory::kFullToo)),
      poll(compose({"history", "clock", "changing", "origin", "placement", "changes", "poll"},
                   Memory::kFullToo)),
      snapshot(compose({"history", "snapshot"})),
      read_changes(compose({"history", "changes", "read_changes"})),
      put_bulletin(post_verb("put_bulletin")),
      broadcast(post_verb("broadcast")),
      send_command(post_verb("send_command")),
      take_commands(post_verb("take_commands")),
      put_media_session(post_verb("put_media_session")),
      find_media_session(post_verb("find_media_session")) {}

const StoreScripts& store_scripts() {
  static const StoreScripts scripts;
  return scripts;
}

}  // namespace weir::store::redis
