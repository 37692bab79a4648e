#pragma once
// Records and mail: what replicas keep and exchange through the store besides placements.
//
// Purpose: a record is an order of an operator or a secret of the cluster: one value under (kind,
// name), with the revision of its last change; deleting it leaves a tombstone, so that a replica
// that kept the older value cannot bring it back. Threading: plain values. Lifetime:
// self-contained.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/store/limits.h"

namespace weir::store {

enum class RecordKind {
  kPolicy,      ///< name: the policy's; value: its serialised message
  kPin,         ///< name: stream key; value: origin id
  kCordon,      ///< name: origin id; value: the reason
  kDrain,       ///< name: origin id; value: deadline and reason. No new placements, as a cordon
  kWeight,      ///< name: origin id; value: decimal
  kToken,       ///< name: token id; value: role and digest, never the token
  kSigningKey,  ///< name: key id; value: the secret
};

struct Record {
  RecordKind kind = RecordKind::kPolicy;
  std::string name;
  std::optional<std::string> value;  ///< missing = deleted
  Revision revision;
  WallTime update_time{};
  bool operator==(const Record&) const = default;
};

struct RecordWrite {
  RecordKind kind = RecordKind::kPolicy;
  std::string name;
  std::optional<std::string> value;  ///< missing = delete
  /// Only when the record has this revision ({0,0}: when there is none, or a tombstone); missing =
  /// whatever it has.
  std::optional<Revision> expected;
};

struct RecordWritten {
  /// False: another revision than expected, the same value already, nothing to delete, or too many
  /// records (kRecordsMax; then `full`).
  bool changed = false;
  bool full = false;
  std::optional<Record> record;  ///< as it stands now
};

struct RecordsRestored {
  std::size_t changed = 0;
};

/// Where commands wait for a peer that may be attached to any replica, or for a replica.
struct Mailbox {
  enum class Kind { kForwarder, kAgent, kReplica } kind = Kind::kReplica;
  std::string id;
  bool operator==(const Mailbox&) const = default;
};

struct Command {
  std::string id;  ///< unique; answers name it
  ReplicaId from;
  std::string bytes;
  Duration deadline{};  ///< from now, on the store's clock; what is older is dropped
};

/// Of what came from outside: nothing honest is that high, and it would outlast every later write.
constexpr bool is_credible(const Revision& revision) {
  return revision.generation < kGenerationHeardMax;
}

}  // namespace weir::store
