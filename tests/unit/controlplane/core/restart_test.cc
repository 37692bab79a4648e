// Restart of the control plane over an empty store: restore, claim, generations, what is kept.

#include <gtest/gtest.h>

#include "controlplane/core/publisher_tag.h"
#include "controlplane/core/restorer.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

class Restart : public ::testing::Test {
 protected:
  void start() {
    agent = attach_agent({});
    f1 = h.attach_forwarder("f1");
    h.settle_with({f1}, {agent});
  }
  std::shared_ptr<FakeAgentLink> attach_agent(IncarnationId known) {
    return h.attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1", known)});
  }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1;
};

TEST_F(Restart, BringsBackPlacementsWithTheirEpochsAndIncarnations) {
  start();
  std::vector<ClientSession> sessions;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    sessions.push_back(
        CoreHarness::publisher("s" + n, "f1", h.publish(f1, "live/s" + n, "f1", "s" + n)));
  }
  const auto incarnation = h.incarnation("o1");
  const auto generation = h.status().generation;
  h.clock.advance(1s);
  h.restart();
  EXPECT_GT(h.status().generation, generation);
  f1 = h.attach_forwarder("f1", sessions);
  agent = attach_agent(incarnation);
  EXPECT_EQ(h.incarnation("o1"), incarnation);
  for (const auto& session : sessions) {
    const auto placed = h.placement(session.stream.str());
    ASSERT_TRUE(placed) << session.stream.str();
    EXPECT_EQ(placed->epoch, session.epoch);
    EXPECT_EQ(placed->state, model::PlacementState::kPublishing);
  }
  // Nobody restores any more: settling ends by itself after 3 s.
  h.advance_with({f1}, {agent}, 3500ms);
  EXPECT_FALSE(h.status().settling);
  // And no epoch handed out later is lower, also for a stream that had ended.
  const auto& later = h.acquire("live/ended", "f1", "s99");
  ASSERT_TRUE(later.ok());
  EXPECT_GT(later.value().route.placement.epoch, sessions.back().epoch);
}

TEST_F(Restart, TellsAnOtherHolderToWaitAndTheHolderWhatIsHis) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)});
  agent = attach_agent(held.incarnation);
  EXPECT_EQ(h.acquire("live/a", "f1", "s2").error().reason, Reason::kSettling);
  const auto& his = h.acquire("live/a", "f1", "s1");
  ASSERT_TRUE(his.ok());
  EXPECT_EQ(his.value().route.placement.epoch, held.epoch);
}

TEST_F(Restart, PushesRoutesOnceTheOriginIsKnownAgain) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)}, {key("live/a")});
  EXPECT_TRUE(f1->all<RouteUpdate>().empty());
  agent = attach_agent(held.incarnation);
  const auto update = f1->last<RouteUpdate>();
  ASSERT_TRUE(update && update->route);
  EXPECT_EQ(update->route->placement.epoch, held.epoch);
  EXPECT_EQ(update->route->endpoints[0].address, "127.0.0.1:1936");
}

TEST_F(Restart, SaysThatAStreamIsNotPlacedOnlyOnceItCouldHaveBeenClaimedBack) {
  start();
  h.clock.advance(1s);
  h.restart();
  f1 = h.attach_forwarder("f1", {}, {key("live/gone")});
  agent = attach_agent({});
  h.settle_with({f1}, {agent});
  h.tell(f1, RouteInterest{{key("live/late")}, {}});
  EXPECT_TRUE(f1->all<RouteUpdate>().empty());
  h.advance_with({f1}, {agent}, 3500ms);
  const auto updates = f1->all<RouteUpdate>();
  ASSERT_EQ(updates.size(), 2U);
  for (const auto& update : updates) EXPECT_FALSE(update.route);
}

TEST_F(Restart, APlayerHearsNothingWhileThePublishersForwarderComesLate) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  auto f2 = h.attach_forwarder("f2", {}, {key("live/a")});
  agent = attach_agent(held.incarnation);
  h.settle_with({f2}, {agent});
  h.advance_with({f2}, {agent}, 1s);
  EXPECT_TRUE(f2->all<RouteUpdate>().empty());
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)}, {key("live/a")});
  for (const auto& link : {f1, f2}) {
    const auto updates = link->all<RouteUpdate>();
    ASSERT_FALSE(updates.empty());
    for (const auto& update : updates) EXPECT_TRUE(update.route);
  }
}

TEST_F(Restart, APublisherThatComesLateHearsOfNoAbsenceOfItsStream) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  agent = attach_agent(held.incarnation);
  h.settle_with({}, {agent});
  h.advance_with({}, {agent}, 10s);
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)}, {key("live/a")});
  const auto updates = f1->all<RouteUpdate>();
  ASSERT_FALSE(updates.empty());
  for (const auto& update : updates) EXPECT_TRUE(update.route);
}

TEST_F(Restart, RaisesAboveAGenerationThatAForwarderHasSeen) {
  start();
  const auto before = h.status().generation;
  ForwarderHello hello;
  hello.forwarder = ForwarderId("f9");
  hello.instance = "run1";
  hello.generation_seen = before + 1'000'000'000;
  auto link = std::make_shared<FakeForwarderLink>();
  h.tell(link, hello);
  EXPECT_GT(h.status().generation, hello.generation_seen);
  EXPECT_TRUE(h.status().settling);
  // Kept, so that the next start does not go below it either.
  h.advance(1s);
  EXPECT_GT(h.keeper.saved.generation, hello.generation_seen);
}

