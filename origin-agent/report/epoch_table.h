#pragma once
// EpochTable: the newest epochs this agent was told, and which publishers they fence off.
//
// Purpose: an agent that knows epoch e of a stream drops publishers of it that are tagged lower
// (design 6, Fencing). Untagged publishers and tags without an epoch are never dropped.
// Threading: one thread. Lifetime: shared by the adapters of one agent; outlives them.

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/ids.h"

namespace weir::agent {

/// Epoch of a tag `weir:<forwarder>/<session>/<generation>.<counter>`; nothing when the text is not
/// such a tag or carries no epoch.
std::optional<Epoch> epoch_of_tag(std::string_view tag);

class EpochTable {
 public:
  /// Keeps the higher one. Beyond kKnownEpochsMax streams, unknown ones are not added: fencing is a
  /// second line of defence, the forwarders are the first.
  void learn(const std::string& stream, Epoch epoch);
  /// True when `tag` is of an older epoch of `stream` than the newest known.
  bool fences(const std::string& stream, std::string_view tag) const;

 private:
  std::unordered_map<std::string, Epoch> newest_;
};

}  // namespace weir::agent
