#pragma once
// OriginTable: the origins of the cluster, as far as a forwarder needs them.
// Threading: plain values, one owner. Lifetime: self-contained.

#include <cstddef>
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
  /// False = older than what is known, or changes without a table to change: ignored.
  bool apply(const OriginTableUpdate& update);
  bool known() const { return known_; }
  Revision revision() const { return revision_; }
  std::size_t size() const { return origins_.size(); }
  std::size_t placeable_count() const;
  const OriginEntry* find(const OriginId& origin) const;
  /// The table as one complete update, in order of origin id.
  OriginTableUpdate complete() const;

 private:
  bool known_ = false;
  Revision revision_;
  std::unordered_map<OriginId, OriginEntry> origins_;
};

}  // namespace weir::routing
