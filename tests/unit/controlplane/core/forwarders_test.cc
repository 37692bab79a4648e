// Attach streams of forwarders: hello, heartbeats, silence, routes, sessions, the table of origins.

#include "controlplane/core/forwarders.h"

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "controlplane/core/routes.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

class CoreForwarders : public ::testing::Test {
 protected:
  void start() {
    agent = h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1"),
                                  CoreHarness::seen("o2", "127.0.0.1:1937", "pid2")});
    f1 = h.attach_forwarder("f1");
    f2 = h.attach_forwarder("f2");
    h.settle_with({f1, f2}, {agent});
    h.advance_with({f1, f2}, {agent}, 3500ms);
  }
  static std::optional<RouteUpdate> last_route(const FakeForwarderLink& link, const char* stream) {
    std::optional<RouteUpdate> found;
    for (const auto& update : link.all<RouteUpdate>()) {
      if (update.stream == key(stream)) found = update;
    }
    return found;
  }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1, f2;
};

TEST_F(CoreForwarders, HelloIsAnsweredByWelcomeHeartbeatAndTable) {
  start();
  auto f3 = h.attach_forwarder("f3");
  ASSERT_GE(f3->sent.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<ForwarderWelcome>(f3->sent[0]));
  EXPECT_TRUE(std::holds_alternative<ReplicaHeartbeat>(f3->sent[1]));
  const auto table = f3->last<OriginTable>();
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->complete);
  ASSERT_EQ(table->origins.size(), 2U);
  EXPECT_TRUE(table->origins[0].placeable);
}

TEST_F(CoreForwarders, HeartbeatsComeEachTwoHundredMilliseconds) {
  start();
  const auto before = f1->all<ReplicaHeartbeat>().size();
  h.advance(1s);
  EXPECT_EQ(f1->all<ReplicaHeartbeat>().size() - before, 5U);
}

TEST_F(CoreForwarders, FirstMessageMustBeAHelloWithIdAndInstance) {
  auto link = std::make_shared<FakeForwarderLink>();
  h.tell(link, ForwarderHeartbeat{});
  EXPECT_TRUE(link->ended);
  auto nameless = std::make_shared<FakeForwarderLink>();
  h.tell(nameless, ForwarderHello{});
  EXPECT_TRUE(nameless->ended);
}

TEST_F(CoreForwarders, ThreeSecondsOfSilenceEndTheStreamAndKeepTheSessionsListed) {
  start();
  h.publish(f1, "live/a", "f1", "s1");
  h.advance_with({f2}, {agent}, 3500ms);
  EXPECT_TRUE(f1->ended);
  EXPECT_FALSE(f2->ended);
  EXPECT_EQ(h.core->listing().unreachable({}), std::vector<ForwarderId>{ForwarderId("f1")});
  EXPECT_EQ(h.core->listing().sessions("", 10, "", {}).items.size(), 1U);
  EXPECT_TRUE(h.has_event("FORWARDER_DETACHED"));
}

TEST_F(CoreForwarders, NewestAttachOfOneIdWins) {
  start();
  auto again = h.attach_forwarder("f1", {}, {}, "run2");
  EXPECT_TRUE(f1->ended);
  EXPECT_FALSE(again->ended);
  EXPECT_TRUE(h.has_event("FORWARDER_REPLACED"));
  // The end of the older stream, told late, does not detach the newer one.
  h.core->forwarders().closed(f1);
  h.run();
  EXPECT_TRUE(h.core->forwarders().attached(ForwarderId("f1")));
}

TEST_F(CoreForwarders, InterestIsAnsweredAtOnceAndEachChangeIsPushed) {
  start();
  h.tell(f2, RouteInterest{{key("live/a")}, {}});
  auto route = last_route(*f2, "live/a");
  ASSERT_TRUE(route);
  EXPECT_FALSE(route->route);
  const auto unplaced = route->revision;
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  route = last_route(*f2, "live/a");
  ASSERT_TRUE(route->route);
  EXPECT_EQ(route->route->placement.epoch, placed.epoch);
  EXPECT_EQ(route->route->placement.state, model::PlacementState::kPublishing);
  EXPECT_GT(route->revision, unplaced);
  h.end(f1, "s1");
  EXPECT_EQ(last_route(*f2, "live/a")->route->placement.state, model::PlacementState::kOrphaned);
  h.advance_with({f1, f2}, {agent}, 16s);
  EXPECT_FALSE(last_route(*f2, "live/a")->route);
}

TEST_F(CoreForwarders, NothingIsPushedAfterTheInterestIsTakenBack) {
  start();
  h.tell(f2, RouteInterest{{key("live/a")}, {}});
  h.tell(f2, RouteInterest{{}, {key("live/a")}});
  const auto before = f2->all<RouteUpdate>().size();
  h.publish(f1, "live/a", "f1", "s1");
  EXPECT_EQ(f2->all<RouteUpdate>().size(), before);
}

TEST_F(CoreForwarders, TheDisplacedHolderIsToldOfTheNewerEpoch) {
  start();
  const auto first = h.publish(f1, "live/a", "f1", "s1");
  h.tell(agent, OriginVerdict{first.origin, first.incarnation, VerdictReason::kProcessGone, 1ms});
  const auto& second = h.acquire("live/a", "f2", "s2");
  h.advance(500ms);
  ASSERT_TRUE(second.answer && second.ok());
  const auto told = last_route(*f1, "live/a");
  ASSERT_TRUE(told && told->route);
  EXPECT_GT(told->route->placement.epoch, first.epoch);
  EXPECT_EQ(told->route->placement.holder,
            model::Holder(model::SessionHolder{ForwarderId("f2"), SessionId("s2")}));
}

