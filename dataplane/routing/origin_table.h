#pragma once
// OriginTable: the origins of the cluster, as far as a forwarder needs them.
//
// Purpose: nobody goes back to an older revision, and changes only fit the table that they were
// made for. So the table of a replica that lags behind the one before is kept aside, with the
// changes that follow, until it has caught up. Threading: plain values, one owner. Lifetime:
// self-contained.

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/ids.h"
#include "dataplane/routing/route.h"

namespace weir::routing {

struct OriginEntry {
  OriginId origin;
  IncarnationId incarnation;
  OriginKind kind = OriginKind::kGeneric;
  std::vector<RtmpEndpoint> rtmp_endpoints;
  bool placeable = false;
  bool dead = false;
  std::string zone;
};

/// The whole table, or changes of it.
struct OriginTableUpdate {
  Revision revision;
  bool complete = false;
  std::vector<OriginEntry> origins;
  std::vector<OriginId> removed;
};

class OriginTable {
 public:
  /// False = older than what is known, or changes without a table to change: find() and the rest
  /// say what they said before.
  bool apply(const OriginTableUpdate& update);
  bool known() const { return present_.has_value(); }
  Revision revision() const { return present_ ? present_->revision : Revision{}; }
  std::size_t size() const { return present_ ? present_->origins.size() : 0; }
  std::size_t placeable_count() const;
  const OriginEntry* find(const OriginId& origin) const;
  /// The table as one complete update, in order of origin id.
  OriginTableUpdate complete() const;

 private:
  struct Table {
    Revision revision;
    std::unordered_map<OriginId, OriginEntry> origins;

    void change(const OriginTableUpdate& update);
  };

  std::optional<Table> present_;
  std::optional<Table> behind_;  ///< of the replica attached to now, which lags
};

}  // namespace weir::routing
