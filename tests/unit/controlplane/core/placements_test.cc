// Acquire: settling, candidates, reservations, failed dials, idempotency, explain.

#include "controlplane/core/placements.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

class Placements : public ::testing::Test {
 protected:
  void start_cluster(int origins = 2) {
    std::vector<OriginSeen> seen;
    for (int i = 1; i <= origins; ++i) {
      seen.push_back(CoreHarness::seen("o" + std::to_string(i),
                                       "127.0.0.1:" + std::to_string(1935 + i),
                                       "pid" + std::to_string(i)));
    }
    agent = h.attach_agent("a1", std::move(seen));
    f1 = h.attach_forwarder("f1");
    f2 = h.attach_forwarder("f2");
    h.settle_with({f1, f2}, {agent});
  }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1, f2;
};

TEST_F(Placements, AskedWhileSettlingIsToldToRetrySoon) {
  const auto& got = h.acquire("live/a", "f1", "s1");
  ASSERT_TRUE(got.answer);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().reason, Reason::kSettling);
  EXPECT_EQ(got.error().retry_after, Duration(kRetrySettling));
}

TEST_F(Placements, FirstPublisherIsBoundAndGetsTheEndpointsOfItsOrigin) {
  start_cluster(1);
  const auto& got = h.acquire("live/a", "f1", "s1");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.value().route.placement.origin, OriginId("o1"));
  ASSERT_EQ(got.value().route.endpoints.size(), 1U);
  EXPECT_EQ(got.value().route.endpoints[0].address, "127.0.0.1:1936");
  EXPECT_FALSE(got.value().after_takeover);
  EXPECT_EQ(h.placement("live/a")->state, model::PlacementState::kBound);
}

TEST_F(Placements, SameHolderAskingAgainGetsTheSameEpoch) {
  start_cluster();
  const auto first = h.acquire("live/a", "f1", "s1").value().route.placement;
  const auto again = h.acquire("live/a", "f1", "s1").value().route.placement;
  EXPECT_EQ(first.epoch, again.epoch);
  EXPECT_EQ(first.origin, again.origin);
}

TEST_F(Placements, TwentyStreamsAtOnceSpreadEvenlyOverFourOrigins) {
  start_cluster(4);
  std::vector<std::unique_ptr<Got<Acquired>>> answers;
  for (int i = 0; i < 20; ++i) {
    AcquireQuery query;
    query.stream = key("live/s" + std::to_string(i));
    query.holder = model::SessionHolder{ForwarderId("f1"), SessionId("s" + std::to_string(i))};
    auto& got = *answers.emplace_back(std::make_unique<Got<Acquired>>());
    h.core->placements().acquire(
        std::move(query), [&got](Answer<Acquired> answer) { got.answer = std::move(answer); });
  }
  h.run();
  std::map<std::string, int> placed;
  for (const auto& got : answers) ++placed[got->value().route.placement.origin.str()];
  ASSERT_EQ(placed.size(), 4U);
  for (const auto& [origin, count] : placed) EXPECT_EQ(count, 5) << origin;
}

TEST_F(Placements, NoOriginAtAllIsToldWithItsCounts) {
  start_cluster(1);
  ASSERT_TRUE(h.cordon("o1", "maintenance").ok());
  const auto& got = h.acquire("live/a", "f1", "s1");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().reason, Reason::kNoEligibleOrigin);
  EXPECT_EQ(got.error().metadata.at("CORDONED"), "1");
  EXPECT_TRUE(got.error().retry_after);
}

TEST_F(Placements, FailedDialMovesTheHolderToAnotherOriginWithANewEpoch) {
  start_cluster(2);
  const auto first = h.acquire("live/a", "f1", "s1").value().route.placement;
  const auto& second =
      h.acquire("live/a", "f1", "s1",
                AcquireQuery::Failed{first.incarnation, first.epoch, ContactOutcome::kRefused});
  ASSERT_TRUE(second.ok());
  EXPECT_NE(second.value().route.placement.origin, first.origin);
  EXPECT_GT(second.value().route.placement.epoch, first.epoch);
  // The failed dial counts for this forwarder: its next stream avoids that origin.
  const auto& next = h.acquire("live/b", "f1", "s2");
  ASSERT_TRUE(next.ok());
  EXPECT_NE(next.value().route.placement.origin, first.origin);
}

TEST_F(Placements, OrphanedStreamComesBackToItsOrigin) {
  start_cluster(4);
  const auto first = h.publish(f1, "live/a", "f1", "s1");
  h.end(f1, "s1");
  ASSERT_EQ(h.placement("live/a")->state, model::PlacementState::kOrphaned);
  const auto& back = h.acquire("live/a", "f2", "s2");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back.value().route.placement.origin, first.origin);
  EXPECT_GT(back.value().route.placement.epoch, first.epoch);
}

TEST_F(Placements, OrphanIsReleasedAfterFifteenSeconds) {
  start_cluster(1);
  h.publish(f1, "live/a", "f1", "s1");
  h.end(f1, "s1");
  h.advance_with({f1, f2}, {agent}, 14s);
  EXPECT_TRUE(h.placement("live/a"));
  h.advance_with({f1, f2}, {agent}, 2s);
  EXPECT_FALSE(h.placement("live/a"));
  EXPECT_TRUE(h.has_event("STREAM_RELEASED"));
}

TEST_F(Placements, RepeatedRequestIdGetsTheFirstAnswer) {
  start_cluster(2);
  AcquireQuery query;
  query.stream = key("live/a");
  query.holder = model::SessionHolder{ForwarderId("f1"), SessionId("s1")};
  query.request_id = "7c1fd8a5-7e0c-4b6e-9a43-0d3c7c0f6b11";
  const auto first = h.acquire(query).value().route.placement;
  h.upsert(f1, CoreHarness::publisher("s1", "f1", first));
  h.end(f1, "s1");
  EXPECT_EQ(h.acquire(query).value().route.placement.epoch, first.epoch);
  h.advance_with({f1, f2}, {agent}, 61s);
  EXPECT_GT(h.acquire(query).value().route.placement.epoch, first.epoch);
}

