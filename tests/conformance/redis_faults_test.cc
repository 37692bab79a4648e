// What only a store outside of this process can suffer: restarts, failovers, flushes, other
// replicas, clocks that jump, values that nobody wrote (docs/adr/0014).

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/store/redis/script_limits.h"
#include "tests/conformance/redis_store_under_test.h"
#include "tests/support/redis/redis_server.h"

namespace weir::store {
namespace {

using model::Placement;
using testing::RedisSentinels;
using testing::RedisServer;
using namespace std::chrono_literals;

StreamKey stream(const std::string& name) {
  return make_stream_key(kDefaultVhost, "live", name).value();
}

/// A replica, and its verbs answered at once.
class Peer {
 public:
  Peer(const std::string& url, testing::ManualClock& time)
      : replica_(options_of(url), [&time] {
          return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                                time.wall_now().time_since_epoch())
                                                .count());
        }) {}

  template <class T, class Call>
  Reply<T> ask(Call call) {
    std::optional<Reply<T>> reply;
    call(Done<T>([&](Reply<T> got) { reply = std::move(got); }));
    replica_.settle();
    return reply ? *std::move(reply) : Reply<T>(StoreError::kUnavailable);
  }
  GenerationState generation(Caller caller = {}) {
    return std::get<GenerationState>(
        ask<GenerationState>([&](auto done) { store().read_generation(caller, std::move(done)); }));
  }
  GenerationState raise(std::uint64_t seen, Caller caller = {}) {
    return std::get<GenerationState>(ask<GenerationState>(
        [&](auto done) { store().raise_generation(seen, seen, caller, std::move(done)); }));
  }
  Candidate origin(const std::string& id) {
    OriginUpsert request;
    request.description.id = OriginId(id);
    request.process = "p";
    const auto reply = ask<OriginUpserted>(
        [&](auto done) { store().upsert_origin(request, {}, std::move(done)); });
    const auto& record = std::get<OriginUpserted>(reply).record;
    return {record.description.id, record.incarnation};
  }
  Reply<AcquireResult> try_acquire(const std::string& name, const Candidate& where,
                                   Caller caller = {}, const std::string& session = "s") {
    AcquireRequest request;
    request.stream = stream(name);
    request.holder = model::SessionHolder{ForwarderId("f"), SessionId(session)};
    request.candidates = {where};
    return ask<AcquireResult>(
        [&](auto done) { store().acquire(request, caller, std::move(done)); });
  }
  Placement acquire(const std::string& name, const Candidate& where) {
    return std::get<AcquireResult>(try_acquire(name, where)).placement.value();
  }
  Reply<std::optional<Placement>> lookup(const std::string& name, Caller caller = {}) {
    return ask<std::optional<Placement>>(
        [&](auto done) { store().lookup(stream(name), caller, std::move(done)); });
  }
  Changed release(const Placement& held) {
    return std::get<Changed>(ask<Changed>([&](auto done) {
      store().release({held.stream, held.holder, held.epoch}, {}, std::move(done));
    }));
  }
  void subscribe() {
    store().subscribe(
        [this](Reply<Snapshot> reply) { snapshot = std::get<Snapshot>(std::move(reply)); },
        [this](const Change& change) { changes.push_back(change); });
    replica_.poll();
  }
  template <class What>
  std::size_t heard() const {
    std::size_t count = 0;
    for (const Change& change : changes) count += std::holds_alternative<What>(change.what);
    return count;
  }
  StateStore& store() { return replica_.store(); }
  RedisReplica& replica() { return replica_; }

  std::optional<Snapshot> snapshot;
  std::vector<Change> changes;

 private:
  RedisReplica replica_;
};

class RedisFaults : public ::testing::Test {
 protected:
  void pass(Peer& peer, Duration by) {
    while (by > Duration::zero()) {
      const Duration step = std::min<Duration>(by, 500ms);
      time_.advance(step);
      peer.replica().poll();
      by -= step;
    }
  }
  /// A history, and an origin.
  Candidate begin(Peer& peer) {
    peer.raise(0);
    pass(peer, kSettlingFirst + kRenewalGrace);
    return peer.origin("o1");
  }
  template <class T>
  static bool is(const Reply<T>& reply, StoreError error) {
    const auto* got = std::get_if<StoreError>(&reply);
    return got != nullptr && *got == error;
  }