TEST_F(Restart, AGenerationThatCannotBeIsIgnored) {
  start();
  const auto before = h.status().generation;
  for (const auto impossible :
       {store::kGenerationHeardMax, store::kGenerationMax - 1, ~std::uint64_t{0}}) {
    ForwarderHello hello;
    hello.forwarder = ForwarderId("f9");
    hello.instance = "run1";
    hello.generation_seen = impossible;
    h.tell(std::make_shared<FakeForwarderLink>(), hello);
    EXPECT_EQ(h.status().generation, before);
    EXPECT_FALSE(h.status().settling);
  }
  h.keeper.saved.generation = ~std::uint64_t{0};
  h.clock.advance(1s);
  h.restart();
  EXPECT_GT(h.status().generation, before);
  EXPECT_LT(h.status().generation, store::kGenerationMax);
}

TEST_F(Restart, StateDirKeepsTheGenerationEvenWhenTheClockWentBack) {
  start();
  const auto before = h.status().generation;
  h.advance_with({f1}, {agent}, 2s);
  h.clock.set_wall(h.clock.wall_now() - std::chrono::hours(24));
  h.restart();
  EXPECT_GT(h.status().generation, before);
}

TEST_F(Restart, RestoresFromTheTagsThatAgentsReport) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  auto seen = CoreHarness::seen("o1", "127.0.0.1:1936", "pid1", held.incarnation);
  seen.streams = {{key("live/a"), "weir:f1/s1/" + format_as(held.epoch), 0, 0, 0}};
  agent = h.attach_agent("a1", {seen});
  const auto placed = h.placement("live/a");
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->epoch, held.epoch);
  EXPECT_EQ(placed->holder, held.holder);
}

TEST_F(Restart, AForwarderThatComesTooLateGetsItsPlacementBackByClaim) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  agent = attach_agent(held.incarnation);
  h.settle_with({}, {agent});
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)});
  const auto placed = h.placement("live/a");
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->epoch, held.epoch);
  h.tell(f1, ClaimRequest{SessionId("s1"), held.stream, held.incarnation, held.epoch});
  const auto answer = f1->last<ClaimAnswer>();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->granted);
  EXPECT_EQ(answer->epoch, held.epoch);
}

TEST_F(Restart, RefusesAClaimAfterAHigherEpochWasHandedOut) {
  start();
  const auto held = h.publish(f1, "live/a", "f1", "s1");
  h.clock.advance(1s);
  h.restart();
  agent = attach_agent(held.incarnation);
  auto f2 = h.attach_forwarder("f2");
  h.settle_with({f2}, {agent});
  ASSERT_TRUE(h.acquire("live/a", "f2", "s2").ok());
  f1 = h.attach_forwarder("f1", {CoreHarness::publisher("s1", "f1", held)});
  h.tell(f1, ClaimRequest{SessionId("s1"), held.stream, held.incarnation, held.epoch});
  const auto answer = f1->last<ClaimAnswer>();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->granted);
}

TEST_F(Restart, KeepsCordonsAndStaticOriginsOfTheStateDir) {
  start();
  Got<store::OriginRecord> registered;
  model::OriginDescription description;
  description.id = OriginId("static1");
  description.endpoints = {{model::Protocol::kRtmp, "127.0.0.1:1990"}};
  h.core->origins().register_origin(description, false, [&](Answer<store::OriginRecord> answer) {
    registered.answer = std::move(answer);
  });
  h.run();
  h.cordon("o1", "disk");
  h.advance(1s);
  ASSERT_TRUE(registered.ok());
  const auto incarnation = h.incarnation("static1");
  const auto old = h.incarnation("o1");
  h.clock.advance(1s);
  h.restart();
  EXPECT_EQ(h.incarnation("static1"), incarnation);
  agent = attach_agent(old);
  EXPECT_EQ(h.marks("o1").cordon, "disk");
}

TEST_F(Restart, AHelloThatLacksTheHolderOfAPlacementGetsAskedAndReleasesIt) {
  start();
  h.publish(f1, "live/a", "f1", "s1");
  h.core->forwarders().closed(f1);
  f1 = h.attach_forwarder("f1", {}, {}, "run2");
  const auto query = f1->last<SessionQuery>();
  ASSERT_TRUE(query);
  h.tell(f1, SessionAnswer{query->query, {}});
  EXPECT_EQ(h.placement("live/a")->state, model::PlacementState::kOrphaned);
}

TEST(PublisherTag, ReadsHolderAndEpochAndRefusesAnythingElse) {
  const auto tag = parse_tag("weir:fwd:1935/abc/17.3");
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->holder.forwarder, ForwarderId("fwd:1935"));
  EXPECT_EQ(tag->holder.session, SessionId("abc"));
  EXPECT_EQ(tag->epoch, (Epoch{17, 3}));
  for (const char* text : {"", "weir:", "weir:f/s/", "weir:f/s/-", "weir:f/s/1", "weir:/s/1.2",
                           "weir:s/1.2", "http://f/s/1.2", "weir:f/s/0.2", "weir:f/s/1.x"}) {
    EXPECT_FALSE(parse_tag(text)) << text;
  }
}

}  // namespace
}  // namespace weir::core::testing
