#pragma once
// StreamSpellings: what one origin calls streams that have another key in the cluster.
//
// Purpose: hosts that the cluster does not keep apart are the default one (VhostRules), so two
// streams of a server can be one stream here: it has ended when the last of them has, and its epoch
// is told under each name, which is all that the server's agent knows. Threading: the core's
// thread. Lifetime: as the process of its origin; bounded by kStreamsPerOriginMax names.

#include <cstddef>
#include <set>
#include <unordered_map>
#include <vector>

#include "common/base/stream_key.h"
#include "controlplane/core/messages.h"
#include "controlplane/core/reported_streams.h"

namespace weir::core {

class StreamSpellings {
 public:
  struct Spelling {
    StreamKey own;  ///< as the origin calls it
    StreamKey key;
  };
  /// Gives the streams of a report their keys. `ended` keeps those that no name is live of;
  /// `known`: what was reported before. The answer: names heard for the first time.
  std::vector<Spelling> take(std::vector<ReportedStream>& live, std::vector<StreamKey>& ended,
                             bool complete, const ReportedStreams::Live& known,
                             const VhostRules& vhosts);
  /// All its names, the key itself included if that is one; empty: the key is the only one.
  const std::set<StreamKey>& of(const StreamKey& key) const;
  void clear();

 private:
  void end(std::vector<StreamKey>& ended, const VhostRules& vhosts);

  std::unordered_map<StreamKey, std::set<StreamKey>> by_key_;
  std::size_t size_ = 0;
};

}  // namespace weir::core
