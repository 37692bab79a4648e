#pragma once
// EpochTable: the newest epochs this agent was told, and which publishers they fence off.
//
// Purpose: an agent that knows epoch e of a stream drops publishers of it that are tagged lower
// (design 6, Fencing). Untagged publishers and tags without an epoch are never dropped. Some
// servers know no vhosts, so that streams of several look like one there: a publisher whose session
// holds another stream is not judged by this one's epoch.
// An adapter says which streams have tagged publishers at its origin (EpochWatch) and is told when
// a higher epoch of one of them is learnt: it fences then, not at its next look.
// Threading: one thread. Lifetime: shared by the adapters of one agent; outlives them and their
// watches.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/callback.h"
#include "common/base/ids.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

/// Epoch of a tag `weir:<forwarder>/<session>/<generation>.<counter>`; nothing when the text is not
/// such a tag or carries no epoch.
std::optional<Epoch> epoch_of_tag(std::string_view tag);

class EpochWatch;

class EpochTable {
 public:
  /// Keeps the higher one. Beyond kKnownEpochsMax streams the lowest epoch is forgotten: it is the
  /// oldest, and fencing is a second line of defence, the forwarders are the first.
  /// Whoever watches the stream is told inside this call.
  void learn(const StreamEpoch& told);
  /// True when `tag` is of an older epoch of `stream` than the newest known.
  bool fences(const std::string& stream, std::string_view tag) const;

 private:
  friend class EpochWatch;

  struct Known {
    Epoch epoch;
    std::string session;
  };

  void forget(const std::string& stream);

  std::unordered_map<std::string, Known> newest_;
  std::set<std::pair<Epoch, std::string>> by_epoch_;       ///< of newest_: epoch and stream
  std::unordered_map<std::string, std::string> sessions_;  ///< of newest_: session to stream
  std::unordered_map<std::string, std::vector<EpochWatch*>> watches_;  ///< by stream
};

/// The interest of one adapter.
class EpochWatch {
 public:
  /// `raised`: a higher epoch of that stream was learnt. It may call watch(), and
  /// destroys no watch.
  EpochWatch(EpochTable& table, Callback<void(const std::string& stream)> raised)
      : table_(table), raised_(std::move(raised)) {}
  ~EpochWatch() { watch({}); }
  EpochWatch(const EpochWatch&) = delete;
  EpochWatch& operator=(const EpochWatch&) = delete;

  /// From now on exactly these streams. Cheap when they are those of before.
  void watch(std::vector<std::string> streams);

 private:
  friend class EpochTable;

  EpochTable& table_;
  Callback<void(const std::string& stream)> raised_;
  std::vector<std::string> streams_;
};

}  // namespace weir::agent
