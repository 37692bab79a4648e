#pragma once
// What every part of the simulation needs, and the simulated origins with who publishes there.
//
// Purpose: an origin is a media server that takes one publisher per stream name, as real ones do,
// and knows him by his tag. Its agent reports it, forwarders publish to it.
// Threading: one thread. Lifetime: outlives agents, forwarders and clients.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "tests/support/cluster/figures.h"
#include "tests/support/cluster/replicas.h"
#include "tests/support/history/recorder.h"

namespace weir::cluster {

struct World {
  Executor& executor;
  const Clock& clock;
  Random& random;
  Replicas& replicas;
  history::Recorder& history;
  Figures& figures;
};

inline Epoch epoch_of(const pb::Epoch& epoch) {
  return {epoch.generation(), epoch.counter()};
}
inline std::string holder_of(const pb::Holder& holder) {
  if (holder.has_client_session())
    return holder.client_session().forwarder() + '/' + holder.client_session().session();
  if (holder.has_external()) return "external:" + holder.external().name();
  return "direct";
}
/// Uniform in [half, limit].
inline Duration jittered(Duration limit, Random& random) {
  const auto half = static_cast<std::uint64_t>(limit.count() / 2);
  return Duration{static_cast<Duration::rep>(half + random.below(half + 1))};
}

/// Who publishes a stream at an origin.
struct Leg {
  std::string holder;
  Epoch epoch;
  /// The origin ends it; `why` as in history::why.
  std::function<void(std::string_view why)> closed;

  std::string tag() const { return fmt::format("weir:{}/{}", holder, epoch); }
};

class SimOrigin {
 public:
  SimOrigin(std::string name, std::string address)
      : name_(std::move(name)), address_(std::move(address)) {}

  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }
  bool running() const { return running_; }
  /// Names the present life of its process.
  std::string process() const { return fmt::format("{}-{}", name_, life_); }
  std::string incarnation;  ///< of this life, as its agent was told; empty = not yet

  /// false: there is a publisher of that name.
  bool publish(const std::string& stream, Leg leg);
  void unpublish(const std::string& stream, const std::string& holder);
  /// Ends a publisher whose tag is older.
  void drop_older(const std::string& stream, Epoch epoch, std::string_view why);
  /// The process is gone, and with it everybody who publishes there.
  void die();
  void start_again();

  const std::unordered_map<std::string, Leg>& legs() const { return legs_; }
  /// What has changed since the last call: names that were touched.
  std::unordered_set<std::string> take_changes() { return std::exchange(changed_, {}); }

 private:
  const std::string name_;
  const std::string address_;
  std::uint32_t life_ = 1;
  bool running_ = true;
  std::unordered_map<std::string, Leg> legs_;
  std::unordered_set<std::string> changed_;
};

/// All origins, by their names, which are their ids in the cluster.
class Origins {
 public:
  Origins(std::string_view prefix, std::size_t count);
  SimOrigin* find(const std::string& name);
  std::vector<std::unique_ptr<SimOrigin>>& all() { return origins_; }

 private:
  std::vector<std::unique_ptr<SimOrigin>> origins_;
  std::unordered_map<std::string, SimOrigin*> by_name_;
};

}  // namespace weir::cluster
