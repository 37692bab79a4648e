// ControlClient with several replicas: which one it is attached to, which one it asks.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "common/endpoints/limits.h"
#include "dataplane/routing/control_client.h"
#include "dataplane/routing/limits.h"
#include "tests/unit/dataplane/routing/resolver_fixture.h"

namespace weir::routing {
namespace {

using endpoints::Failure;
using endpoints::kReplicaSilenceMax;
using endpoints::kWelcomeWithin;

class OneReplicaTest : public ResolverTest {};

class ReplicasTest : public ResolverTest {
 protected:
  ReplicasTest() : ResolverTest(3) { resolver.session_started(info("s1"), session); }

  std::size_t last() const { return link.attached_to.back(); }
  /// Until the next attach, welcomed; how long it took.
  Duration reattached(Duration within) {
    const std::size_t before = link.attached_to.size();
    const MonotonicTime since = clock.now();
    while (link.attached_to.size() == before && clock.now() - since < within)
      executor.advance(milliseconds{5});
    EXPECT_GT(link.attached_to.size(), before);
    const Duration took = clock.now() - since;
    link.welcome();
    link.heartbeat();
    executor.run_ready();
    return took;
  }
  void beat_stale(Duration time) {
    for (; time > Duration::zero(); time -= milliseconds{200}) {
      link.heartbeat(false, 1, true);
      executor.advance(milliseconds{200});
    }
  }

  FakeSession session;
};

// --- the attach stream

TEST_F(ReplicasTest, AFrozenReplicaIsLeftWithin900Ms) {
  attach();
  pass(seconds{5});
  const std::size_t first = last();
  EXPECT_LE(reattached(seconds{1}), kReplicaSilenceMax + endpoints::kMoveSpread + milliseconds{50});
  EXPECT_NE(last(), first);
  ASSERT_EQ(observer.detached.size(), 1U);
  EXPECT_EQ(observer.detached[0], "no heartbeat for 700 ms");
  EXPECT_EQ(link.renewed, std::vector<std::size_t>{first}) << "its connection may be a dead one";
}

TEST_F(ReplicasTest, AReplicaThatNeverWelcomesIsLeftForTheOthersAtOnce) {
  client.start();
  executor.run_ready();
  executor.advance(kWelcomeWithin + milliseconds{60});
  EXPECT_EQ(link.detaches, 1);
  EXPECT_EQ(link.attached_to.size(), 2U);
  executor.advance(kWelcomeWithin + milliseconds{60});
  ASSERT_EQ(link.attached_to.size(), 3U);
  EXPECT_EQ(std::set(link.attached_to.begin(), link.attached_to.end()).size(), 3U);
  EXPECT_FALSE(client.attached());
}

TEST_F(ReplicasTest, AReplicaThatShutsDownIsLeftAtOnce) {
  attach();
  pass(seconds{5});
  const std::size_t first = last();
  link.break_stream("SHUTTING_DOWN", Failure::kLeaving);
  EXPECT_LE(reattached(seconds{1}), endpoints::kHandoverSpread + milliseconds{5});
  EXPECT_NE(last(), first);
}

TEST_F(OneReplicaTest, RetriesBackOffToOneSecondAndStartAfreshAfterGoodService) {
  client.start();
  executor.run_ready();
  for (int i = 0; i < 8; ++i) {
    link.break_stream("refused");
    executor.run_ready();
    const std::size_t before = link.attached_to.size();
    const MonotonicTime since = clock.now();
    while (link.attached_to.size() == before) executor.advance(milliseconds{5});
    EXPECT_LE(clock.now() - since, endpoints::kRetryDelayMax + milliseconds{5});
    if (i == 7) {
      EXPECT_GE(clock.now() - since, endpoints::kRetryDelayMax / 2);
    }
  }
  link.welcome();
  executor.run_ready();
  pass(seconds{3});
  link.break_stream("restart");
  executor.run_ready();
  const std::size_t before = link.attached_to.size();
  executor.advance(endpoints::kRetryDelayMin);
  EXPECT_EQ(link.attached_to.size(), before + 1);
}

TEST_F(ReplicasTest, HellosCountTheAttachStreamsOfTheRun) {
  attach();
  pass(seconds{5});
  for (int i = 0; i < 3; ++i) {
    link.break_stream("killed");
    reattached(seconds{1});
  }
  std::vector<std::uint64_t> counts;
  for (const Hello& hello : link.hellos) counts.push_back(hello.attach);
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{1, 2, 3, 4}));
}

// --- staleness

