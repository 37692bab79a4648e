// Publishers on the origins themselves: adopted, released, or a split (docs/adr/0013).

#include <algorithm>

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

using model::DirectHolder;
using model::PlacementState;

class DirectStreamsTest : public ::testing::Test {
 protected:
  static Options options(Adopt adopt = Adopt::kSrs, std::vector<std::string> vhosts = {}) {
    Options options = CoreHarness::default_options();
    options.adopt = adopt;
    options.vhosts = std::move(vhosts);
    return options;
  }
  explicit DirectStreamsTest(const Options& with = options()) : h(with) {}

  static OriginSeen srs(const std::string& id, const std::string& address,
                        const std::string& process, IncarnationId incarnation = {}) {
    auto seen = CoreHarness::seen(id, address, process, std::move(incarnation));
    seen.description.kind = model::OriginKind::kSrs;
    return seen;
  }
  void start() {
    agent = h.attach_agent(
        "a1", {srs("o1", "127.0.0.1:1936", "pid1"), srs("o2", "127.0.0.1:1937", "pid2")});
    f1 = h.attach_forwarder("f1");
    h.settle_with({f1}, {agent});
    h.advance_with({f1}, {agent}, 3500ms);  // renewals and absences count from here
  }
  static ReportedStream live(const std::string& stream, const std::string& tag = "") {
    ReportedStream reported;
    reported.stream = key(stream);
    reported.tag = tag;
    return reported;
  }
  static ReportedStream unread(const std::string& stream) {
    auto reported = live(stream);
    reported.tag_unread = true;
    return reported;
  }
  static std::string tag(const model::Placement& placement, const std::string& session) {
    return "weir:f1/" + session + "/" + format_as(placement.epoch);
  }
  /// A complete list of what is live on `origin`, half a second later.
  void report(const std::string& origin, std::vector<ReportedStream> streams,
              std::uint64_t reading = 0) {
    h.advance_with({f1}, {agent}, 500ms);
    LoadReport report;
    OriginReport of;
    of.origin = OriginId(origin);
    of.incarnation = h.incarnation(origin);
    of.streams = std::move(streams);
    of.streams_complete = true;
    of.stream_readings = reading;
    report.origins = {of};
    h.tell(agent, report);
  }
  bool is_direct(const std::string& stream, const std::string& origin) {
    const auto placement = h.placement(stream);
    return placement && placement->holder == model::Holder(DirectHolder{}) &&
           placement->origin == OriginId(origin);
  }
  std::vector<OriginId> split_at(const std::string& stream) {
    const auto info = h.core->listing().stream(key(stream));
    const auto* found = std::get_if<StreamInfo>(&info);
    return found != nullptr ? found->split_at : std::vector<OriginId>{};
  }
  int events(const std::string& type) {
    const auto types = h.event_types();
    return static_cast<int>(std::count(types.begin(), types.end(), type));
  }
  /// Publishes through the forwarder; the origin that got it.
  model::Placement publish(const std::string& stream, const std::string& session) {
    return h.publish(f1, stream, "f1", session);
  }
  std::string other(const OriginId& origin) { return origin == OriginId("o1") ? "o2" : "o1"; }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1;
};

// ------------------------------------------------------------------------------------- adoption

TEST_F(DirectStreamsTest, AnUnplacedLiveStreamIsAdoptedAndWaitingPlayersAreSentThere) {
  start();
  h.tell(f1, RouteInterest{{key("live/d")}, {}});
  ASSERT_TRUE(f1->last<RouteUpdate>());
  EXPECT_FALSE(f1->last<RouteUpdate>()->route);
  report("o1", {live("live/d")});
  ASSERT_TRUE(is_direct("live/d", "o1"));
  EXPECT_EQ(h.placement("live/d")->state, PlacementState::kPublishing);
  const auto update = f1->last<RouteUpdate>();
  ASSERT_TRUE(update->route);
  EXPECT_EQ(update->route->placement.origin, OriginId("o1"));
  EXPECT_EQ(update->route->origin_kind, model::OriginKind::kSrs);
  EXPECT_TRUE(h.has_event("STREAM_ADOPTED"));
  EXPECT_EQ(h.status().streams_direct, 1U);
}

