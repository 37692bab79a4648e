#pragma once
// Workload: concurrent clients that publish, play and leave through simulated forwarders.
//
// Purpose: every stream is first asked for by several clients at the same instant through different
// forwarders; beside and after that clients look streams up, publish a second time, fall silent and
// are taken over, meet an origin that refuses the dial, leave and come back. What they do is drawn
// from one seed; when it happens depends on the cluster.
// Threading: one thread. Lifetime: world, origins and everything it starts live as long as it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/support/cluster/sim_agent.h"
#include "tests/support/cluster/sim_forwarder.h"
#include "tests/support/cluster/world.h"

namespace weir::cluster {

/// Counts and records what a player was answered.
void note_lookup(World& world, std::size_t endpoint, const std::string& stream, MonotonicTime asked,
                 const grpc::Status& status, const pb::GetPlacementResponse& response);

struct Options {
  std::vector<std::string> endpoints;
  std::string name = "load";  ///< prefix of ids, so that several run beside each other
  std::size_t streams = 1'000;
  std::size_t origins = 20;
  std::size_t agents = 4;
  std::size_t forwarders = 4;
  std::size_t clients = 16;
  std::size_t racers = 2;  ///< clients that ask for a new stream at the same instant
  std::uint64_t seed = 1;
  double rate = 0;           ///< actions per second; 0 = as fast as answers come
  double deaths = 0;         ///< of origins, per minute
  std::size_t capacity = 0;  ///< streams that an origin takes; 0 = twice its share
  bool hold_only = false;    ///< after the first asks nobody does anything more
};

class Workload {
 public:
  Workload(World& world, const Options& options);

  /// Attaches everybody.
  void start();
  bool ready() const;
  /// Clients begin.
  void run();
  void tick();
  /// No new action; those under way come to their end.
  void wind_down() { winding_down_ = true; }
  bool idle() const { return busy_ == 0; }
  /// Nothing is left to be told or asked.
  bool quiet() const;
  bool all_asked() const { return next_stream_ == options_.streams && gathered_.empty(); }
  std::size_t held() const;
  std::size_t attached() const;
  std::size_t actions() const { return actions_; }
  const std::vector<std::unique_ptr<SimForwarder>>& forwarders() const { return forwarders_; }
  void stop();

 private:
  using Next = std::function<void()>;
  struct Live {
    SimForwarder* forwarder = nullptr;
    SimForwarder::SessionNumber session = 0;
    std::string stream;
    bool silent = false;
  };

  void next_action();
  void act();
  void act_on_live();
  void gather();
  void race(const std::string& stream, std::size_t clients);
  void look_up();
  void come_back();
  void second_publisher();
  void take_over();
  void publish(SimForwarder& forwarder, const std::string& stream, bool first_dial_fails,
               Next done);
  void done();
  void ended(SimForwarder& forwarder, SimForwarder::SessionNumber session);
  void add_live(SimForwarder& forwarder, SimForwarder::SessionNumber session,
                const std::string& stream);
  void kill_an_origin();
  std::string stream_name(std::size_t number) const;
  SimForwarder& forwarder_but(const SimForwarder* not_this);
  Live* any_live();
  bool percent(std::uint64_t share) { return world_.random.below(100) < share; }

  World& world_;
  const Options options_;
  Origins origins_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::vector<std::unique_ptr<SimForwarder>> forwarders_;

  std::size_t next_stream_ = 0;
  std::vector<int> gathered_;  ///< clients that wait for others to ask for one stream
  std::size_t busy_ = 0;       ///< clients in an action
  std::size_t actions_ = 0;
  bool winding_down_ = false;
  bool running_ = false;
  double credit_ = 0;
  std::size_t waiting_ = 0;  ///< clients held back by the rate
  MonotonicTime last_tick_{};
  std::vector<Live> live_;
  std::unordered_map<std::string, std::size_t> live_at_;  ///< forwarder#session -> index
};

}  // namespace weir::cluster
