#pragma once
// CoreHarness: a ClusterCore over the memory store, driven by hand, with recording links.
// Threading: one thread. Lifetime: one per test.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "controlplane/core/cluster_core.h"
#include "controlplane/store/memory/memory_state_store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::core::testing {

using namespace std::chrono_literals;
using weir::testing::ManualClock;
using weir::testing::ManualExecutor;

inline StreamKey key(std::string_view text) {
  return parse_stream_key(text).value();
}

/// What a link was sent, by type.
template <class Base, class Down>
class RecordingLink : public Base {
 public:
  void send(Down message) override {
    if (!ended) sent.push_back(std::move(message));
  }
  void end(Reason, std::string_view message) override { ended = std::string(message); }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> out;
    for (const auto& message : sent) {
      if (const T* found = std::get_if<T>(&message)) out.push_back(*found);
    }
    return out;
  }
  template <class T>
  std::optional<T> last() const {
    auto found = all<T>();
    if (found.empty()) return std::nullopt;
    return found.back();
  }

  std::vector<Down> sent;
  std::optional<std::string> ended;
};

class FakeForwarderLink final : public RecordingLink<ForwarderLink, ForwarderDown> {};
class FakeAgentLink final : public RecordingLink<AgentLink, AgentDown> {
 public:
  std::string peer() const override { return peer_address; }
  std::string peer_address = "ipv4:127.0.0.1:40000";
};

/// Answers what it is told to; counts.
class FakeProber final : public OriginProber {
 public:
  explicit FakeProber(Executor& executor) : executor_(executor) {}
  void probe(const model::Endpoint&, Duration, Callback<void(ContactOutcome)> done) override {
    ++probes;
    executor_.post([done = std::move(done), outcome = answer]() mutable { done(outcome); });
  }
  ContactOutcome answer = ContactOutcome::kAnswered;
  int probes = 0;

 private:
  Executor& executor_;
};

class FakeStateKeeper final : public StateKeeper {
 public:
  bool save(const KeptState& state) override {
    if (works) saved = state;
    return works;
  }
  bool save(const KeptRecords& records) override {
    if (works) saved_records = records;
    return works;
  }
  KeptState saved;
  KeptRecords saved_records;
  bool works = true;
};

/// One answer of the core, once it has come.
template <class T>
struct Got {
  std::optional<Answer<T>> answer;
  bool ok() const { return answer && std::holds_alternative<T>(*answer); }
  const T& value() const { return std::get<T>(*answer); }
  const CoreError& error() const { return std::get<CoreError>(*answer); }
};

/// A process of the control plane: gone and started again by restart().
class CoreHarness {
 public:
  explicit CoreHarness(Options options = default_options()) : options_(std::move(options)) {
    boot();
  }

  static Options default_options() {
    Options options;
    options.replica = ReplicaId("r1");
    options.version = "test";
    return options;
  }

  /// As kill -9 and a start with the same state-dir: links break, the store is empty.
  void restart() {
    core.reset();
    store.reset();
    executor = std::make_unique<ManualExecutor>(clock);
    boot();
  }

  using Forwarders = std::vector<std::shared_ptr<FakeForwarderLink>>;
  using Agents = std::vector<std::shared_ptr<FakeAgentLink>>;

  /// Time passes while these peers give their signs of life.
  void advance_with(const Forwarders& forwarders, const Agents& agents, Duration by) {
    constexpr Duration kStep = 500ms;
    while (by > Duration::zero()) {
      const Duration step = std::min(by, kStep);
      by -= step;
      advance(step);
      for (const auto& link : forwarders) {
        if (!link->ended) core->forwarders().message(link, ForwarderHeartbeat{});
      }
      for (const auto& link : agents) {
        if (!link->ended) core->agents().message(link, AgentHeartbeat{});
      }
      run();
    }
  }
  /// Until settling is over.
  void settle_with(const Forwarders& forwarders, const Agents& agents) {
    advance_with(forwarders, agents, 3500ms);
    require(!status().settling);
  }

  void advance(Duration by) { executor->advance(by); }
  void run() { executor->run_ready(); }
  StatusInfo status() { return core->listing().status(); }

  // --- forwarders
  std::shared_ptr<FakeForwarderLink> attach_forwarder(const std::string& id,
                                                      std::vector<ClientSession> sessions = {},
                                                      std::vector<StreamKey> interests = {},
                                                      std::string instance = "run1") {
    auto link = std::make_shared<FakeForwarderLink>();
    ForwarderHello hello;
    hello.forwarder = ForwarderId(id);
    hello.instance = std::move(instance);
    for (auto& session : sessions) session.forwarder = hello.forwarder;
    hello.sessions = std::move(sessions);
    hello.interests = std::move(interests);
    core->forwarders().message(link, std::move(hello));
    run();
    return link;
  }
  void tell(const std::shared_ptr<FakeForwarderLink>& link, ForwarderUp message) {
    core->forwarders().message(link, std::move(message));
    run();
  }
  void upsert(const std::shared_ptr<FakeForwarderLink>& link, ClientSession session) {
    tell(link, SessionChanges{{std::move(session)}, {}});
  }
  void end(const std::shared_ptr<FakeForwarderLink>& link, const std::string& session) {
    tell(link, SessionChanges{{}, {{SessionId(session), "closed"}}});
  }