TEST_F(DirectStreamsTest, APublisherOfAForwarderIsRefusedWithATextThatHelps) {
  start();
  report("o1", {live("live/d")});
  const auto& got = h.acquire("live/d", "f1", "s1");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().reason, Reason::kStreamHeld);
  EXPECT_EQ(got.error().metadata.at("holder"), "direct");
  EXPECT_NE(got.error().message.find("published directly on origin o1"), std::string::npos);
  EXPECT_TRUE(is_direct("live/d", "o1"));
}

class DirectAgainstTakeover : public DirectStreamsTest {
 protected:
  static Options takeover() {
    Options with = options();
    with.second_publisher = SecondPublisher::kTakeover;
    return with;
  }
  DirectAgainstTakeover() : DirectStreamsTest(takeover()) {}
};

TEST_F(DirectAgainstTakeover, EveryPolicyActsAsReject) {
  start();
  report("o1", {live("live/d")});
  h.advance_with({f1}, {agent}, 10s);
  EXPECT_EQ(h.acquire("live/d", "f1", "s1").error().reason, Reason::kStreamHeld);
  EXPECT_TRUE(is_direct("live/d", "o1"));
}

TEST_F(DirectStreamsTest, ItIsReleasedAfterThreeReadingsInARowWithoutIt) {
  start();
  report("o1", {live("live/d")});
  report("o1", {});
  report("o1", {});
  ASSERT_TRUE(is_direct("live/d", "o1"));
  report("o1", {live("live/d")});  // a page that shifted
  report("o1", {});
  report("o1", {});
  EXPECT_TRUE(is_direct("live/d", "o1"));
  report("o1", {});
  EXPECT_FALSE(h.placement("live/d"));
  EXPECT_EQ(h.status().streams_direct, 0U);
  EXPECT_TRUE(h.acquire("live/d", "f1", "s1").ok());
}

TEST_F(DirectStreamsTest, ReportsOfOneReadingDoNotConfirmEachOther) {
  start();
  report("o1", {live("live/d")}, 1);
  for (int i = 0; i < 5; ++i) report("o1", {}, 2);
  EXPECT_TRUE(is_direct("live/d", "o1"));
  report("o1", {}, 3);
  report("o1", {}, 4);
  EXPECT_FALSE(h.placement("live/d"));
}

TEST_F(DirectStreamsTest, WhatAForwarderPublishedIsNeverAdopted) {
  start();
  const auto bound = h.acquire("live/a", "f1", "s1").value().route.placement;
  // Live, and reported, before its forwarder has said so: untagged, unread or tagged.
  report(bound.origin.str(), {unread("live/a")});
  report(bound.origin.str(), {live("live/a")});
  report(bound.origin.str(), {live("live/a", tag(bound, "s1"))});
  EXPECT_EQ(h.placement("live/a")->epoch, bound.epoch);
  EXPECT_EQ(h.placement("live/a")->state, PlacementState::kBound);
  EXPECT_TRUE(split_at("live/a").empty());
  // Its placement is gone, its tag says whose it is.
  h.upsert(f1, CoreHarness::publisher("s1", "f1", bound));
  h.end(f1, "s1");
  h.advance_with({f1}, {agent}, 16s);
  ASSERT_FALSE(h.placement("live/a"));
  report(bound.origin.str(), {live("live/a", tag(bound, "s1"))});
  report(bound.origin.str(), {live("live/a", "weir:f1/s1/")});
  EXPECT_FALSE(h.placement("live/a"));
  EXPECT_EQ(events("STREAM_ADOPTED"), 0);
}

TEST_F(DirectStreamsTest, APublisherThatWasNotLookedAtIsAdoptedOnceItsTagWasRead) {
  start();
  for (int i = 0; i < 3; ++i) report("o1", {unread("live/d")});
  EXPECT_FALSE(h.placement("live/d"));
  report("o1", {live("live/d")});
  EXPECT_TRUE(is_direct("live/d", "o1"));
}

