// Each filter, by name: what it rejects, what it lets pass, and whether waiting helps.

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/placement/placement_fixture.h"

namespace weir::placement {
namespace {

struct Case {
  std::string name;
  Rejection rejection;
  bool may_retry;
  std::function<void(model::OriginDescription&)> describe;
  std::function<void(OriginView&)> state;
  std::function<void(Request&)> ask;
};

class Filters : public ::testing::TestWithParam<Case> {};

TEST_P(Filters, RejectByNameAndOnlyThatOrigin) {
  const Case& c = GetParam();
  OriginView rejected = origin("a", c.describe);
  if (c.state) c.state(rejected);
  Cluster cluster({rejected});
  if (c.ask) c.ask(cluster.request);

  const Decision alone = cluster.decide("s", at(0s));
  EXPECT_TRUE(alone.ranked.empty());
  EXPECT_EQ(alone.may_retry, c.may_retry);
  EXPECT_EQ(alone.record.rejected[static_cast<std::size_t>(c.rejection)], 1U);
  ASSERT_EQ(alone.record.candidates.size(), 1U);
  EXPECT_EQ(alone.record.candidates[0].rejected_by, c.rejection);
  EXPECT_NE(alone.record.verdict.find(to_string(c.rejection)), std::string::npos);
  EXPECT_TRUE(alone.record.winner.empty());

  cluster.views.push_back(origin("b", [](model::OriginDescription& d) {
    d.endpoints = {{model::Protocol::kRtmp, "b:1"}, {model::Protocol::kSrt, "b:2"}};
  }));
  const Decision both = cluster.decide("s", at(0s));
  ASSERT_EQ(both.ranked.size(), 1U);
  EXPECT_EQ(both.ranked[0].origin, OriginId("b"));
  EXPECT_FALSE(both.may_retry);
}

void with_load(OriginView& view, const std::function<void(model::Load&)>& change) {
  view.load.emplace();
  view.load_time = at(0s);
  change(*view.load);
}

INSTANTIATE_TEST_SUITE_P(
    All, Filters,
    ::testing::Values(
        Case{"Suspect",
             Rejection::kNotAlive,
             true,
             {},
             [](OriginView& v) { v.state = model::OriginState::kSuspect; },
             {}},
        Case{"Dead",
             Rejection::kNotAlive,
             true,
             {},
             [](OriginView& v) { v.state = model::OriginState::kDead; },
             {}},
        Case{"Cordoned",
             Rejection::kCordoned,
             false,
             {},
             [](OriginView& v) { v.cordoned = true; },
             {}},
        Case{"Draining",
             Rejection::kDraining,
             false,
             {},
             [](OriginView& v) { v.draining = true; },
             {}},
        Case{"PinnedElsewhere",
             Rejection::kPinnedElsewhere,
             false,
             {},
             {},
             [](Request& r) { r.pin = OriginId("b"); }},
        Case{"NoEndpoint",
             Rejection::kNoEndpoint,
             false,
             [](model::OriginDescription& d) { d.endpoints.clear(); },
             {},
             {}},
        Case{"Protocol",
             Rejection::kProtocolUnsupported,
             false,
             {},
             {},
             [](Request& r) { r.protocol = model::Protocol::kSrt; }},
        Case{"JustFailed",
             Rejection::kJustFailed,
             true,
             {},
             {},
             [](Request& r) { r.failed = {IncarnationId("a-1")}; }},
        Case{"Penalized",
             Rejection::kPairPenalized,
             true,
             {},
             {},
             [](Request& r) { r.penalized = {IncarnationId("z-1"), IncarnationId("a-1")}; }},
        Case{"StreamCap",
             Rejection::kStreamCapReached,
             false,
             [](model::OriginDescription& d) { d.capacity.streams = 2; },
             [](OriginView& v) { v.placed_streams = 2; },
             {}},
        Case{"StreamCapByReservation",
             Rejection::kStreamCapReached,
             true,
             [](model::OriginDescription& d) { d.capacity.streams = 2; },
             [](OriginView& v) { v.placed_streams = 1, v.pending.in_flight = 1; },
             {}},
        Case{"StreamCapByReport",
             Rejection::kStreamCapReached,
             false,
             [](model::OriginDescription& d) { d.capacity.streams = 2; },
             [](OriginView& v) { with_load(v, [](model::Load& l) { l.streams = 2; }); },
             {}},
        Case{"EgressCap",
             Rejection::kEgressCapReached,
             false,
             [](model::OriginDescription& d) { d.capacity.egress_bits_per_second = 10'000'000; },
             [](OriginView& v) {
               with_load(v, [](model::Load& l) { l.egress_bits_per_second = 6'500'000; });
             },
             {}},
        Case{"Cpu",
             Rejection::kCpuCapReached,
             true,
             {},
             [](OriginView& v) { with_load(v, [](model::Load& l) { l.cpu_utilization = 0.95; }); },
             {}},
        Case{"Descriptors",
             Rejection::kDescriptorsExhausted,
             false,
             {},
             [](OriginView& v) {
               with_load(v, [](model::Load& l) { l.open_files = 993, l.open_files_max = 1024; });
             },
             {}},
        Case{"Connections",
             Rejection::kConnectionsExhausted,
             false,
             [](model::OriginDescription& d) { d.capacity.connections = 5; },
             [](OriginView& v) { with_load(v, [](model::Load& l) { l.connections = 5; }); },
             {}}),
    [](const auto& info) { return info.param.name; });

TEST(FiltersTest, UnknownFiguresAreNoLimits) {
  OriginView view = origin("a");
  with_load(view, [](model::Load& l) { l.cpu_utilization = -1, l.open_files = 100'000; });
  Cluster cluster({view});
  EXPECT_EQ(cluster.decide("s", at(0s)).ranked.size(), 1U);
}

TEST(FiltersTest, LimitsAreReachedNotApproached) {
  OriginView view = origin("a", [](model::OriginDescription& d) {
    d.capacity.streams = 2;
    d.capacity.egress_bits_per_second = 8'000'000;
    d.capacity.connections = 6;
  });
  view.placed_streams = 1;
  with_load(view, [](model::Load& l) {
    l.streams = 1, l.connections = 5, l.egress_bits_per_second = 4'000'000;
    l.cpu_utilization = 0.94;
  });
  Cluster cluster({view});
  EXPECT_EQ(cluster.decide("s", at(0s)).ranked.size(), 1U);
}

TEST(FiltersTest, OldLoadRejectsNobody) {
  OriginView view = origin("a");
  with_load(view, [](model::Load& l) { l.cpu_utilization = 2; });
  Cluster cluster({view});
  EXPECT_TRUE(cluster.decide("s", at(kLoadExpiry)).ranked.empty());
  EXPECT_FALSE(cluster.decide("s", at(kLoadExpiry + 1ms)).ranked.empty());
}

TEST(FiltersTest, NoOriginAtAllIsBusyBecauseAgentsMayBeOnTheirWay) {
  Cluster cluster({});
  const Decision decision = cluster.decide("s", at(0s));
  EXPECT_TRUE(decision.ranked.empty());
  EXPECT_TRUE(decision.may_retry);
  EXPECT_EQ(decision.record.verdict, "none of 0");
}

}  // namespace
}  // namespace weir::placement
