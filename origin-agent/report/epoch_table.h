#pragma once
// EpochTable: the newest epochs this agent was told, and which publishers they fence off.
//
// Purpose: an agent that knows epoch e of a stream drops publishers of it that are tagged lower
// (design 6, Fencing). Untagged publishers and tags without an epoch are never dropped. Some
// servers know no vhosts, so that streams of several look like one there: a publisher whose session
// holds another stream is not judged by this one's epoch.
// Threading: one thread. Lifetime: shared by the adapters of one agent; outlives them.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/base/ids.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

/// Epoch of a tag `weir:<forwarder>/<session>/<generation>.<counter>`; nothing when the text is not
/// such a tag or carries no epoch.
std::optional<Epoch> epoch_of_tag(std::string_view tag);

class EpochTable {
 public:
  /// Keeps the higher one. Beyond kKnownEpochsMax streams the lowest epoch is forgotten: it is the
  /// oldest, and fencing is a second line of defence, the forwarders are the first.
  void learn(const StreamEpoch& told);
  /// True when `tag` is of an older epoch of `stream` than the newest known.
  bool fences(const std::string& stream, std::string_view tag) const;

 private:
  struct Known {
    Epoch epoch;
    std::string session;
  };

  void forget(const std::string& stream);

  std::unordered_map<std::string, Known> newest_;
  std::set<std::pair<Epoch, std::string>> by_epoch_;       ///< of newest_: epoch and stream
  std::unordered_map<std::string, std::string> sessions_;  ///< of newest_: session to stream
};

}  // namespace weir::agent