TEST_F(DirectStreamsTest, AnOrphanKeepsItsNameForItsEncoder) {
  start();
  const auto placed = publish("live/a", "s1");
  h.end(f1, "s1");
  ASSERT_EQ(h.placement("live/a")->state, PlacementState::kOrphaned);
  report(placed.origin.str(), {live("live/a")});
  report(placed.origin.str(), {live("live/a")});
  EXPECT_EQ(h.placement("live/a")->state, PlacementState::kOrphaned);
  EXPECT_TRUE(h.acquire("live/a", "f1", "s2").ok());
}

TEST_F(DirectStreamsTest, WithItsOriginDeadItIsReleasedAtOnceAndItsRouteGoes) {
  start();
  h.tell(f1, RouteInterest{{key("live/d")}, {}});
  report("o1", {live("live/d")});
  ASSERT_TRUE(f1->last<RouteUpdate>()->route);
  h.tell(agent,
         OriginVerdict{OriginId("o1"), h.incarnation("o1"), VerdictReason::kProcessGone, 1ms});
  EXPECT_FALSE(h.placement("live/d"));
  EXPECT_FALSE(f1->last<RouteUpdate>()->route);
  EXPECT_TRUE(h.acquire("live/d", "f1", "s1").ok());
}

TEST_F(DirectStreamsTest, ARestartedOriginThatListsItAgainGetsANewEpoch) {
  start();
  report("o1", {live("live/d")});
  const auto before = *h.placement("live/d");
  h.tell(agent, srs("o1", "127.0.0.1:1936", "pid9"));
  ASSERT_NE(h.incarnation("o1"), before.incarnation);
  report("o1", {live("live/d")});
  const auto after = h.placement("live/d");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->incarnation, h.incarnation("o1"));
  EXPECT_GT(after->epoch, before.epoch);
}

TEST_F(DirectStreamsTest, ARestartedOriginThatDoesNotListItLosesIt) {
  start();
  report("o1", {live("live/d")});
  h.tell(agent, srs("o1", "127.0.0.1:1936", "pid9"));
  for (int i = 0; i < 3; ++i) report("o1", {});
  EXPECT_FALSE(h.placement("live/d"));
}

TEST_F(DirectStreamsTest, AnAgentThatComesBackFindsItsAdoptionsUntouched) {
  start();
  report("o1", {live("live/d")});
  const auto before = *h.placement("live/d");
  h.core->agents().closed(agent);
  h.advance_with({f1}, {}, 20s);
  ASSERT_TRUE(is_direct("live/d", "o1")) << "silence says nothing";
  agent = h.attach_agent("a1", {srs("o1", "127.0.0.1:1936", "pid1", before.incarnation),
                                srs("o2", "127.0.0.1:1937", "pid2", h.incarnation("o2"))});
  report("o1", {live("live/d")});
  EXPECT_EQ(h.placement("live/d")->epoch, before.epoch);
}

TEST_F(DirectStreamsTest, OneThatNobodyReportsOnForTenMinutesIsReleased) {
  start();
  report("o1", {live("live/d")});
  h.core->agents().closed(agent);
  h.advance_with({f1}, {}, kDetachedKept - 1s);
  EXPECT_TRUE(h.placement("live/d"));
  h.advance_with({f1}, {}, 2s);
  EXPECT_FALSE(h.placement("live/d"));
}

