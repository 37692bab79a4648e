#pragma once
// ClusterHarness: several cores over one memory store, each a process that can be killed, frozen or
// cut from the store. Threading: one thread. Lifetime: one per test.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/peering/peer_codec.h"
#include "tests/unit/controlplane/core/core_harness.h"
#include "tests/unit/controlplane/core/replica_store.h"

namespace weir::core::testing {

class ClusterHarness {
 public:
  struct Replica {
    Replica(ClusterHarness& cluster, const std::string& id, std::uint64_t seed)
        : process(cluster.executor),
          store(process, cluster.clock, *cluster.store),
          random(seed),
          prober(process) {
      Options options = CoreHarness::default_options();
      options.replica = ReplicaId(id);
      core = std::make_unique<ClusterCore>(
          Context{process, cluster.clock, random, store, metrics, log::Logger("core"), keeper,
                  prober, options, &cluster.codec},
          KeptState{});
      core->start();
    }
    ProcessExecutor process;
    ReplicaStore store;
    SeededRandom random;
    metrics::Registry metrics;
    FakeProber prober;
    FakeStateKeeper keeper;
    std::unique_ptr<ClusterCore> core;
    std::vector<std::shared_ptr<FakeForwarderLink>> forwarders;
    std::vector<std::shared_ptr<FakeAgentLink>> agents;
  };

  /// As many replicas, which know one another, and nothing settles any more.
  explicit ClusterHarness(int replicas) {
    for (int n = 1; n <= replicas; ++n) start("r" + std::to_string(n));
    advance(5s);
  }

  Replica& start(const std::string& id) {
    all_.push_back(std::make_unique<Replica>(*this, id, 100 + all_.size()));
    by_id_[id] = all_.back().get();
    run();
    return *all_.back();
  }
  Replica& operator[](const std::string& id) { return *by_id_.at(id); }
  ClusterCore& core(const std::string& id) { return *by_id_.at(id)->core; }

  /// As kill -9: its streams break, its bulletin stays until it expires.
  void kill(const std::string& id) {
    (*this)[id].process.kill();
    by_id_.erase(id);
    run();
  }
  /// The data are gone from the store.
  void lose_history() {
    lost_.push_back(std::move(store));
    store = std::make_unique<store::MemoryStateStore>(executor, clock);
    for (auto& [id, replica] : by_id_) replica->store.replace(*store);
    run();
  }

  void run() { executor.run_ready(); }
  /// Time passes while all attached peers give their signs of life.
  void advance(Duration by) {
    constexpr Duration kStep = 250ms;
    while (by > Duration::zero()) {
      const Duration step = std::min(by, kStep);
      by -= step;
      executor.advance(step);
      for (auto& [id, replica] : by_id_) {
        for (const auto& link : replica->forwarders) {
          if (!link->ended) replica->core->forwarders().message(link, heartbeats[link.get()]);
        }
        for (const auto& link : replica->agents) {
          if (!link->ended) replica->core->agents().message(link, AgentHeartbeat{});
        }
      }
      run();
    }
  }

  // --- forwarders
  std::shared_ptr<FakeForwarderLink> forwarder(const std::string& replica, const std::string& id,
                                               std::vector<ClientSession> sessions = {},
                                               std::uint64_t attach = 1,
                                               std::vector<StreamKey> interests = {},
                                               std::string instance = "") {
    auto link = std::make_shared<FakeForwarderLink>();
    ForwarderHello hello;
    hello.forwarder = ForwarderId(id);
    hello.instance = instance.empty() ? id + "-run" : std::move(instance);
    hello.attach = attach;
    for (auto& session : sessions) session.forwarder = hello.forwarder;
    hello.sessions = std::move(sessions);
    hello.interests = std::move(interests);
    core(replica).forwarders().message(link, std::move(hello));
    (*this)[replica].forwarders.push_back(link);
    run();
    return link;
  }
  void tell(const std::string& replica, const std::shared_ptr<FakeForwarderLink>& link,
            ForwarderUp message) {
    core(replica).forwarders().message(link, std::move(message));
    run();
  }
  void leave(const std::string& replica, const std::shared_ptr<FakeForwarderLink>& link) {
    std::erase((*this)[replica].forwarders, link);
    core(replica).forwarders().closed(link);
    run();
  }