TEST_F(ReplicasTest, AStaleReplicaIsLeftForOneThatIsNot) {
  attach();
  const std::size_t first = last();
  beat_stale(milliseconds{400});
  ASSERT_EQ(link.freshness_calls.size(), 2U);
  EXPECT_TRUE(client.attached());
  const std::size_t fresh = link.freshness_calls[1].endpoint;
  EXPECT_NE(fresh, first);
  link.answer_freshness(Freshness{true});
  executor.run_ready();
  EXPECT_TRUE(client.attached());
  link.answer_freshness(Freshness{false});
  executor.run_ready();
  EXPECT_EQ(last(), fresh);
  EXPECT_TRUE(link.renewed.empty()) << "nothing is wrong with its connection";
}

TEST_F(ReplicasTest, NobodyMovesWhenAllAreStaleOrSilent) {
  attach();
  std::size_t asked = 0;
  for (int i = 0; i < 300; ++i) {
    beat_stale(milliseconds{200});
    asked += link.freshness_calls.size();
    while (!link.freshness_calls.empty())
      link.answer_freshness(asked % 2 == 0
                                ? FreshnessReply{Freshness{true}}
                                : FreshnessReply{Unreachable{"deadline", Failure::kSilent}});
    executor.run_ready();
  }
  EXPECT_EQ(link.attached_to.size(), 1U);
  EXPECT_TRUE(client.attached());
  EXPECT_GT(asked, 10U);
  EXPECT_LT(asked, 40U) << "in a minute, two at a time";
}

// --- acquires

TEST_F(ReplicasTest, AnAcquireBeginsWhereTheForwarderIsAttached) {
  attach();
  for (int i = 0; i < 10; ++i) {
    acquire("s1");
    ASSERT_EQ(link.acquires.size(), 1U);
    EXPECT_EQ(link.acquires[0].endpoint, last());
    link.answer(Held{"s9"});
    executor.run_ready();
  }
}

TEST_F(ReplicasTest, AnUnreachableReplicaSendsTheAcquireToTheOthersAsTheSameRequest) {
  attach();
  acquire("s1");
  std::set<std::size_t> asked;
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(link.acquires.size(), 1U);
    asked.insert(link.acquires[0].endpoint);
    ids.insert(link.acquires[0].request.request_id);
    if (i < 2) link.answer(Unreachable{"refused"});
    pass(milliseconds{200});
  }
  EXPECT_EQ(asked.size(), 3U);
  ASSERT_EQ(ids.size(), 1U);
  EXPECT_EQ(ids.begin()->size(), 36U);
  link.answer(Acquired{route({1, 4}, {1, 9}), false});
  executor.run_ready();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Acquired>(answers_[0]));
}

TEST_F(ReplicasTest, WhatTakesLongAtAReplicaThatBeatsIsAskedForThereOnceMore) {
  attach();
  const std::size_t first = last();
  acquire("s1");
  link.answer(Unreachable{"deadline", Failure::kSilent});
  pass(milliseconds{200});
  ASSERT_EQ(link.acquires.size(), 1U);
  EXPECT_EQ(link.acquires[0].endpoint, first) << "a takeover answers the repeat";
  link.answer(Unreachable{"deadline", Failure::kSilent});
  pass(milliseconds{200});
  ASSERT_EQ(link.acquires.size(), 1U);
  EXPECT_NE(link.acquires[0].endpoint, first);
  EXPECT_TRUE(client.attached());
  EXPECT_TRUE(link.renewed.empty());
}

TEST_F(ReplicasTest, AReplicaThatMissedItsHeartbeatsIsNotAskedAndNorIsOneThatLetACallExpire) {
  attach();
  const std::size_t frozen = last();
  executor.advance(kReplicaDoubtedAfter + milliseconds{10});
  acquire("s1");
  ASSERT_EQ(link.acquires.size(), 1U);
  const std::size_t second = link.acquires[0].endpoint;
  EXPECT_NE(second, frozen);
  link.answer(Unreachable{"deadline", Failure::kSilent});
  executor.advance(milliseconds{150});
  ASSERT_EQ(link.acquires.size(), 1U);
  const std::size_t third = link.acquires[0].endpoint;
  link.answer(Held{"s9"});
  executor.run_ready();
  // The stream goes to the one that answered; so do further questions.
  reattached(seconds{1});
  EXPECT_EQ(last(), third);
  acquire("s1");
  EXPECT_EQ(link.acquires[0].endpoint, third);
}