  /// Of the store that is there after a fault.
  static Reply<std::optional<Placement>> first_answer(Peer& peer, Caller caller = {}) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    auto answer = peer.lookup("camera", caller);
    while (is(answer, StoreError::kUnavailable) && std::chrono::steady_clock::now() < until) {
      answer = peer.lookup("camera", caller);
    }
    return answer;
  }

  testing::ManualClock time_;
};

TEST_F(RedisFaults, ARestartWithItsDataRaisesTheGenerationOnceAndPlacementsStay) {
  RedisServer server({.lines = {{"appendonly", "yes"}, {"appendfsync", "always"}}});
  Peer one(server.url(), time_);
  Peer two(server.url(), time_);
  const Candidate o1 = begin(one);
  const Placement held = one.acquire("camera", o1);
  const std::uint64_t before = one.generation().generation;
  server.kill();
  server.start();
  EXPECT_TRUE(is(first_answer(one), StoreError::kHistoryLost));
  EXPECT_TRUE(is(first_answer(two), StoreError::kHistoryLost));
  EXPECT_TRUE(is(two.try_acquire("camera", o1), StoreError::kHistoryLost));
  EXPECT_TRUE(two.generation().lost);
  EXPECT_EQ(two.generation().generation, before) << "the data are there";
  const GenerationState raised = one.raise(before);
  EXPECT_GT(raised.generation, before);
  EXPECT_TRUE(raised.settling);
  EXPECT_EQ(two.raise(before).generation, raised.generation);
  const auto kept = two.lookup("camera");
  EXPECT_EQ(std::get<std::optional<Placement>>(kept).value().epoch, held.epoch);
}

TEST_F(RedisFaults, AFlushIsNoticedByThePollWhileNothingIsAsked) {
  RedisServer server;
  Peer peer(server.url(), time_);
  begin(peer);
  peer.subscribe();
  ASSERT_EQ(peer.heard<Change::HistoryLost>(), 0U);
  server.cli({"FLUSHALL"});
  static_assert(2 * redis::kPollInterval <= 400ms);
  peer.replica().poll();
  EXPECT_GE(peer.heard<Change::HistoryLost>(), 1U);
}

TEST_F(RedisFaults, AfterAFlushThatAnotherReplicaHealedAReaderReadsEverythingAgain) {
  RedisServer server;
  Peer one(server.url(), time_);
  Peer two(server.url(), time_);
  begin(one);
  two.subscribe();
  const Revision read = two.snapshot.value().revision;
  server.cli({"FLUSHALL"});
  one.raise(0);
  two.replica().poll();
  EXPECT_EQ(two.heard<Change::Reset>(), 1U);
  EXPECT_GT(two.changes.back().revision, read);
}

TEST_F(RedisFaults, ASubscriberThatWaitsForItsSnapshotLearnsOfTheLoss) {
  RedisServer server({.lines = {{"appendonly", "yes"}, {"appendfsync", "always"}}});
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  peer.subscribe();
  // Not polled: the snapshot will end after what was read of the feed.
  peer.acquire("camera", o1);
  server.kill();
  server.start();
  ASSERT_TRUE(is(first_answer(peer), StoreError::kHistoryLost));
  std::optional<Reply<Snapshot>> reply;
  peer.store().subscribe([&](Reply<Snapshot> got) { reply = std::move(got); },
                         [](const Change&) {});
  peer.replica().poll();
  peer.replica().poll();
  ASSERT_TRUE(reply) << "nobody else would raise the generation";
  EXPECT_TRUE(is(*reply, StoreError::kHistoryLost));
}