  // --- agents
  std::shared_ptr<FakeAgentLink> agent(const std::string& replica, const std::string& id,
                                       std::vector<OriginSeen> origins, std::uint64_t attach = 1) {
    auto link = std::make_shared<FakeAgentLink>();
    AgentHello hello;
    hello.agent = AgentId(id);
    hello.instance = id + "-run";
    hello.attach = attach;
    hello.origins = std::move(origins);
    core(replica).agents().message(link, std::move(hello));
    (*this)[replica].agents.push_back(link);
    run();
    return link;
  }
  void tell(const std::string& replica, const std::shared_ptr<FakeAgentLink>& link,
            AgentUp message) {
    core(replica).agents().message(link, std::move(message));
    run();
  }
  void leave(const std::string& replica, const std::shared_ptr<FakeAgentLink>& link) {
    std::erase((*this)[replica].agents, link);
    core(replica).agents().closed(link);
    run();
  }
  /// It says nothing any more, but its stream stays.
  void silence(const std::string& replica, const std::shared_ptr<FakeAgentLink>& link) {
    std::erase((*this)[replica].agents, link);
  }
  static OriginSeen seen(const std::string& id, int port, IncarnationId incarnation = {}) {
    return CoreHarness::seen(id, "127.0.0.1:" + std::to_string(port), "pid-" + id,
                             std::move(incarnation));
  }
  OriginInfo origin(const std::string& replica, const std::string& id) {
    const auto answer = core(replica).listing().origin(OriginId(id));
    const auto* info = std::get_if<OriginInfo>(&answer);
    return info != nullptr ? *info : OriginInfo{};
  }
  model::OriginState state(const std::string& replica, const std::string& id) {
    return origin(replica, id).state;
  }

  // --- placements
  Got<Acquired>& acquire(const std::string& replica, const std::string& stream,
                         const std::string& forwarder, const std::string& session) {
    auto& got = *acquires_.emplace_back(std::make_unique<Got<Acquired>>());
    AcquireQuery query;
    query.stream = key(stream);
    query.holder = model::SessionHolder{ForwarderId(forwarder), SessionId(session)};
    core(replica).placements().acquire(
        std::move(query), [&got](Answer<Acquired> answer) { got.answer = std::move(answer); });
    run();
    return got;
  }
  model::Placement publish(const std::string& replica,
                           const std::shared_ptr<FakeForwarderLink>& link,
                           const std::string& stream, const std::string& forwarder,
                           const std::string& session) {
    const auto& got = acquire(replica, stream, forwarder, session);
    WEIR_ASSERT(got.ok());
    const model::Placement placed = got.value().route.placement;
    tell(replica, link, SessionChanges{{CoreHarness::publisher(session, forwarder, placed)}, {}});
    return placed;
  }
  std::optional<model::Placement> placement(const std::string& replica, const std::string& stream) {
    const auto info = core(replica).listing().stream(key(stream));
    if (const auto* found = std::get_if<StreamInfo>(&info)) return found->placement;
    return std::nullopt;
  }

  // --- what operators see
  StatusInfo status(const std::string& replica) { return core(replica).listing().status(); }
  SessionsPage sessions(const std::string& replica, const std::string& after = "",
                        std::size_t limit = 100, const std::string& forwarder = "") {
    std::optional<SessionsPage> page;
    core(replica).sessions().list({after, limit, "", ForwarderId(forwarder)},
                                  [&page](SessionsPage answer) { page = std::move(answer); });
    run();
    if (!page) advance(kGatherDeadline);
    WEIR_ASSERT(page.has_value());
    return *page;
  }
  std::size_t count_events(const std::string& replica, std::string_view type,
                           std::string_view subject = "") {
    std::size_t count = 0;
    auto cursor = std::get<EventCursor>(core(replica).events().open("", std::nullopt));
    for (bool more = true; more;) {
      core(replica).events().read(cursor, [&](const EventBatch& batch) {
        for (const auto& event : batch.events) {
          count += event.type == type && (subject.empty() || event.subject == subject) ? 1 : 0;
        }
        cursor = batch.cursor;
        more = !batch.current;
      });
    }
    return count;
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  peering::ProtoPeerCodec codec;
  std::unique_ptr<store::MemoryStateStore> store =
      std::make_unique<store::MemoryStateStore>(executor, clock);
  std::map<FakeForwarderLink*, ForwarderHeartbeat> heartbeats;

 private:
  std::vector<std::unique_ptr<store::MemoryStateStore>> lost_;
  std::vector<std::unique_ptr<Replica>> all_;
  std::map<std::string, Replica*> by_id_;
  std::vector<std::unique_ptr<Got<Acquired>>> acquires_;
};

}  // namespace weir::core::testing
