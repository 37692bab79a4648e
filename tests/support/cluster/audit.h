#pragma once
// Audit: after everything has come to rest, asks replicas for every stream that is held.
//
// Purpose: what a session holds must be what every replica answers. A replica may be behind for a
// moment, so an answer that differs is asked for again until a deadline.
// Threading: one thread. Lifetime: until done() the world must live.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/support/cluster/sim_forwarder.h"
#include "tests/support/cluster/world.h"

namespace weir::cluster {

class Audit {
 public:
  Audit(World& world, std::vector<SimForwarder::Held> held, Duration patience);

  void start();
  bool done() const { return open_ == 0 && waiting_.empty(); }
  std::size_t asked() const { return held_.size(); }
  /// Held streams of which a replica said something else, until the end.
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  void ask_more();
  void ask(std::size_t at);
  void answered(std::size_t at, const grpc::Status& status,
                const pb::GetPlacementResponse& response);

  World& world_;
  const std::vector<SimForwarder::Held> held_;
  const MonotonicTime deadline_;
  std::deque<std::size_t> waiting_;
  std::size_t open_ = 0;
  std::vector<std::string> wrong_;
};

}  // namespace weir::cluster