TEST_F(DirectStreamsTest, AfterARestartOfTheControlPlaneItIsAdoptedBeforePlayersHearOfItsAbsence) {
  start();
  h.tell(f1, RouteInterest{{key("live/d")}, {}});
  report("o1", {live("live/d")});
  const auto before = *h.placement("live/d");
  const auto o1 = h.incarnation("o1");
  const auto o2 = h.incarnation("o2");
  h.restart();
  auto seen = srs("o1", "127.0.0.1:1936", "pid1", o1);
  seen.streams = {live("live/d")};
  agent = h.attach_agent("a1", {seen, srs("o2", "127.0.0.1:1937", "pid2", o2)});
  f1 = h.attach_forwarder("f1", {}, {key("live/d")});
  // Never while settling: somebody may still restore a placement of that name.
  report("o1", {live("live/d")});
  ASSERT_TRUE(h.status().settling);
  EXPECT_FALSE(h.placement("live/d"));
  for (int i = 0; i < 12; ++i) report("o1", {live("live/d")});
  ASSERT_TRUE(is_direct("live/d", "o1"));
  EXPECT_GT(h.placement("live/d")->epoch, before.epoch);
  for (const auto& update : f1->all<RouteUpdate>()) EXPECT_TRUE(update.route);
}

TEST_F(DirectStreamsTest, VirtualHostsThatTheClusterDoesNotKnowAreTheDefaultOne) {
  start();
  report("o1", {live("a.example.com/live/d")});
  EXPECT_TRUE(is_direct("live/d", "o1"));
  EXPECT_FALSE(h.placement("a.example.com/live/d"));
}

TEST_F(DirectStreamsTest, TwentyThousandStreamsOfOneServerAreAdoptedInPortions) {
  start();
  std::vector<ReportedStream> streams;
  for (std::size_t i = 0; i < kStreamsPerOriginMax + 50; ++i) {
    streams.push_back(live("live/d" + std::to_string(i)));
  }
  report("o1", streams);
  EXPECT_EQ(h.status().streams_direct, kAdoptionsPerReport);
  const std::size_t reports = kStreamsPerOriginMax / kAdoptionsPerReport;
  for (std::size_t i = 1; i < reports; ++i) {
    LoadReport delta;
    OriginReport of;
    of.origin = OriginId("o1");
    of.incarnation = h.incarnation("o1");
    delta.origins = {of};
    h.tell(agent, delta);
  }
  EXPECT_EQ(h.status().streams_direct, kStreamsPerOriginMax) << "and the others are ignored";
}

class AdoptByPolicy : public DirectStreamsTest, public ::testing::WithParamInterface<Adopt> {
 protected:
  AdoptByPolicy() : DirectStreamsTest(options(GetParam())) {}
};
INSTANTIATE_TEST_SUITE_P(Core, AdoptByPolicy,
                         ::testing::Values(Adopt::kSrs, Adopt::kAll, Adopt::kNone));

TEST_P(AdoptByPolicy, DecidesByTheKindOfTheOrigin) {
  auto nginx = CoreHarness::seen("o1", "127.0.0.1:1936", "pid1");
  nginx.description.kind = model::OriginKind::kNginxRtmp;
  agent = h.attach_agent("a1", {nginx, srs("o2", "127.0.0.1:1937", "pid2")});
  f1 = h.attach_forwarder("f1");
  h.settle_with({f1}, {agent});
  report("o1", {live("live/n")});
  report("o2", {live("live/s")});
  EXPECT_EQ(h.placement("live/n").has_value(), GetParam() == Adopt::kAll);
  EXPECT_EQ(h.placement("live/s").has_value(), GetParam() != Adopt::kNone);
}

// ---------------------------------------------------------------------------------------- splits

TEST_F(DirectStreamsTest, APublisherBesideThePlacementIsASplitWhenTwoReadingsAgree) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  report(b, {live("live/a")});
  EXPECT_TRUE(split_at("live/a").empty()) << "one report may be older than the placement";
  report(b, {live("live/a")});
  EXPECT_EQ(split_at("live/a"), std::vector<OriginId>{OriginId(b)});
  EXPECT_EQ(events("STREAM_SPLIT"), 1);
  EXPECT_EQ(h.status().streams_split, 1U);
  const auto warnings = h.status().warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const std::string& text) {
    return text.find("is SPLIT") != std::string::npos;
  }));
  report(b, {live("live/a")});
  EXPECT_EQ(events("STREAM_SPLIT"), 1) << "said once";
  // Nobody is ended by it.
  EXPECT_EQ(h.placement("live/a")->epoch, placed.epoch);
  EXPECT_TRUE(f1->all<CloseSession>().empty());
  report(b, {});
  EXPECT_TRUE(split_at("live/a").empty());
  EXPECT_EQ(events("STREAM_SPLIT_ENDED"), 1);
  EXPECT_EQ(h.status().streams_split, 0U);
}

