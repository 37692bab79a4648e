// What agents report and are told: origins that they forget, epochs after an absence, streams that
// bear another name at their origin, listings that come later than the process.

#include <algorithm>

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "controlplane/membership/limits.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

using model::PlacementState;

ReportedStream live(const std::string& stream, const std::string& tag = "") {
  ReportedStream reported;
  reported.stream = key(stream);
  reported.tag = tag;
  return reported;
}

OriginSeen srs(const std::string& id, const std::string& address, const std::string& process,
               IncarnationId incarnation = {}) {
  auto seen = CoreHarness::seen(id, address, process, std::move(incarnation));
  seen.description.kind = model::OriginKind::kSrs;
  return seen;
}

class AgentReports : public ::testing::Test {
 protected:
  void start(std::vector<OriginSeen> origins) {
    agent = h.attach_agent("a1", std::move(origins));
    f1 = h.attach_forwarder("f1");
    h.settle_with({f1}, {agent});
    h.advance_with({f1}, {agent}, 3500ms);
  }
  void start() { start({srs("o1", "192.0.2.1:1936", "p1"), srs("o2", "192.0.2.1:1937", "p2")}); }
  /// Without time passing.
  void report(const std::string& origin, std::vector<ReportedStream> streams,
              std::vector<std::string> ended = {}, bool complete = true,
              std::uint64_t reading = 0) {
    LoadReport report;
    OriginReport of;
    of.origin = OriginId(origin);
    of.incarnation = h.incarnation(origin);
    of.streams = std::move(streams);
    of.streams_complete = complete;
    of.stream_readings = reading;
    for (const auto& stream : ended) of.ended_streams.push_back(key(stream));
    report.origins = {of};
    h.tell(agent, report);
  }
  static std::string tag(const model::Placement& placement, const std::string& session) {
    return "weir:f1/" + session + "/" + format_as(placement.epoch);
  }
  static std::string other(const OriginId& origin) { return origin.str() == "o1" ? "o2" : "o1"; }
  static bool was_told(const std::shared_ptr<FakeAgentLink>& link, const std::string& stream,
                       Epoch epoch) {
    const auto told = link->all<StreamEpoch>();
    return std::ranges::any_of(told, [&](const StreamEpoch& each) {
      return each.stream == key(stream) && each.epoch == epoch;
    });
  }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1;
};

// ------------------------------------------------------------------------------ forgotten origins

