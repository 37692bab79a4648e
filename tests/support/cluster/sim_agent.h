#pragma once
// SimAgent: an origin agent over simulated origins: reports each second what they really serve,
// says when one is gone, drops publishers whose tag is older than the epoch it was told (design 6).
// Threading: one thread. Lifetime: world and origins outlive it.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/cluster/attachment.h"
#include "weir/control/v1/origin_service.grpc.pb.h"

namespace weir::cluster {

class SimAgent {
 public:
  SimAgent(World& world, std::string id, std::string instance, std::vector<SimOrigin*> origins,
           std::uint32_t capacity);

  void start() { attachment_.start(); }
  void stop() { attachment_.stop(); }
  void tick();
  bool attached() const { return attachment_.attached(); }
  /// Every origin that runs was given its incarnation.
  bool registered() const;
  const std::vector<SimOrigin*>& origins() const { return origins_; }
  /// Its process is gone: a verdict at once, a new life after a while.
  void kill_origin(SimOrigin& origin);

 private:
  using Up = pb::OriginServiceAttachRequest;
  using Down = pb::OriginServiceAttachResponse;

  Up hello(std::uint64_t attach) const;
  void on_attached();
  void message(const Down& message);
  void accepted(const pb::OriginAccepted& accepted);
  void told(const pb::StreamEpoch& told);
  void report();
  void fill(const SimOrigin& origin, pb::OriginSeen& seen) const;
  void revive(SimOrigin& origin);

  World& world_;
  const std::string id_;
  const std::string instance_;
  const std::vector<SimOrigin*> origins_;
  const std::uint32_t capacity_;
  std::map<std::string, std::string> incarnations_;  ///< by process: told before
  Attachment<pb::OriginService, Up, Down> attachment_;
  std::uint64_t sequence_ = 0;
  std::uint64_t readings_ = 0;
  Duration interval_ = std::chrono::seconds(1);
  MonotonicTime report_due_{};
  MonotonicTime snapshot_due_{};
};

}  // namespace weir::cluster
