// acquire: who gets a stream (design 4). One test per clause.

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using model::PlacementState;
using Evidence = Takeover::Evidence;

TEST_P(StateStoreAcquire, UnplacedGetsTheFirstCandidateAndANewEpoch) {
  AcquireRequest asked = request(session("s1"), {o2_, o1_});
  asked.verdict = "o2 0.10, o1 0.30";
  const AcquireResult result = acquire(asked);
  ASSERT_EQ(result.outcome, Outcome::kBound);
  EXPECT_TRUE(result.new_origin);
  EXPECT_FALSE(result.displaced);
  EXPECT_EQ(result.placement->origin, o2_.origin);
  EXPECT_EQ(result.placement->incarnation, o2_.incarnation);
  EXPECT_EQ(result.placement->holder, session("s1"));
  EXPECT_EQ(result.placement->state, PlacementState::kBound);
  EXPECT_FALSE(result.placement->media_accepted);
  EXPECT_EQ(result.placement->verdict, asked.verdict);
  EXPECT_EQ(result.placement->epoch.generation, generation().generation);
  EXPECT_EQ(lookup()->epoch, result.placement->epoch);
}

TEST_P(StateStoreAcquire, TheVerdictIsCutAtItsBoundWithoutSplittingACharacter) {
  AcquireRequest asked = request(session("s1"), {o1_});
  for (int i = 0; i < 100; ++i) asked.verdict += i == 0 ? "x" : "é";
  EXPECT_EQ(acquire(asked).placement->verdict, asked.verdict.substr(0, kVerdictBytesMax - 1));
}

TEST_P(StateStoreAcquire, DeadCandidatesAreSkipped) {
  declare_dead(o1_.incarnation);
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).placement->origin, o2_.origin);
}

TEST_P(StateStoreAcquire, AnIncarnationThatWasReplacedCannotBeBoundByASlowCaller) {
  upsert("o1", "p2");
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).placement->origin, o2_.origin);
}

TEST_P(StateStoreAcquire, AnOriginThatWasNeverRegisteredCannotBeBound) {
  const AcquireResult result = acquire(session("s1"), {{OriginId("o9"), IncarnationId("o9.1.1")}});
  EXPECT_EQ(result.outcome, Outcome::kNoCandidate);
  EXPECT_FALSE(lookup());
}

TEST_P(StateStoreAcquire, CordonedCandidatesAreSkipped) {
  cordon("o1");
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).placement->origin, o2_.origin);
  cordon("o1", false);
  cordon("o2");
  release(*lookup());
  advance(kOrphanKept);
  EXPECT_EQ(acquire(session("s2"), {o2_, o1_}).placement->origin, o1_.origin);
}

TEST_P(StateStoreAcquire, SameHolderGetsTheSameAnswer) {
  const AcquireResult first = acquire(session("s1"), {o1_, o2_});
  const AcquireResult again = acquire(session("s1"), {o2_, o1_});
  EXPECT_EQ(again.outcome, Outcome::kSame);
  EXPECT_EQ(again.placement->epoch, first.placement->epoch);
  EXPECT_EQ(again.placement->origin, o1_.origin);
}

TEST_P(StateStoreAcquire, FailedOfHisOwnPlacementGetsTheNextCandidate) {
  const AcquireResult first = acquire(session("s1"), {o1_, o2_});
  AcquireRequest asked = request(session("s1"), {o1_, o2_});
  asked.failed = Failed{o1_.incarnation, first.placement->epoch};
  const AcquireResult next = acquire(asked);
  ASSERT_EQ(next.outcome, Outcome::kBound);
  EXPECT_EQ(next.placement->origin, o2_.origin);
  EXPECT_GT(next.placement->epoch, first.placement->epoch);
  EXPECT_EQ(next.displaced->epoch, first.placement->epoch);
  EXPECT_EQ(acquire(asked).outcome, Outcome::kSame) << "the same request, repeated on its way";
  EXPECT_EQ(lookup()->epoch, next.placement->epoch);
}

TEST_P(StateStoreAcquire, FailedWithoutAnotherCandidateChangesNothing) {
  const AcquireResult first = acquire(session("s1"), {o1_});
  AcquireRequest asked = request(session("s1"), {o1_});
  asked.failed = Failed{o1_.incarnation, first.placement->epoch};
  EXPECT_EQ(acquire(asked).outcome, Outcome::kNoCandidate);
  EXPECT_EQ(lookup()->epoch, first.placement->epoch);
}

TEST_P(StateStoreAcquire, FailedMovesNobodyWhoseMediaWasAccepted) {
  const AcquireResult first = publish(session("s1"));
  AcquireRequest asked = request(session("s1"), {o1_, o2_});
  asked.failed = Failed{o1_.incarnation, first.placement->epoch};
  EXPECT_EQ(acquire(asked).outcome, Outcome::kSame);
}