TEST_F(DirectStreamsTest, ASplitEndsWithAnAdoptionWhenThePlacedPublisherLeaves) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  report(b, {live("live/a")});
  report(b, {live("live/a")});
  ASSERT_EQ(events("STREAM_SPLIT"), 1);
  h.end(f1, "s1");
  h.advance_with({f1}, {agent}, 16s);
  report(b, {live("live/a")});
  EXPECT_TRUE(is_direct("live/a", b));
  EXPECT_EQ(events("STREAM_SPLIT_ENDED"), 1);
}

TEST_F(DirectStreamsTest, TwoDirectPublishersOfOneNameAreASplit) {
  start();
  report("o1", {live("live/d")});
  report("o2", {live("live/d")});
  report("o2", {live("live/d")});
  EXPECT_TRUE(is_direct("live/d", "o1"));
  EXPECT_EQ(split_at("live/d"), std::vector<OriginId>{OriginId("o2")});
}

TEST_F(DirectStreamsTest, TwoReportsOfOneReadingAreNoSplit) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  for (int i = 0; i < 4; ++i) report(b, {live("live/a")}, 7);
  EXPECT_TRUE(split_at("live/a").empty());
  report(b, {live("live/a")}, 8);
  EXPECT_FALSE(split_at("live/a").empty());
}

TEST_F(DirectStreamsTest, ReadingsCountAnewWhenThePlacementIsAnotherOne) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  report(b, {live("live/a")});
  h.end(f1, "s1");
  publish("live/a", "s2");  // the same origin, a new epoch
  report(b, {live("live/a")});
  EXPECT_TRUE(split_at("live/a").empty());
  report(b, {live("live/a")});
  EXPECT_FALSE(split_at("live/a").empty());
}

TEST_F(DirectStreamsTest, AnUnreadPublisherIsNoSplit) {
  start();
  const auto placed = publish("live/a", "s1");
  for (int i = 0; i < 4; ++i) report(other(placed.origin), {unread("live/a")});
  EXPECT_TRUE(split_at("live/a").empty());
}

TEST_F(DirectStreamsTest, ATaggedOneIsItsAgentsToDropFirst) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  const auto older = [&] { return live("live/a", "weir:f9/s9/1.1"); };
  agent->sent.clear();
  report(b, {older()});
  // Never placed there, so its agent could not know the epoch.
  const auto told = agent->last<StreamEpoch>();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->stream, placed.stream);
  EXPECT_EQ(told->epoch, placed.epoch);
  report(b, {older()});
  report(b, {older()});
  EXPECT_TRUE(split_at("live/a").empty());
  for (int i = 0; i < 9; ++i) report(b, {older()});
  EXPECT_EQ(events("STREAM_SPLIT"), 1) << "an agent that cannot drop it leaves a split";
}

TEST_F(DirectStreamsTest, ATaggedOneThatItsOriginCallsOtherwiseIsNoSplit) {
  start();
  const auto placed = publish("live/a", "s1");
  // The same session, listed by a server that spells the name in its own way; and another stream
  // of that name is placed elsewhere.
  std::optional<model::Placement> twin;
  for (int i = 0; i < 4 && !twin; ++i) {
    const auto name = "live/b" + std::to_string(i);
    const auto got = publish(name, "t" + std::to_string(i));
    if (got.origin != placed.origin) twin = got;
  }
  ASSERT_TRUE(twin);
  for (int i = 0; i < 15; ++i) {
    report(placed.origin.str(), {live(twin->stream.str(), tag(placed, "s1"))});
  }
  EXPECT_TRUE(split_at(twin->stream.str()).empty());
  // Once nothing explains it any more it is one.
  h.end(f1, "s1");
  h.advance_with({f1}, {agent}, 16s);
  for (int i = 0; i < 2; ++i) {
    report(placed.origin.str(), {live(twin->stream.str(), tag(placed, "s1"))});
  }
  EXPECT_FALSE(split_at(twin->stream.str()).empty());
}

