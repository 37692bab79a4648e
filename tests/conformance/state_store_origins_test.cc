// upsert_origin, declare_dead: ids, incarnations, the dead set (design 2, 4).

#include <chrono>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using namespace std::chrono_literals;

OriginUpsert report(const std::string& id, const std::string& address, const std::string& process) {
  OriginUpsert request;
  request.description.id = OriginId(id);
  request.description.endpoints = {{model::Protocol::kRtmp, address}};
  request.process = process;
  return request;
}

TEST_P(StateStoreOrigins, AReportOfANewOriginMintsAnIncarnation) {
  const OriginUpserted first = upsert("o1");
  EXPECT_TRUE(first.new_incarnation);
  EXPECT_FALSE(first.id_taken);
  EXPECT_FALSE(first.record.incarnation.empty());
  EXPECT_EQ(first.record.description.id, OriginId("o1"));
  EXPECT_FALSE(first.record.dead);
}

TEST_P(StateStoreOrigins, TheSameReportAgainChangesNothing) {
  const OriginUpserted first = upsert("o1");
  const OriginUpserted again = upsert("o1");
  EXPECT_FALSE(again.new_incarnation);
  EXPECT_EQ(again.record.incarnation, first.record.incarnation);
  EXPECT_EQ(again.record.revision, first.record.revision);
}

TEST_P(StateStoreOrigins, ANewDescriptionOfTheSameProcessKeepsItsIncarnation) {
  OriginUpsert request = report("o1", "a:1935", "p1");
  const OriginUpserted first = upsert(request);
  request.description.zone = "z2";
  request.description.endpoints = {{model::Protocol::kRtmp, "b:1935"}};
  const OriginUpserted moved = upsert(request);
  EXPECT_FALSE(moved.new_incarnation);
  EXPECT_EQ(moved.record.incarnation, first.record.incarnation);
  EXPECT_EQ(moved.record.description.zone, "z2");
  EXPECT_GT(moved.record.revision, first.record.revision);
}

TEST_P(StateStoreOrigins, AListenerThatExpectsSomethingElseIsStillTheSameOrigin) {
  const OriginUpserted first = upsert(report("o1", "a:1935", "p1"));
  OriginUpsert request = report("o1", "a:1935", "p2");
  request.description.endpoints[0].client_address = ClientAddressMode::kProxyV1;
  const OriginUpserted second = upsert(request);
  EXPECT_TRUE(second.new_incarnation);
  EXPECT_FALSE(second.id_taken);
  EXPECT_EQ(second.record.description, request.description);
}

TEST_P(StateStoreOrigins, AnotherProcessAtTheSameEndpointIsANewIncarnation) {
  const OriginUpserted first = upsert(report("o1", "a:1935", "p1"));
  const OriginUpserted second = upsert(report("o1", "a:1935", "p2"));
  EXPECT_TRUE(second.new_incarnation);
  EXPECT_FALSE(second.id_taken);
  EXPECT_NE(second.record.incarnation, first.record.incarnation);
}

TEST_P(StateStoreOrigins, ASecondLiveOriginOfTheSameIdGetsASuffixAndKeepsIt) {
  upsert(report("o", "a:1935", "pa"));
  const OriginUpserted second = upsert(report("o", "b:1935", "pb"));
  EXPECT_TRUE(second.id_taken);
  EXPECT_EQ(second.record.description.id, OriginId("o-2"));
  EXPECT_EQ(upsert(report("o", "c:1935", "pc")).record.description.id, OriginId("o-3"));

  const OriginUpserted again = upsert(report("o", "b:1935", "pb"));
  EXPECT_EQ(again.record.description.id, OriginId("o-2"));
  EXPECT_FALSE(again.new_incarnation);
  EXPECT_TRUE(again.id_taken);
  const OriginUpserted restarted = upsert(report("o", "b:1935", "pb2"));
  EXPECT_EQ(restarted.record.description.id, OriginId("o-2"));
  EXPECT_TRUE(restarted.new_incarnation);
}

TEST_P(StateStoreOrigins, ADeadOriginsIdIsFreeForItsSuccessorElsewhere) {
  const OriginUpserted first = upsert(report("o", "a:1935", "p1"));
  declare_dead(first.record.incarnation);
  const OriginUpserted second = upsert(report("o", "b:1935", "p2"));
  EXPECT_FALSE(second.id_taken);
  EXPECT_TRUE(second.new_incarnation);
  EXPECT_EQ(second.record.first_seen, first.record.first_seen);
}

TEST_P(StateStoreOrigins, AnOriginWithoutAnIdIsNamedByItsEndpoint) {
  EXPECT_EQ(upsert(report("", "192.0.2.1:1935", "p1")).record.description.id,
            OriginId("192.0.2.1:1935"));
}