TEST_P(StateStoreAcquire, FailedForAnUnplacedStreamBansThatIncarnation) {
  AcquireRequest asked = request(session("s1"), {o1_, o2_});
  asked.failed = Failed{o1_.incarnation, Epoch{}};
  EXPECT_EQ(acquire(asked).placement->origin, o2_.origin);
}

TEST_P(StateStoreAcquire, AnotherLiveHolderIsHeldAndNothingChanges) {
  const AcquireResult first = acquire(session("s1"), {o1_, o2_});
  const AcquireResult second = acquire(session("s2", "f2"), {o2_});
  EXPECT_EQ(second.outcome, Outcome::kHeld);
  EXPECT_EQ(second.placement->holder, session("s1"));
  EXPECT_EQ(lookup()->revision, first.placement->revision);
}

TEST_P(StateStoreAcquire, OrphanedGoesToTheSameOriginWithANewHolderAndEpoch) {
  const AcquireResult first = publish(session("s1"));
  release(*first.placement);
  const AcquireResult second = acquire(session("s2"), {o2_});
  ASSERT_EQ(second.outcome, Outcome::kBound);
  EXPECT_EQ(second.placement->origin, o1_.origin);
  EXPECT_FALSE(second.new_origin);
  EXPECT_GT(second.placement->epoch, first.placement->epoch);
  EXPECT_FALSE(second.placement->media_accepted);
}

TEST_P(StateStoreAcquire, OrphanedGoesToTheNewIncarnationOfTheSameOrigin) {
  release(*publish(session("s1")).placement);
  const OriginUpserted restarted = upsert("o1", "p2");
  const AcquireResult second = acquire(session("s2"), {o2_});
  EXPECT_EQ(second.placement->incarnation, restarted.record.incarnation);
}

TEST_P(StateStoreAcquire, OrphanedGoesElsewhereWhenItsOriginIsCordonedFailedOrDead) {
  release(*publish(session("s1")).placement);
  cordon("o1");
  const AcquireResult cordoned = acquire(session("s2"), {o1_, o2_});
  EXPECT_EQ(cordoned.placement->origin, o2_.origin);
  EXPECT_TRUE(cordoned.new_origin);
  cordon("o1", false);

  release(*cordoned.placement);
  AcquireRequest asked = request(session("s3"), {o2_, o1_});
  asked.failed = Failed{o2_.incarnation, cordoned.placement->epoch};
  const AcquireResult failed = acquire(asked);
  EXPECT_EQ(failed.placement->origin, o1_.origin);

  release(*failed.placement);
  declare_dead(o1_.incarnation);
  EXPECT_EQ(acquire(session("s4"), {o1_, o2_}).placement->origin, o2_.origin);
}

TEST_P(StateStoreAcquire, AnOrphanIsForgottenAfterFifteenSecondsButNotBefore) {
  release(*publish(session("s1")).placement);
  advance(kOrphanKept - std::chrono::milliseconds(1));
  EXPECT_EQ(lookup()->state, PlacementState::kOrphaned);
  advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(lookup());
}

TEST_P(StateStoreAcquire, AnOrphanThatFoundAHolderDoesNotExpire) {
  release(*publish(session("s1")).placement);
  advance(kOrphanKept / 2);
  acquire(session("s2"), {o1_});
  advance(kOrphanKept);
  EXPECT_EQ(lookup()->holder, session("s2"));
}

TEST_P(StateStoreAcquire, OwnerInTheDeadSetIsAsUnplacedForAnybody) {
  const AcquireResult first = publish(session("s1"));
  declare_dead(o1_.incarnation);
  const AcquireResult second = acquire(session("s2"), {o1_, o2_});
  ASSERT_EQ(second.outcome, Outcome::kBound);
  EXPECT_EQ(second.placement->origin, o2_.origin);
  EXPECT_EQ(second.displaced->epoch, first.placement->epoch);
}

TEST_P(StateStoreAcquire, TheDeadSetIsLookedAtBeforeTheSameHolder) {
  publish(session("s1"));
  declare_dead(o1_.incarnation);
  const AcquireResult again = acquire(session("s1"), {o1_, o2_});
  EXPECT_EQ(again.outcome, Outcome::kBound);
  EXPECT_EQ(again.placement->origin, o2_.origin);
}

TEST_P(StateStoreAcquire, OwnerDeadWithoutACandidateLeavesThePlacement) {
  const AcquireResult first = publish(session("s1"));
  declare_dead(o1_.incarnation);
  EXPECT_EQ(acquire(session("s2"), {o1_}).outcome, Outcome::kNoCandidate);
  EXPECT_EQ(lookup()->epoch, first.placement->epoch);
}