TEST_F(CoreForwarders, TableTellsOfDeathAndCordonWithinATick) {
  start();
  h.tell(agent,
         OriginVerdict{OriginId("o1"), h.incarnation("o1"), VerdictReason::kProcessGone, {}});
  h.advance(100ms);
  auto table = f1->last<OriginTable>();
  ASSERT_TRUE(table);
  EXPECT_FALSE(table->complete);
  ASSERT_EQ(table->origins.size(), 1U);
  EXPECT_EQ(table->origins[0].origin, OriginId("o1"));
  EXPECT_TRUE(table->origins[0].dead);
  EXPECT_FALSE(table->origins[0].placeable);
}

TEST_F(CoreForwarders, SessionsAreCountedPerStreamAndPagedByName) {
  start();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  for (const char* id : {"p1", "p2", "p3"}) {
    ClientSession player;
    player.id = SessionId(id);
    player.stream = placed.stream;
    player.intent = Intent::kPlay;
    h.upsert(f2, player);
  }
  const auto info = std::get<StreamInfo>(h.core->listing().stream(placed.stream));
  EXPECT_EQ(info.sessions.publishers, 1U);
  EXPECT_EQ(info.sessions.players, 3U);
  const auto page = h.core->listing().sessions("", 2, placed.stream.str(), {});
  ASSERT_EQ(page.items.size(), 2U);
  EXPECT_EQ(page.next, "p2");
  const auto rest = h.core->listing().sessions(page.next, 10, placed.stream.str(), {});
  EXPECT_EQ(rest.items.size(), 2U);
  EXPECT_TRUE(rest.next.empty());
  EXPECT_EQ(h.core->listing().sessions("", 10, "", ForwarderId("f1")).items.size(), 1U);
  h.end(f2, "p1");
  EXPECT_EQ(std::get<StreamInfo>(h.core->listing().stream(placed.stream)).sessions.players, 2U);
}

TEST_F(CoreForwarders, PlacementsOfAForwarderThatNeverReturnsBecomeOrphans) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  ASSERT_TRUE(h.acquire("live/b", "f1", "s2").ok());
  ASSERT_TRUE(h.acquire("live/c", "f9", "s9").ok());  // f9 never attaches
  h.core->forwarders().closed(f1);
  h.advance_with({f2}, {agent}, kDetachedKept - 1s);
  EXPECT_EQ(h.placement("live/a")->state, model::PlacementState::kPublishing);
  EXPECT_EQ(h.placement("live/b")->state, model::PlacementState::kBound);
  h.advance_with({f2}, {agent}, 3s);
  for (const char* stream : {"live/a", "live/b", "live/c"}) {
    ASSERT_TRUE(h.placement(stream)) << stream;
    EXPECT_EQ(h.placement(stream)->state, model::PlacementState::kOrphaned) << stream;
  }
  h.advance_with({f2}, {agent}, 16s);
  EXPECT_FALSE(h.placement("live/a"));
  // It lived after all.
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)});
  ASSERT_TRUE(h.placement("live/a"));
  EXPECT_EQ(h.placement("live/a")->epoch, held.epoch);
}

TEST_F(CoreForwarders, AStrangerThatAttachesKeepsItsPlacements) {
  start();
  const auto& got = h.acquire("live/c", "f9", "s9");
  ASSERT_TRUE(got.ok());
  h.advance_with({f1, f2}, {agent}, 5s);
  auto f9 =
      h.attach_forwarder("f9", {CoreHarness::publisher("s9", "f9", got.value().route.placement)});
  h.advance_with({f1, f2, f9}, {agent}, kDetachedKept + 2s);
  ASSERT_TRUE(h.placement("live/c"));
  EXPECT_EQ(h.placement("live/c")->state, model::PlacementState::kPublishing);
}

TEST_F(CoreForwarders, AStreamWithoutAHelloEnds) {
  start();
  auto silent = std::make_shared<FakeForwarderLink>();
  h.core->forwarders().opened(silent);
  auto silent_agent = std::make_shared<FakeAgentLink>();
  h.core->agents().opened(silent_agent);
  h.core->forwarders().opened(f1);
  h.core->agents().opened(agent);
  h.advance_with({f1, f2}, {agent}, kHelloWithin - 100ms);
  EXPECT_FALSE(silent->ended);
  EXPECT_FALSE(silent_agent->ended);
  h.advance_with({f1, f2}, {agent}, 200ms);
  EXPECT_TRUE(silent->ended);
  EXPECT_TRUE(silent_agent->ended);
  EXPECT_FALSE(f1->ended);
  EXPECT_FALSE(agent->ended);
}

TEST_F(CoreForwarders, StatusCountsAndWarns) {
  start();
  h.publish(f1, "live/a", "f1", "s1");
  auto status = h.status();
  EXPECT_EQ(status.origins_alive, 2U);
  EXPECT_EQ(status.streams_publishing, 1U);
  EXPECT_EQ(status.forwarders_attached, 2U);
  EXPECT_EQ(status.agents_attached, 1U);
  EXPECT_TRUE(status.warnings.empty());
  h.tell(agent,
         OriginVerdict{OriginId("o1"), h.incarnation("o1"), VerdictReason::kProcessGone, {}});
  EXPECT_EQ(h.status().warnings.size(), 1U);
}

TEST_F(CoreForwarders, StopEndsEveryAttachStream) {
  start();
  h.core->stop("going down");
  EXPECT_EQ(f1->ended, "going down");
  EXPECT_EQ(agent->ended, "going down");
}

}  // namespace
}  // namespace weir::core::testing