TEST_F(Placements, ExplainShowsTheRecordWithItsEpochAndADryRunBindsNothing) {
  start_cluster(2);
  const auto placed = h.acquire("live/a", "f1", "s1").value().route.placement;
  AcquireQuery query;
  query.stream = key("live/a");
  const auto explained = std::get<Explanation>(h.core->placements().explain(query, false));
  ASSERT_EQ(explained.records.size(), 1U);
  EXPECT_EQ(explained.records[0].epoch, placed.epoch);
  EXPECT_EQ(explained.records[0].winner, placed.origin);
  EXPECT_EQ(explained.placement->origin, placed.origin);

  query.stream = key("live/other");
  const auto dry = std::get<Explanation>(h.core->placements().explain(query, true));
  ASSERT_EQ(dry.records.size(), 1U);
  EXPECT_FALSE(dry.records[0].winner.empty());
  EXPECT_FALSE(h.placement("live/other"));
  const auto unknown = h.core->placements().explain(query, false);
  EXPECT_EQ(std::get<CoreError>(unknown).reason, Reason::kPlacementNotFound);
}

TEST_F(Placements, PlacementBoundAndForgottenIsOrphanedAfterItsForwarderWasAsked) {
  start_cluster(1);
  h.acquire("live/a", "f1", "s1");
  h.advance_with({f1, f2}, {agent}, 10500ms);
  const auto query = f1->last<SessionQuery>();
  ASSERT_TRUE(query);
  EXPECT_EQ(query->sessions, std::vector<SessionId>{SessionId("s1")});
  h.tell(f1, SessionAnswer{query->query, {}});
  EXPECT_EQ(h.placement("live/a")->state, model::PlacementState::kOrphaned);
}

TEST_F(Placements, PlayersWaitOnlyWhereTheyAreKnownAndTheOriginIsNew) {
  start_cluster(2);
  EXPECT_FALSE(h.acquire("live/nobody", "f1", "s0").value().players_wait);
  ClientSession player;
  player.id = SessionId("p1");
  player.forwarder = ForwarderId("f2");
  player.stream = key("live/a");
  h.upsert(f2, player);
  const auto& first = h.acquire("live/a", "f1", "s1");
  EXPECT_TRUE(first.value().players_wait);
  // Told the same again: they know it already.
  EXPECT_FALSE(h.acquire("live/a", "f1", "s1").value().players_wait);
  // Another origin: they have to move there first.
  const auto placed = first.value().route.placement;
  const auto& moved =
      h.acquire("live/a", "f1", "s1",
                AcquireQuery::Failed{placed.incarnation, placed.epoch, ContactOutcome::kRefused});
  EXPECT_TRUE(moved.value().players_wait);
  // An orphan comes back to its origin, where its players still are.
  h.upsert(f1, CoreHarness::publisher("s1", "f1", moved.value().route.placement));
  h.end(f1, "s1");
  EXPECT_FALSE(h.acquire("live/a", "f1", "s2").value().players_wait);
}

TEST_F(Placements, RepeatOfATakeoverThatIsUnderWayGetsItsAnswer) {
  start_cluster(1);
  h.publish(f1, "live/a", "f1", "s1");
  AcquireQuery query;
  query.stream = key("live/a");
  query.holder = model::SessionHolder{ForwarderId("f2"), SessionId("s2")};
  query.request_id = "3f0c1a52-6a3e-4c8e-8f5d-6d3a0b9c7e21";
  const auto& first = h.acquire(query);
  const auto ask = f1->last<SessionQuery>();
  ASSERT_TRUE(ask);
  h.tell(f1, SessionAnswer{ask->query, {{SessionId("s1"), 2s, false}}});
  h.advance(400ms);
  // The try has timed out at the forwarder; the old leg is not closed yet.
  const auto& repeat = h.acquire(query);
  EXPECT_FALSE(repeat.answer);
  h.advance(100ms);
  ASSERT_TRUE(first.ok() && repeat.ok());
  EXPECT_TRUE(repeat.value().after_takeover);
  EXPECT_EQ(repeat.value().route.placement.epoch, first.value().route.placement.epoch);
}

TEST_F(Placements, RetriesWithoutAnyOriginLeaveOneRecord) {
  start_cluster(1);
  ASSERT_TRUE(h.cordon("o1", "maintenance").ok());
  for (int i = 0; i < 5; ++i) {
    h.advance_with({f1, f2}, {agent}, 500ms);
    ASSERT_FALSE(h.acquire("live/a", "f1", "s1").ok());
  }
  AcquireQuery query;
  query.stream = key("live/a");
  const auto explained = std::get<Explanation>(h.core->placements().explain(query, false));
  ASSERT_EQ(explained.records.size(), 1U);
  EXPECT_TRUE(explained.records[0].winner.empty());
  EXPECT_EQ(explained.records[0].decide_time, h.clock.wall_now());
}

TEST_F(Placements, RouteOfAnUnknownStreamIsNotFound) {
  start_cluster(1);
  Got<Route> got;
  h.core->placements().route(key("live/none"), model::Protocol::kRtmp,
                             [&](Answer<Route> answer) { got.answer = std::move(answer); });
  h.run();
  ASSERT_TRUE(got.answer);
  EXPECT_EQ(got.error().reason, Reason::kPlacementNotFound);
}

}  // namespace
}  // namespace weir::core::testing