TEST_F(RedisFaults, AFailoverThatLostWritesIsALossOfHistory) {
  RedisSentinels group;
  Peer peer(group.url(), time_);
  const Candidate o1 = begin(peer);
  peer.subscribe();
  RedisServer* primary = group.primary();
  ASSERT_NE(primary, nullptr);
  primary->cli({"WAIT", "2", "2000"});
  for (auto& redis : group.redis()) {
    if (redis.get() != primary) redis->freeze();
  }
  // What is on its way to them would still arrive.
  primary->cli({"CLIENT", "KILL", "TYPE", "replica"});
  const Placement lost = peer.acquire("camera", o1);
  peer.replica().poll();
  const Caller knowing{lost.revision, lost.epoch};
  primary->kill();
  for (auto& redis : group.redis()) {
    if (redis.get() != primary) redis->thaw();
  }
  const auto seen = first_answer(peer, knowing);
  EXPECT_TRUE(is(seen, StoreError::kHistoryLost));
  const std::uint64_t generation = peer.generation(knowing).generation;
  EXPECT_GT(peer.raise(generation, knowing).generation, lost.epoch.generation);
  pass(peer, kSettlingFirst + kRenewalGrace);
  EXPECT_GE(peer.heard<Change::Reset>(), 1U) << "it had read what was lost";
  EXPECT_GT(peer.acquire("camera", o1).epoch, lost.epoch);
}

TEST_F(RedisFaults, OfTwoReplicasThatRaceForTheSameStreamsOneGetsEach) {
  RedisServer server;
  Peer one(server.url(), time_);
  Peer two(server.url(), time_);
  const Candidate o1 = begin(one);
  one.subscribe();
  two.subscribe();
  constexpr int kStreams = 200;
  int bound = 0;
  int held = 0;
  for (int i = 0; i < kStreams; ++i) {
    for (Peer* peer : {&one, &two}) {
      AcquireRequest request;
      request.stream = stream(std::to_string(i));
      request.holder =
          model::SessionHolder{ForwarderId("f"), SessionId(peer == &one ? "s1" : "s2")};
      request.candidates = {o1};
      peer->store().acquire(request, {}, [&](Reply<AcquireResult> reply) {
        const auto outcome = std::get<AcquireResult>(reply).outcome;
        bound += outcome == AcquireOutcome::kBound;
        held += outcome == AcquireOutcome::kHeld;
      });
    }
  }
  one.replica().poll();
  two.replica().poll();
  one.replica().poll();
  EXPECT_EQ(bound, kStreams);
  EXPECT_EQ(held, kStreams);
  EXPECT_EQ(one.heard<Change::PlacementChanged>(), static_cast<std::size_t>(kStreams));
  EXPECT_EQ(two.heard<Change::PlacementChanged>(), static_cast<std::size_t>(kStreams));
}

TEST_F(RedisFaults, AClockThatJumpsExpiresNothing) {
  RedisServer server;
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  peer.release(peer.acquire("camera", o1));
  const auto is_placed = [&] {
    return std::get<std::optional<Placement>>(peer.lookup("camera")).has_value();
  };
  for (const auto jump : {1h, -2h, 1h}) {
    time_.set_wall(time_.wall_now() + jump);
    peer.replica().poll();
    EXPECT_TRUE(is_placed());
  }
  pass(peer, kOrphanKept - 5s);
  EXPECT_TRUE(is_placed()) << "a jump counts for 2 s at most";
  pass(peer, 5s);
  EXPECT_FALSE(is_placed());
}

TEST_F(RedisFaults, ScriptsThatRedisForgetsAreGivenAgain) {
  RedisServer server;
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  peer.acquire("one", o1);
  server.cli({"SCRIPT", "FLUSH"});
  peer.acquire("two", o1);
  EXPECT_EQ(peer.store().health().trouble, "");
}

TEST_F(RedisFaults, AValueThatNobodyWroteIsAnErrorThatNamesTheVerb) {
  RedisServer server;
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  const Placement good = peer.acquire("good", o1);
  peer.acquire("bad", o1);
  const std::string bad = stream("bad").str();
  for (const char* garbage : {"", "x", "o1 o1.1.1 s|f 1 2 3 4 b 0 1 1 0 0 verdict"}) {
    server.cli({"HSET", "weir:{0}:placements", bad, garbage});
    EXPECT_TRUE(is(peer.lookup("bad"), StoreError::kUnavailable)) << garbage;
    EXPECT_NE(peer.store().health().trouble.find("lookup"), std::string::npos) << garbage;
  }
  EXPECT_EQ(std::get<std::optional<Placement>>(peer.lookup("good")).value().epoch, good.epoch);
  peer.subscribe();
  ASSERT_TRUE(peer.snapshot);
  EXPECT_EQ(peer.snapshot->placements.size(), 1U) << "what can be read is read";
  EXPECT_NE(peer.store().health().trouble.find("snapshot"), std::string::npos);
}