TEST_P(StateStoreAcquire, PolicyTakesOverWithTheCurrentEpochOnTheSameOrigin) {
  const AcquireResult first = publish(session("s1"));
  const AcquireResult held = acquire(session("s2"), {o2_});
  const AcquireResult taken = acquire(takeover(session("s2"), held, Evidence::kPolicy));
  ASSERT_EQ(taken.outcome, Outcome::kBound);
  EXPECT_EQ(taken.placement->origin, o1_.origin);
  EXPECT_FALSE(taken.new_origin);
  EXPECT_GT(taken.placement->epoch, first.placement->epoch);
  EXPECT_EQ(taken.displaced->holder, session("s1"));
}

TEST_P(StateStoreAcquire, ATakeoverStaysOnItsOriginAlsoWhenThatIsCordoned) {
  publish(session("s1"));
  cordon("o1");
  const AcquireResult held = acquire(session("s2"), {o2_});
  EXPECT_EQ(acquire(takeover(session("s2"), held, Evidence::kUnknown)).placement->origin,
            o1_.origin);
}

TEST_P(StateStoreAcquire, ATakeoverThatNamesAnotherEpochIsHeld) {
  publish(session("s1"));
  AcquireResult held = acquire(session("s2"), {o2_});
  held.placement->epoch.counter -= 1;
  EXPECT_EQ(acquire(takeover(session("s2"), held, Evidence::kUnknown)).outcome, Outcome::kHeld);
}

TEST_P(StateStoreAcquire, IdleEvidenceIsGoodForOneSecondAfterTheHeldAnswer) {
  publish(session("s1"));
  const AcquireResult held = acquire(session("s2"), {o2_});
  advance(kIdleEvidenceAgeMax + std::chrono::milliseconds(1));
  EXPECT_EQ(acquire(takeover(session("s2"), held, Evidence::kIdle)).outcome,
            Outcome::kStaleEvidence);
  EXPECT_EQ(lookup()->holder, session("s1"));
  const AcquireResult again = acquire(session("s2"), {o2_});
  advance(kIdleEvidenceAgeMax);
  EXPECT_EQ(acquire(takeover(session("s2"), again, Evidence::kIdle)).outcome, Outcome::kBound);
}

TEST_P(StateStoreAcquire, RenewalGoneIsReadInsideTheVerb) {
  publish(session("s1", "f1"));
  const AcquireResult held = acquire(session("s2", "f2"), {o2_});
  advance(kRenewalExpiry - std::chrono::milliseconds(1));
  EXPECT_EQ(acquire(takeover(session("s2", "f2"), held, Evidence::kRenewalGone)).outcome,
            Outcome::kStaleEvidence);
  advance(std::chrono::milliseconds(1));
  EXPECT_EQ(acquire(takeover(session("s2", "f2"), held, Evidence::kRenewalGone)).outcome,
            Outcome::kBound);
}

TEST_P(StateStoreAcquire, ARenewalProtectsTheHolder) {
  publish(session("s1", "f1"));
  const AcquireResult held = acquire(session("s2", "f2"), {o2_});
  advance(kRenewalExpiry - std::chrono::milliseconds(1));
  renew("f1");
  advance(kRenewalExpiry - std::chrono::milliseconds(1));
  EXPECT_EQ(acquire(takeover(session("s2", "f2"), held, Evidence::kRenewalGone)).outcome,
            Outcome::kStaleEvidence);
}

TEST_P(StateStoreAcquire, AnAcquireRenewsItsForwarder) {
  publish(session("s1", "f1"));
  advance(kRenewalExpiry);
  AcquireRequest other = request(session("s9", "f1"), {o1_});
  other.stream = make_stream_key(kDefaultVhost, "live", "other").value();
  acquire(other);
  const AcquireResult held = acquire(session("s2", "f2"), {o2_});
  EXPECT_EQ(acquire(takeover(session("s2", "f2"), held, Evidence::kRenewalGone)).outcome,
            Outcome::kStaleEvidence);
}

TEST_P(StateStoreAcquire, AnAbsentRenewalMeansNothingForThreeSecondsAfterTheStoreStoodStill) {
  publish(session("s1", "f1"));
  under_test_->stall(kStallSeen + kRenewalExpiry);
  const AcquireResult held = acquire(session("s2", "f2"), {o2_});
  EXPECT_EQ(acquire(takeover(session("s2", "f2"), held, Evidence::kRenewalGone)).outcome,
            Outcome::kStaleEvidence);
  advance(kRenewalGrace);
  EXPECT_EQ(acquire(takeover(session("s2", "f2"), held, Evidence::kRenewalGone)).outcome,
            Outcome::kBound);
}