TEST_F(DirectStreamsTest, AfterAWrongVerdictAnUntaggedPublisherOfASessionIsNotAdopted) {
  start();
  const auto placed = publish("live/a", "s1");
  const std::string o = placed.origin.str();
  report(o, {live("live/a")});
  h.tell(agent, OriginVerdict{placed.origin, h.incarnation(o), VerdictReason::kProbesFailed, 1ms});
  h.tell(agent,
         srs(o, o == "o1" ? "127.0.0.1:1936" : "127.0.0.1:1937", o == "o1" ? "pid1" : "pid2"));
  ASSERT_NE(h.incarnation(o), placed.incarnation);
  for (int i = 0; i < 4; ++i) report(o, {live("live/a")});
  EXPECT_EQ(h.placement("live/a")->holder, placed.holder);
  EXPECT_EQ(h.placement("live/a")->epoch, placed.epoch);
  EXPECT_EQ(events("STREAM_ADOPTED"), 0);
  EXPECT_EQ(events("STREAM_SPLIT"), 0);
}

TEST_F(DirectStreamsTest, TheStoreHasTheLastWordOnASplit) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  report(b, {live("live/a")});
  h.advance_with({f1}, {agent}, 500ms);
  // The view has not heard of it when the second report comes.
  h.store->release({placed.stream, placed.holder, placed.epoch}, {}, [](auto) {});
  LoadReport second;
  OriginReport of;
  of.origin = OriginId(b);
  of.incarnation = h.incarnation(b);
  of.streams = {live("live/a")};
  of.streams_complete = true;
  second.origins = {of};
  ASSERT_EQ(h.placement("live/a")->state, PlacementState::kPublishing);
  h.core->agents().message(agent, second);
  h.run();
  EXPECT_EQ(h.placement("live/a")->state, PlacementState::kOrphaned);
  EXPECT_EQ(events("STREAM_SPLIT"), 0);
}

TEST_F(DirectStreamsTest, ASplitEndsWithTheProcessThatCarriedIt) {
  start();
  const auto placed = publish("live/a", "s1");
  const auto b = other(placed.origin);
  report(b, {live("live/a")});
  report(b, {live("live/a")});
  ASSERT_FALSE(split_at("live/a").empty());
  h.tell(agent, OriginVerdict{OriginId(b), h.incarnation(b), VerdictReason::kProcessGone, 1ms});
  EXPECT_TRUE(split_at("live/a").empty());
  EXPECT_EQ(events("STREAM_SPLIT_ENDED"), 1);
}

// ---------------------------------------------------------------------------------------- epochs

TEST_F(DirectStreamsTest, EveryAgentThatReportsAStreamIsToldItsEpochAtOnce) {
  start();
  auto second = h.attach_agent("a2", {srs("o3", "127.0.0.1:1938", "pid3")});
  h.advance_with({f1}, {agent, second}, 1s);
  int elsewhere = 0;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "live/a" + std::to_string(i);
    LoadReport delta;
    OriginReport of;
    of.origin = OriginId("o3");
    of.incarnation = h.incarnation("o3");
    of.streams = {live(name, "weir:f9/s9/1.1")};
    delta.origins = {of};
    h.tell(second, delta);
    second->sent.clear();
    const auto now = h.clock.now();
    h.acquire(name, "f1", "s" + std::to_string(i));
    ASSERT_TRUE(h.placement(name));
    ASSERT_TRUE(second->last<StreamEpoch>());
    EXPECT_EQ(second->last<StreamEpoch>()->epoch, h.placement(name)->epoch);
    EXPECT_EQ(h.clock.now(), now) << "with the answer, not with a timer";
    if (h.placement(name)->origin != OriginId("o3")) ++elsewhere;
  }
  EXPECT_GT(elsewhere, 0) << "it was never placed where it is reported";
}

}  // namespace
}  // namespace weir::core::testing