TEST_F(RedisFaults, KeysOfTheWrongKindAreErrorsAndTheStoreWorksOnceTheyAreGone) {
  RedisServer server;
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  server.cli({"DEL", "weir:{0}:placements"});
  server.cli({"SET", "weir:{0}:placements", "x"});
  EXPECT_TRUE(is(peer.try_acquire("camera", o1), StoreError::kUnavailable));
  EXPECT_NE(peer.store().health().trouble.find("acquire"), std::string::npos);
  server.cli({"DEL", "weir:{0}:placements"});
  peer.acquire("camera", o1);
  EXPECT_EQ(peer.store().health().trouble.find("acquire"), std::string::npos);
}

TEST_F(RedisFaults, AChangeThatCannotBeReadAndAFeedThatWasTrimmedAreGaps) {
  RedisServer server;
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  peer.subscribe();
  const auto token = std::get<ChangePage>(peer.ask<ChangePage>([&](auto done) {
                       peer.store().read_changes("", 10, std::move(done));
                     })).token;
  peer.acquire("one", o1);
  peer.acquire("two", o1);
  server.cli({"XTRIM", "weir:{0}:feed", "MAXLEN", "1"});
  peer.replica().poll();
  EXPECT_EQ(peer.heard<Change::Reset>(), 1U);
  const auto page = peer.ask<ChangePage>(
      [&](auto done) { peer.store().read_changes(token, 10, std::move(done)); });
  EXPECT_TRUE(std::get<ChangePage>(page).reset);
  peer.acquire("three", o1);
  peer.replica().poll();
  EXPECT_EQ(peer.heard<Change::Reset>(), 1U) << "it goes on from the present";
  EXPECT_EQ(peer.heard<Change::PlacementChanged>(), 1U);
}