TEST_P(StateStoreAcquire, AtMostOneTakeoverInFiveSeconds) {
  publish(session("s1"));
  AcquireResult held = acquire(session("s2"), {o2_});
  confirm(*acquire(takeover(session("s2"), held, Evidence::kPolicy)).placement);
  held = acquire(session("s1b"), {o2_});
  EXPECT_EQ(acquire(takeover(session("s1b"), held, Evidence::kPolicy)).outcome, Outcome::kHeld);
  EXPECT_EQ(acquire(takeover(session("s1b"), held, Evidence::kIdle)).outcome, Outcome::kHeld);
  advance(kTakeoverPause);
  held = acquire(session("s1b"), {o2_});
  EXPECT_EQ(acquire(takeover(session("s1b"), held, Evidence::kPolicy)).outcome, Outcome::kBound);
}

TEST_P(StateStoreAcquire, PolicyDoesNotDisplaceASessionThatWaitsForItsOrigin) {
  acquire(session("s1"), {o1_});
  const AcquireResult held = acquire(session("s2"), {o2_});
  EXPECT_EQ(acquire(takeover(session("s2"), held, Evidence::kPolicy)).outcome, Outcome::kHeld);
  EXPECT_EQ(acquire(takeover(session("s2"), held, Evidence::kUnknown)).outcome, Outcome::kBound);
}

TEST_P(StateStoreAcquire, NoRuleDisplacesADirectPublisher) {
  publish(model::DirectHolder{});
  const AcquireResult held = acquire(session("s2"), {o2_});
  ASSERT_EQ(held.outcome, Outcome::kHeld);
  for (const Evidence evidence :
       {Evidence::kPolicy, Evidence::kIdle, Evidence::kUnknown, Evidence::kRenewalGone}) {
    EXPECT_EQ(acquire(takeover(session("s2"), held, evidence)).outcome, Outcome::kHeld);
  }
}

TEST_P(StateStoreAcquire, AnExternalHolderGivesWayToTheFirstPublisherOnItsOrigin) {
  const AcquireResult bound = acquire(model::ExternalHolder{"scheduler"}, {o1_});
  EXPECT_EQ(acquire(model::ExternalHolder{"other"}, {o2_}).outcome, Outcome::kHeld);
  const AcquireResult published = acquire(session("s1"), {o2_});
  ASSERT_EQ(published.outcome, Outcome::kBound);
  EXPECT_EQ(published.placement->origin, o1_.origin);
  EXPECT_GT(published.placement->epoch, bound.placement->epoch);
  EXPECT_EQ(acquire(session("s2"), {o2_}).outcome, Outcome::kHeld);
}

TEST_P(StateStoreAcquire, AnExternalHolderIsForgottenAfterAMinute) {
  acquire(model::ExternalHolder{"scheduler"}, {o1_});
  advance(kExternalKept - std::chrono::milliseconds(1));
  EXPECT_TRUE(lookup());
  advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(lookup());
}

TEST_P(StateStoreAcquire, SixtyFourWhoAskAtOnceGetOneOwner) {
  struct Answer {
    int session;
    AcquireResult result;
  };
  std::vector<Answer> answers;
  for (int i = 0; i < 64; ++i) {
    const std::string id = std::to_string(i);
    AcquireRequest asked = request(session("s" + id, "f" + std::to_string(i % 4)),
                                   i % 2 == 0 ? std::vector{o1_, o2_} : std::vector{o2_, o1_});
    for (int repeat = 0; repeat < 2; ++repeat) {
      store().acquire(asked, caller_, [&answers, i](Reply<AcquireResult> reply) {
        answers.push_back({i, value(std::move(reply))});
      });
    }
  }
  under_test_->deliver();
  ASSERT_EQ(answers.size(), 128U);
  std::set<std::string> owners;
  std::set<Epoch> epochs;
  for (const Answer& answer : answers) {
    owners.insert(answer.result.placement->origin.str());
    epochs.insert(answer.result.placement->epoch);
    if (answer.session != 0) EXPECT_EQ(answer.result.outcome, Outcome::kHeld);
  }
  EXPECT_EQ(owners.size(), 1U);
  EXPECT_EQ(epochs.size(), 1U);
  EXPECT_EQ(answers[0].result.outcome, Outcome::kBound);
  EXPECT_EQ(answers[1].result.outcome, Outcome::kSame);
}

TEST_P(StateStoreAcquire, EpochsOfAStreamOnlyGrow) {
  Epoch last;
  for (int i = 0; i < 50; ++i) {
    const AcquireResult bound = acquire(session("s" + std::to_string(i)), {o1_, o2_});
    ASSERT_EQ(bound.outcome, Outcome::kBound);
    EXPECT_GT(bound.placement->epoch, last);
    last = bound.placement->epoch;
    release(*bound.placement);
    if (i % 3 == 0) advance(kOrphanKept);
    if (i % 7 == 0) {
      raise();
      end_settling();
    }
  }
}

}  // namespace
}  // namespace weir::store