  // --- agents
  std::shared_ptr<FakeAgentLink> attach_agent(const std::string& id,
                                              std::vector<OriginSeen> origins,
                                              std::string instance = "run1") {
    auto link = std::make_shared<FakeAgentLink>();
    AgentHello hello;
    hello.agent = AgentId(id);
    hello.instance = std::move(instance);
    hello.origins = std::move(origins);
    core->agents().message(link, std::move(hello));
    run();
    return link;
  }
  void tell(const std::shared_ptr<FakeAgentLink>& link, AgentUp message) {
    core->agents().message(link, std::move(message));
    run();
  }
  static OriginSeen seen(const std::string& id, const std::string& address,
                         const std::string& process, IncarnationId incarnation = {}) {
    OriginSeen origin;
    origin.own = OriginId(id);
    origin.description.id = OriginId(id);
    origin.description.endpoints = {{model::Protocol::kRtmp, address}};
    origin.process = process;
    origin.incarnation = std::move(incarnation);
    origin.probe_answered = true;
    origin.streams_known = true;
    return origin;
  }
  IncarnationId incarnation(const std::string& origin) {
    const auto info = core->listing().origin(OriginId(origin));
    return std::get<OriginInfo>(info).record.incarnation;
  }
  OriginMarks marks(const std::string& origin) {
    return core->listing().marked_origin(OriginId(origin)).marks;
  }
  /// Orders given at once.
  Got<OrderDone> cordon(const std::string& origin, std::optional<std::string> reason) {
    return order([&](Respond<OrderDone> respond) {
      core->orders().cordon(OriginId(origin), std::move(reason), {}, std::move(respond));
    });
  }
  template <class Give>
  Got<OrderDone> order(Give give) {
    auto got = std::make_shared<Got<OrderDone>>();
    give([got](Answer<OrderDone> answer) { got->answer = std::move(answer); });
    run();
    return *got;
  }
  model::OriginState state(const std::string& origin) {
    return std::get<OriginInfo>(core->listing().origin(OriginId(origin))).state;
  }

  // --- placements
  Got<Acquired>& acquire(const std::string& stream, const std::string& forwarder,
                         const std::string& session,
                         std::optional<AcquireQuery::Failed> failed = {}) {
    AcquireQuery query;
    query.stream = key(stream);
    query.holder = model::SessionHolder{ForwarderId(forwarder), SessionId(session)};
    query.failed = std::move(failed);
    return acquire(std::move(query));
  }
  Got<Acquired>& acquire(AcquireQuery query) {
    auto& got = *acquires_.emplace_back(std::make_unique<Got<Acquired>>());
    core->placements().acquire(std::move(query),
                               [&got](Answer<Acquired> answer) { got.answer = std::move(answer); });
    run();
    return got;
  }
  std::optional<model::Placement> placement(const std::string& stream) {
    const auto info = core->listing().stream(key(stream));
    if (const auto* found = std::get_if<StreamInfo>(&info)) return found->placement;
    return std::nullopt;
  }
  static ClientSession publisher(const std::string& id, const std::string& forwarder,
                                 const model::Placement& placement,
                                 SessionState state = SessionState::kActive) {
    ClientSession session;
    session.id = SessionId(id);
    session.forwarder = ForwarderId(forwarder);
    session.stream = placement.stream;
    session.intent = Intent::kPublish;
    session.state = state;
    session.origin = placement.origin;
    session.incarnation = placement.incarnation;
    session.epoch = placement.epoch;
    return session;
  }
  /// Acquires and has the session confirmed as publishing.
  model::Placement publish(const std::shared_ptr<FakeForwarderLink>& link,
                           const std::string& stream, const std::string& forwarder,
                           const std::string& session) {
    const auto& got = acquire(stream, forwarder, session);
    require(got.ok());
    const model::Placement placed = got.value().route.placement;
    upsert(link, publisher(session, forwarder, placed));
    return placed;
  }

  // --- events
  std::vector<std::string> event_types() {
    std::vector<std::string> types;
    auto cursor = std::get<EventCursor>(core->events().open("", std::nullopt));
    for (bool more = true; more;) {
      core->events().read(cursor, [&](const EventBatch& batch) {
        for (const auto& event : batch.events) types.push_back(event.type);
        cursor = batch.cursor;
        more = !batch.current;
      });
    }
    return types;
  }
  bool has_event(std::string_view type) {
    for (const auto& known : event_types()) {
      if (known == type) return true;
    }
    return false;
  }

  ManualClock clock;
  std::unique_ptr<ManualExecutor> executor = std::make_unique<ManualExecutor>(clock);
  SeededRandom random{7};
  FakeStateKeeper keeper;
  std::unique_ptr<metrics::Registry> metrics;
  std::unique_ptr<FakeProber> prober;
  std::unique_ptr<store::MemoryStateStore> store;
  std::unique_ptr<ClusterCore> core;

 private:
  static void require(bool condition) { WEIR_ASSERT(condition); }

  void boot() {
    metrics = std::make_unique<metrics::Registry>();
    prober = std::make_unique<FakeProber>(*executor);
    store = std::make_unique<store::MemoryStateStore>(*executor, clock);
    core = std::make_unique<ClusterCore>(Context{*executor, clock, random, *store, *metrics,
                                                 log::Logger("core"), keeper, *prober, options_},
                                         keeper.saved, keeper.saved_records);
    core->start();
    run();
  }

  Options options_;
  std::vector<std::unique_ptr<Got<Acquired>>> acquires_;
};

}  // namespace weir::core::testing
