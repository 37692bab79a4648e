#pragma once
// Where things are in Redis: `<prefix>{<shard>}:<name>`.
//
// Purpose: what one verb touches has one hash tag, so that Redis Cluster keeps it on one node. Kept
// per shard: placements, references, expiries, last_epochs, last_epochs_by_age, pins, live, dead,
// and the counters, revisions and feed that order them (meta, feed). Kept once, in the first shard:
// origins, names, records, tombstones, renewals, bulletins, broadcasts, mail, media. With one Redis
// and with Sentinel there is one shard, which has both.
// Threading: pure. Lifetime: values.

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/stream_key.h"

namespace weir::store::redis {

inline constexpr std::size_t kShards = 1;
inline constexpr std::size_t kFirstShard = 0;

inline std::size_t shard_of(const StreamKey& stream) {
  return stream.hash() % kShards;
}

inline std::string key_name(std::string_view prefix, std::size_t shard, std::string_view name) {
  return std::string(prefix) + '{' + std::to_string(shard) + "}:" + std::string(name);
}

}  // namespace weir::store::redis