TEST_F(AgentReports, AForgottenOriginMakesRoomForAnother) {
  std::vector<OriginSeen> origins;
  for (std::size_t i = 0; i < kOriginsPerAgentMax; ++i) {
    const auto n = std::to_string(i);
    origins.push_back(srs("o" + n, "192.0.2.1:" + std::to_string(10'000 + i), "p" + n));
  }
  agent = h.attach_agent("a1", std::move(origins));
  h.tell(agent, srs("late", "192.0.2.1:9999", "p"));
  ASSERT_EQ(agent->last<OriginAccepted>()->rejection, "this agent has too many origins");
  h.tell(agent, OriginForgotten{OriginId("o7")});
  h.tell(agent, srs("late", "192.0.2.1:9999", "p"));
  EXPECT_TRUE(agent->last<OriginAccepted>()->rejection.empty());
  EXPECT_EQ(h.status().origins_rejected, 0U);
}

TEST_F(AgentReports, AnOriginThatWasTurnedAwayAndForgottenIsNotWarnedOfAnyMore) {
  start();
  auto nameless = srs("O9", "192.0.2.1:1938", "p9");
  h.tell(agent, nameless);
  ASSERT_EQ(h.status().origins_rejected, 1U);
  h.tell(agent, OriginForgotten{OriginId("O9")});
  EXPECT_EQ(h.status().origins_rejected, 0U);
}

TEST_F(AgentReports, AForgottenOriginIsSuspectAndWatchedFromHereAfterHalfAMinute) {
  start();
  const int probes = h.prober->probes;
  h.tell(agent, OriginForgotten{OriginId("o1")});
  EXPECT_EQ(h.state("o1"), model::OriginState::kSuspect);
  h.advance_with({f1}, {agent}, membership::kMissingKept + 2s);
  EXPECT_GT(h.prober->probes, probes);
  EXPECT_EQ(h.state("o1"), model::OriginState::kAlive);
  h.tell(agent, OriginForgotten{OriginId("nobody")});
}

TEST_F(AgentReports, AnotherOriginOnTheAddressOfAForgottenOneEndsIt) {
  start();
  h.tell(agent, OriginForgotten{OriginId("o1")});
  h.tell(agent, srs("o9", "192.0.2.1:1936", "p9"));
  EXPECT_EQ(h.state("o1"), model::OriginState::kDead);
  EXPECT_EQ(h.state("o9"), model::OriginState::kAlive);
  EXPECT_EQ(h.state("o2"), model::OriginState::kAlive);
}

TEST_F(AgentReports, AnotherOriginOnTheAddressOfOneThatTheHelloLacksEndsIt) {
  start();
  h.core->agents().closed(agent);
  agent = h.attach_agent(
      "a1",
      {srs("o9", "192.0.2.1:1936", "p9"), srs("o2", "192.0.2.1:1937", "p2", h.incarnation("o2"))},
      "run2");
  EXPECT_EQ(h.state("o1"), model::OriginState::kDead);
  EXPECT_EQ(h.state("o9"), model::OriginState::kAlive);
}

TEST_F(AgentReports, AnOriginThatIsForgottenAfterItsSuccessorCameIsEndedToo) {
  start();
  h.tell(agent, srs("o9", "192.0.2.1:1936", "p9"));
  ASSERT_EQ(h.state("o1"), model::OriginState::kAlive) << "its agent still reports it";
  h.tell(agent, OriginForgotten{OriginId("o1")});
  EXPECT_EQ(h.state("o1"), model::OriginState::kDead);
}

// ----------------------------------------------------------------------------------------- epochs

TEST_F(AgentReports, AnAgentThatWasAwayIsToldOfEveryStreamWhosePublisherMayBeStale) {
  start();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  const std::string a = placed.origin.str();
  const std::string b = other(placed.origin);
  // A leg of an earlier placement, and what its agent cannot have read yet.
  report(b, {live("live/a", "weir:f9/s9/1.1")});
  h.core->agents().closed(agent);
  h.end(f1, "s1");
  const auto again = h.publish(f1, "live/a", "f1", "s2");
  ASSERT_GT(again.epoch, placed.epoch);
  agent = h.attach_agent("a1", {srs("o1", "192.0.2.1:1936", "p1", h.incarnation("o1")),
                                srs("o2", "192.0.2.1:1937", "p2", h.incarnation("o2"))});
  EXPECT_TRUE(was_told(agent, "live/a", again.epoch));
  EXPECT_EQ(h.placement("live/a")->origin.str(), a);
  // Also where only the other one of its origins has it.
  const auto sent = agent->all<StreamEpoch>();
  EXPECT_EQ(std::ranges::count_if(sent, [](const auto& e) { return e.stream == key("live/a"); }),
            2);
}

class AgentReportsOfUnknownVhosts : public AgentReports {};

TEST_F(AgentReportsOfUnknownVhosts, TwoNamesOfOneStreamEndWithTheLast) {
  start();
  report("o1", {live("a.example.com/live/d"), live("b.example.com/live/d"), live("live/d")});
  ASSERT_TRUE(h.placement("live/d"));
  for (int i = 0; i < 4; ++i) report("o1", {}, {"b.example.com/live/d"}, false);
  EXPECT_TRUE(h.placement("live/d"));
  for (int i = 0; i < 4; ++i) report("o1", {}, {"live/d"}, false);
  EXPECT_TRUE(h.placement("live/d")) << "one of the names is still live";
  for (int i = 0; i < 4; ++i) report("o1", {}, {"a.example.com/live/d"}, false);
  EXPECT_FALSE(h.placement("live/d"));
}

TEST_F(AgentReportsOfUnknownVhosts, ANameHeardLaterIsOneMore) {
  start();
  report("o1", {live("live/d")});
  report("o1", {live("a.example.com/live/d")}, {}, false);
  for (int i = 0; i < 4; ++i) report("o1", {}, {"live/d"}, false);
  EXPECT_TRUE(h.placement("live/d"));
  report("o1", {live("live/d")});
  for (int i = 0; i < 4; ++i) report("o1", {}, {"live/d"}, false);
  EXPECT_FALSE(h.placement("live/d")) << "a complete list names all";
}

TEST_F(AgentReportsOfUnknownVhosts, EpochsAreToldUnderTheNameThatTheOriginUses) {
  start();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  const std::string b = other(placed.origin);
  report(b, {live("a.example.com/live/a", "weir:f9/s9/1.1")});
  EXPECT_TRUE(was_told(agent, "a.example.com/live/a", placed.epoch));
  agent->sent.clear();
  h.end(f1, "s1");
  const auto again = h.publish(f1, "live/a", "f1", "s2");
  EXPECT_TRUE(was_told(agent, "a.example.com/live/a", again.epoch));
  EXPECT_TRUE(was_told(agent, "live/a", again.epoch));
  agent->sent.clear();
  report(b, {live("b.example.com/live/a", "weir:f9/s9/1.1")}, {}, false);
  EXPECT_TRUE(was_told(agent, "b.example.com/live/a", again.epoch)) << "known under another name";
}

// -------------------------------------------------------------------------------------- listings

class AgentReportsListingLater : public AgentReports {
 protected:
  /// As when the first probe is answered before the first listing.
  static OriginSeen unlisted(OriginSeen seen) {
    seen.streams_known = false;
    return seen;
  }
  void start_unlisted() {
    start(
        {unlisted(srs("o1", "192.0.2.1:1936", "p1")), unlisted(srs("o2", "192.0.2.1:1937", "p2"))});
  }
};

TEST_F(AgentReportsListingLater, AMissingPublisherIsAskedFor) {
  start_unlisted();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  f1->sent.clear();
  report(placed.origin.str(), {});
  const auto query = f1->last<SessionQuery>();
  ASSERT_TRUE(query);
  EXPECT_EQ(query->sessions, std::vector<SessionId>{SessionId("s1")});
}

TEST_F(AgentReportsListingLater, APublisherThatOutlivesAWrongVerdictKeepsItsPlacement) {
  start_unlisted();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  const std::string o = placed.origin.str();
  report(o, {live("live/a", tag(placed, "s1"))});
  h.tell(agent,
         OriginVerdict{placed.origin, h.incarnation(o), VerdictReason::kProbesFailed, 100ms});
  ASSERT_EQ(h.state(o), model::OriginState::kDead);
  const bool first = o == "o1";
  h.tell(agent, unlisted(srs(o, first ? "192.0.2.1:1936" : "192.0.2.1:1937", first ? "p1" : "p2")));
  ASSERT_NE(h.incarnation(o), placed.incarnation);
  report(o, {live("live/a", tag(placed, "s1"))});
  EXPECT_EQ(h.placement("live/a")->incarnation, h.incarnation(o));
  EXPECT_EQ(h.placement("live/a")->epoch, placed.epoch);
}

TEST_F(AgentReportsListingLater, ATagReadAfterTheListCountsAsMuch) {
  start_unlisted();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  const std::string o = placed.origin.str();
  h.tell(agent,
         OriginVerdict{placed.origin, h.incarnation(o), VerdictReason::kProbesFailed, 100ms});
  const bool first = o == "o1";
  h.tell(agent, unlisted(srs(o, first ? "192.0.2.1:1936" : "192.0.2.1:1937", first ? "p1" : "p2")));
  auto unread = live("live/a");
  unread.tag_unread = true;
  report(o, {unread});
  ASSERT_EQ(h.placement("live/a")->incarnation, placed.incarnation);
  report(o, {live("live/a", tag(placed, "s1"))}, {}, false);
  EXPECT_EQ(h.placement("live/a")->incarnation, h.incarnation(o));
}

TEST_F(AgentReportsListingLater, AListIsAsOldAsItsReading) {
  start_unlisted();
  const auto placed = h.publish(f1, "live/a", "f1", "s1");
  const std::string o = placed.origin.str();
  report(o, {live("live/a", tag(placed, "s1"))}, {}, true, 4);
  // Its forwarder is gone for good a moment after the reading that lacks the stream.
  report(o, {}, {"live/a"}, false, 5);
  h.core->forwarders().closed(f1);
  h.advance_with({}, {agent}, store::kRenewalExpiry + 2s);
  report(o, {}, {}, true, 5);
  EXPECT_NE(h.placement("live/a")->state, PlacementState::kOrphaned)
      << "the reading is from before the renewals ended";
  report(o, {}, {}, true, 6);
  EXPECT_EQ(h.placement("live/a")->state, PlacementState::kOrphaned);
}

}  // namespace
}  // namespace weir::core::testing