TEST_F(RedisFaults, FullMemoryRefusesAndSaysSo) {
  RedisServer server({.lines = {{"maxmemory-policy", "noeviction"}}});
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  server.cli({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(is(peer.try_acquire("camera", o1), StoreError::kUnavailable));
  EXPECT_NE(peer.store().health().trouble, "");
  server.cli({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_FALSE(std::get<std::optional<Placement>>(peer.lookup("camera"))) << "nothing was done";
  peer.acquire("camera", o1);
}

TEST_F(RedisFaults, FullMemoryStopsNothingThatFreesMemoryOrKeepsOwners) {
  RedisServer server({.lines = {{"maxmemory-policy", "noeviction"}}});
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  const Placement orphaned = peer.acquire("orphaned", o1);
  const Placement ended = peer.acquire("ended", o1);
  const Placement unknown = peer.acquire("unknown", o1);
  const Placement bound = peer.acquire("bound", o1);
  peer.release(orphaned);
  Mailbox mailbox{Mailbox::Kind::kReplica, "r1"};
  EXPECT_TRUE(std::get<bool>(peer.ask<bool>([&](auto done) {
    peer.store().send_command(mailbox, {"c", ReplicaId("r2"), "x", 100s}, std::move(done));
  })));
  server.cli({"CONFIG", "SET", "maxmemory", "1"});
  ASSERT_TRUE(is(peer.try_acquire("camera", o1), StoreError::kUnavailable));
  pass(peer, kOrphanKept);
  EXPECT_FALSE(std::get<std::optional<Placement>>(peer.lookup("orphaned"))) << "it expired";
  EXPECT_TRUE(peer.release(ended).changed);
  const auto held = [](const Placement& p) { return HolderRef{p.stream, p.holder, p.epoch}; };
  EXPECT_TRUE(std::get<Changed>(peer.ask<Changed>([&](auto done) {
                peer.store().confirm(held(bound), {}, std::move(done));
              })).changed);
  EXPECT_TRUE(std::get<Changed>(peer.ask<Changed>([&](auto done) {
                peer.store().orphan({held(unknown), {}, {}}, {}, std::move(done));
              })).changed);
  EXPECT_FALSE(is(peer.ask<bool>([&](auto done) {
    peer.store().renew_forwarder(ForwarderId("f"), {}, std::move(done));
  }),
                  StoreError::kUnavailable));
  EXPECT_TRUE(std::get<bool>(peer.ask<bool>([&](auto done) {
    peer.store().declare_dead({o1.incarnation, "gone", {}}, {}, std::move(done));
  })));
  const auto mail = peer.ask<std::vector<Command>>(
      [&](auto done) { peer.store().take_commands(mailbox, std::move(done)); });
  EXPECT_EQ(std::get<std::vector<Command>>(mail).size(), 1U);
  const std::uint64_t generation = peer.generation().generation;
  EXPECT_GT(peer.raise(generation, {{generation + 1, 0}, {}}).generation, generation)
      << "a loss is healed, too";
}

TEST_F(RedisFaults, AFailoverThatLostNoticesDeliversNoBroadcastAgain) {
  RedisServer server;
  Peer peer(server.url(), time_);
  begin(peer);
  peer.subscribe();
  const auto say = [&](const std::string& what) {
    EXPECT_TRUE(std::get<bool>(peer.ask<bool>(
        [&](auto done) { peer.store().broadcast(ReplicaId("r1"), what, std::move(done)); })));
  };
  say("one");
  say("two");
  peer.replica().poll();
  ASSERT_EQ(peer.heard<Change::BroadcastReceived>(), 2U);
  // As a replica that had not got the second one.
  server.cli({"HINCRBY", "weir:{0}:meta", "notices", "-1"});
  server.cli({"DEL", "weir:{0}:broadcasts"});
  server.cli({"XADD", "weir:{0}:broadcasts", "1-0", "r1", "one"});
  peer.replica().poll();
  EXPECT_EQ(peer.heard<Change::BroadcastReceived>(), 2U);
  say("three");
  peer.replica().poll();
  EXPECT_EQ(peer.heard<Change::BroadcastReceived>(), 3U);
}

TEST_F(RedisFaults, ARaiseThatFailsLeavesEverythingAsItWas) {
  RedisServer server;
  Peer peer(server.url(), time_);
  begin(peer);
  const std::uint64_t before = peer.generation().generation;
  // The feed takes only higher ids, and there are none.
  server.cli({"XADD", "weir:{0}:feed", std::to_string(kGenerationMax) + "-5", "x", ""});
  const Caller knowing{{before + 1, 0}, {}};
  const auto raise = [&] {
    return peer.ask<GenerationState>([&](auto done) {
      peer.store().raise_generation(before, before + 1, knowing, std::move(done));
    });
  };
  EXPECT_TRUE(is(raise(), StoreError::kUnavailable));
  EXPECT_EQ(peer.generation().generation, before);
  EXPECT_FALSE(peer.generation().settling);
  server.cli({"DEL", "weir:{0}:feed"});
  EXPECT_GT(std::get<GenerationState>(raise()).generation, before + 1);
}

TEST_F(RedisFaults, WhereNoGenerationIsLeftNoneIsHandedOutTwice) {
  RedisServer server;
  Peer peer(server.url(), time_);
  begin(peer);
  const std::uint64_t last = kGenerationMax - 1;
  server.cli({"HSET", "weir:{0}:meta", "generation", std::to_string(last)});
  const Caller knowing{{last, 1'000'000}, {}};
  EXPECT_TRUE(is(peer.ask<GenerationState>([&](auto done) {
    peer.store().raise_generation(last, 0, knowing, std::move(done));
  }),
                 StoreError::kUnavailable));
  EXPECT_EQ(peer.generation().generation, last);
  EXPECT_NE(peer.store().health().trouble.find("no generation is left"), std::string::npos);
}

TEST_F(RedisFaults, AMetaThatWasLostAloneIsALossLikeAnyOther) {
  RedisServer server;
  Peer peer(server.url(), time_);
  const Candidate o1 = begin(peer);
  const Placement held = peer.acquire("camera", o1);
  server.cli({"DEL", "weir:{0}:meta"});
  EXPECT_TRUE(is(peer.lookup("camera"), StoreError::kHistoryLost));
  EXPECT_GT(peer.raise(0).generation, held.epoch.generation);
  EXPECT_EQ(std::get<std::optional<Placement>>(peer.lookup("camera")).value().epoch, held.epoch);
}

}  // namespace
}  // namespace weir::store
