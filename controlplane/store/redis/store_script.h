#pragma once
// The scripts of the store: one for each verb, put together from the parts in lua/.
//
// Purpose: a part says in its first line which keys it uses (`-- keys: …`); a script gets the keys
// of its parts as KEYS, under their names. `$name` in a part is a bound of controlplane/store/
// limits.h: one place for the numbers. Threading: made once, then constant. Lifetime: the
// program's.

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/store/redis/script.h"

namespace weir::store::redis {

struct StoreScript {
  Script script;
  std::vector<std::string> keys;  ///< their names, without prefix and shard
};

/// All of them, by name.
struct StoreScripts {
  StoreScripts();

  StoreScript read_generation, raise_generation, extend_settling;
  StoreScript lookup, acquire, confirm, release, orphan, repoint, restore, claim, adopt, move;
  StoreScript upsert_origin, declare_dead;
  StoreScript put_record, restore_records;
  StoreScript renew_forwarder;
  StoreScript poll, snapshot, read_changes;
  StoreScript put_bulletin, broadcast, send_command, take_commands;
  StoreScript put_media_session, find_media_session;
};

const StoreScripts& store_scripts();

}  // namespace weir::store::redis