TEST_P(StateStoreOrigins, ADeadIncarnationNeverRevives) {
  const OriginUpserted first = upsert("o1");
  EXPECT_TRUE(declare_dead(first.record.incarnation));
  EXPECT_TRUE(declare_dead(first.record.incarnation)) << "repeated on its way";
  OriginUpsert again = report("o1", "o1.example:1935", "p1");
  again.known_incarnation = first.record.incarnation;
  const OriginUpserted second = upsert(again);
  EXPECT_TRUE(second.new_incarnation);
  EXPECT_NE(second.record.incarnation, first.record.incarnation);
  EXPECT_FALSE(second.record.dead);
}

TEST_P(StateStoreOrigins, IncarnationsNeverRepeat) {
  std::set<IncarnationId> seen;
  for (int loss = 0; loss < 3; ++loss) {
    for (int life = 0; life < 5; ++life) {
      const OriginUpserted upserted = upsert("o1", "p" + std::to_string(life));
      EXPECT_TRUE(seen.insert(upserted.record.incarnation).second)
          << upserted.record.incarnation.str();
    }
    advance(1ms);  // nobody loses and raises twice within a microsecond
    lose_history();
    raise();
  }
}

TEST_P(StateStoreOrigins, AVerdictOlderThanTheIncarnationIsRefused) {
  upsert("o1", "p1");
  advance(10s);
  const IncarnationId restarted = upsert("o1", "p2").record.incarnation;
  advance(1s);
  EXPECT_FALSE(declare_dead(restarted, 1001ms)) << "it was about the process before";
  EXPECT_FALSE(origin("o1").incarnation.empty());
  EXPECT_EQ(acquire(session("s1"), {origin("o1")}).outcome, Outcome::kBound);
  EXPECT_TRUE(declare_dead(restarted, 999ms));
}

TEST_P(StateStoreOrigins, AVerdictOnAReplacedIncarnationReachesItsPlacements) {
  const Candidate before = origin("o1");
  const Candidate other = origin("o2");
  acquire(session("s1"), {before});
  const OriginUpserted after = upsert("o1", "p2");
  EXPECT_EQ(acquire(session("s2"), {other}).outcome, Outcome::kHeld);
  EXPECT_TRUE(declare_dead(before.incarnation));
  EXPECT_FALSE(upsert("o1", "p2").record.dead);
  const AcquireResult moved = acquire(session("s2"), {{OriginId("o1"), after.record.incarnation}});
  EXPECT_EQ(moved.outcome, Outcome::kBound);
  EXPECT_EQ(moved.placement->incarnation, after.record.incarnation);
}

TEST_P(StateStoreOrigins, AfterALossOfHistoryAnIncarnationIsTakenBackFromItsProcess) {
  const OriginUpserted before = upsert("o1");
  lose_history();
  raise();
  OriginUpsert again = report("o1", "o1.example:1935", "p1");
  again.known_incarnation = before.record.incarnation;
  EXPECT_EQ(upsert(again).record.incarnation, before.record.incarnation);
}

TEST_P(StateStoreOrigins, AfterALossOfHistoryMintedIdsStayWithTheirProcesses) {
  upsert(report("o", "a:1935", "pa"));
  OriginUpsert second = report("o", "b:1935", "pb");
  second.known_incarnation = upsert(second).record.incarnation;
  lose_history();
  raise();
  EXPECT_EQ(upsert(second).record.description.id, OriginId("o-2")) << "though it comes first now";
  EXPECT_EQ(upsert(report("o", "a:1935", "pa")).record.description.id, OriginId("o"));
}

TEST_P(StateStoreOrigins, AnIncarnationDeclaredDeadAfterTheLossIsNotTakenBack) {
  const OriginUpserted before = upsert("o1");
  lose_history();
  raise();
  EXPECT_TRUE(declare_dead(before.record.incarnation));
  OriginUpsert again = report("o1", "o1.example:1935", "p1");
  again.known_incarnation = before.record.incarnation;
  EXPECT_NE(upsert(again).record.incarnation, before.record.incarnation);
}

TEST_P(StateStoreOrigins, AForeignIncarnationIsNotTakenForOnesOwn) {
  OriginUpsert wrong = report("o1", "a:1935", "p1");
  for (const char* known :
       {"o2.1.1", "o1", "o1..", "o1.zzzzzzzzzzzzzzzzzzzzzz.1", "..", "o1.u.1"}) {
    wrong.known_incarnation = IncarnationId(known);
    EXPECT_NE(upsert(wrong).record.incarnation, wrong.known_incarnation) << known;
  }
}

TEST_P(StateStoreOrigins, ACordonStaysWithTheOriginThroughItsRestarts) {
  origin("o1");
  cordon("o1");
  const Candidate restarted{OriginId("o1"), upsert("o1", "p2").record.incarnation};
  EXPECT_EQ(acquire(session("s1"), {restarted}).outcome, Outcome::kNoCandidate);
  cordon("o1", false);
  EXPECT_EQ(acquire(session("s1"), {restarted}).outcome, Outcome::kBound);
}

}  // namespace
}  // namespace weir::store