TEST_F(ReplicasTest, AReplicaWithoutItsStoreIsAskedOnceAndThenTheOthers) {
  attach();
  acquire("s1");
  std::set<std::size_t> asked;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(link.acquires.size(), 1U);
    asked.insert(link.acquires[0].endpoint);
    EXPECT_TRUE(answers_.empty());
    link.answer(RetryLater{milliseconds{200}, "STORE_UNAVAILABLE", true});
    pass(milliseconds{200});
  }
  EXPECT_EQ(asked.size(), 3U);
  EXPECT_TRUE(link.acquires.empty());
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(std::get<RetryLater>(answers_[0]).reason, "STORE_UNAVAILABLE");
}

TEST_F(ReplicasTest, SettlingIsTheSameEverywhere) {
  attach();
  acquire("s1");
  link.answer(RetryLater{milliseconds{200}, "SETTLING"});
  pass(milliseconds{200});
  EXPECT_TRUE(link.acquires.empty());
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(std::get<RetryLater>(answers_[0]).reason, "SETTLING");
}

TEST_F(ReplicasTest, AnOlderEpochThanOneAlreadySeenIsNotPublishedBy) {
  attach();
  acquire("s1");
  push(route({1, 9}, {1, 20}, "s7"), {1, 20});
  link.answer(Acquired{route({1, 4}, {1, 9}), false});
  executor.run_ready();
  ASSERT_EQ(answers_.size(), 1U);
  ASSERT_TRUE(std::holds_alternative<RetryLater>(answers_[0]));
  EXPECT_EQ(std::get<RetryLater>(answers_[0]).reason, "OUTDATED_ANSWER");
  acquire("s1");
  link.answer(Acquired{route({2, 1}, {2, 1}), false});
  executor.run_ready();
  EXPECT_TRUE(std::holds_alternative<Acquired>(answers_.back()));
  link.break_stream("killed");
  reattached(seconds{1});
  EXPECT_EQ(link.hellos.back().generation_seen, 2U) << "it stood in an answer";
}

// --- without any replica

TEST_F(ReplicasTest, NothingPilesUpWhileNoReplicaCanBeReached) {
  attach();
  link.break_stream("killed");
  for (int i = 0; i < 500; ++i) {
    const std::string id = "v" + std::to_string(i);
    FakeSession visitor;
    SessionInfo visit = info(id.c_str(), Intent::kPlay);
    visit.stream = key(("live/" + id).c_str());
    resolver.session_started(visit, visitor);
    resolver.watch(visit.stream, Intent::kPlay, [](const RouteUpdate&) {}).reset();
    executor.run_ready();
    resolver.session_ended(SessionId(id), "gone");
    if (link.attached()) link.break_stream("refused");
    executor.advance(milliseconds{100});
    EXPECT_LE(client.sessions().ends_noted() - client.sessions().ends_taken(), 1U);
  }
  EXPECT_EQ(client.sessions().size(), 1U);
}

TEST_F(ReplicasTest, KnownRoutesAreServedWithoutAnyReplica) {
  attach();
  auto first = resolver.watch(key(), Intent::kPlay, [](const RouteUpdate&) {});
  push(route({1, 4}, {1, 9}), {1, 9});
  for (int i = 0; i < 100; ++i) {
    if (link.attached()) link.break_stream("refused");
    executor.advance(seconds{1});
  }
  int told = 0;
  auto second = resolver.watch(key(), Intent::kPlay, [&](const RouteUpdate& update) {
    told += update.route.has_value() ? 1 : 0;
  });
  executor.run_ready();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(session.closes.empty());
}

// --- the table of a replica that lags

TEST(OriginTable, OfAReplicaThatLagsIsTakenOnceItHasCaughtUp) {
  const auto entry = [](const char* id, bool placeable) {
    return OriginEntry{.origin = OriginId(id),
                       .incarnation = IncarnationId("i"),
                       .kind = OriginKind::kGeneric,
                       .rtmp_endpoints = {},
                       .placeable = placeable,
                       .dead = false,
                       .zone = {}};
  };
  OriginTable table;
  EXPECT_TRUE(table.apply({{1, 10}, true, {entry("a", false), entry("b", true)}, {}}));
  EXPECT_FALSE(table.apply({{1, 8}, true, {entry("a", true)}, {}}));
  EXPECT_EQ(table.size(), 2U);
  EXPECT_FALSE(table.apply({{1, 9}, false, {entry("c", true)}, {}}));
  EXPECT_EQ(table.find(OriginId("c")), nullptr);
  EXPECT_TRUE(table.apply({{1, 11}, false, {entry("d", true)}, {}}));
  EXPECT_TRUE(table.find(OriginId("a"))->placeable) << "as the replica attached to says";
  EXPECT_EQ(table.find(OriginId("b")), nullptr);
  EXPECT_EQ(table.complete().origins.size(), 3U);
}

}  // namespace
}  // namespace weir::routing
