// confirm, release, orphan, repoint, claim: each names holder and epoch, and changes nothing when
// the placement differs (design 4).

#include <chrono>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using model::Placement;
using model::PlacementState;

TEST_P(StateStorePlacements, ConfirmMakesABoundPlacementPublishing) {
  const AcquireResult bound = acquire(session("s1"), {o1_});
  const Changed confirmed = confirm(*bound.placement);
  EXPECT_TRUE(confirmed.changed);
  EXPECT_EQ(confirmed.placement->state, PlacementState::kPublishing);
  EXPECT_TRUE(confirmed.placement->media_accepted);
  EXPECT_GT(confirmed.placement->revision, bound.placement->revision);
  EXPECT_FALSE(confirm(*bound.placement).changed) << "repeated on its way";
}

TEST_P(StateStorePlacements, ConfirmReleaseAndRepointOfAnotherHolderOrEpochChangeNothing) {
  const Placement placement = *acquire(session("s1"), {o1_}).placement;
  Placement other_holder = placement;
  other_holder.holder = session("s2");
  Placement other_epoch = placement;
  other_epoch.epoch.counter -= 1;
  upsert("o1", "p2");
  const IncarnationId restarted = origin("o1").incarnation;
  for (const Placement& wrong : {other_holder, other_epoch}) {
    EXPECT_FALSE(confirm(wrong).changed);
    EXPECT_FALSE(release(wrong).changed);
    EXPECT_FALSE(orphan({ref(wrong), OrphanRequest::Evidence::kUnknown, {}}).changed);
    EXPECT_FALSE(repoint(wrong, restarted).changed);
  }
  EXPECT_EQ(lookup()->revision, placement.revision);
}

TEST_P(StateStorePlacements, ALateConfirmDoesNotReviveAnOrphan) {
  const Placement placement = *acquire(session("s1"), {o1_}).placement;
  release(placement);
  EXPECT_FALSE(confirm(placement).changed);
  EXPECT_EQ(lookup()->state, PlacementState::kOrphaned);
}

TEST_P(StateStorePlacements, ReleaseOrphansASession) {
  const Placement placement = *publish(session("s1")).placement;
  const Changed released = release(placement);
  EXPECT_TRUE(released.changed);
  EXPECT_EQ(released.placement->state, PlacementState::kOrphaned);
  EXPECT_EQ(released.placement->epoch, placement.epoch);
  EXPECT_FALSE(release(placement).changed) << "repeated on its way";
}

TEST_P(StateStorePlacements, ARepeatedReleaseDoesNotProlongTheOrphan) {
  const Placement placement = *publish(session("s1")).placement;
  release(placement);
  advance(kOrphanKept - std::chrono::seconds(1));
  release(placement);
  advance(std::chrono::seconds(1));
  EXPECT_FALSE(lookup());
}

TEST_P(StateStorePlacements, ReleaseWithoutAnEpochIsForASessionThatEndedBeforeItsAnswer) {
  acquire(session("s1"), {o1_});
  EXPECT_FALSE(release(HolderRef{stream_, session("s2"), {}}).changed);
  EXPECT_TRUE(release(HolderRef{stream_, session("s1"), {}}).changed);
  EXPECT_EQ(lookup()->state, PlacementState::kOrphaned);
}

TEST_P(StateStorePlacements, ReleaseRemovesDirectAndExternalHoldersAtOnce) {
  EXPECT_TRUE(release(*publish(model::DirectHolder{}).placement).changed);
  EXPECT_FALSE(lookup());
  EXPECT_TRUE(release(*acquire(model::ExternalHolder{"scheduler"}, {o1_}).placement).changed);
  EXPECT_FALSE(lookup());
}

TEST_P(StateStorePlacements, AHolderThatItsForwarderDoesNotKnowIsOrphaned) {
  const Placement placement = *publish(session("s1")).placement;
  EXPECT_TRUE(orphan({ref(placement), OrphanRequest::Evidence::kUnknown, {}}).changed);
  EXPECT_EQ(lookup()->state, PlacementState::kOrphaned);
}

TEST_P(StateStorePlacements, AnExpiredRenewalAloneOrphansNobody) {
  const Placement placement = *publish(session("s1", "f1")).placement;
  const auto gone = OrphanRequest::Evidence::kRenewalGone;
  EXPECT_FALSE(orphan({ref(placement), gone, Duration::zero()}).changed) << "it lives";
  advance(kRenewalExpiry);
  advance(std::chrono::seconds(1));
  EXPECT_FALSE(orphan({ref(placement), gone, {}}).changed);
  EXPECT_FALSE(orphan({ref(placement), gone, std::chrono::seconds(2)}).changed)
      << "the snapshot is older than the expiry";
  EXPECT_EQ(lookup()->state, PlacementState::kPublishing);
  EXPECT_TRUE(orphan({ref(placement), gone, std::chrono::milliseconds(500)}).changed);
}

TEST_P(StateStorePlacements, AnExpiredRenewalOrphansWhenTheIncarnationIsDead) {
  const Placement placement = *publish(session("s1", "f1")).placement;
  declare_dead(o1_.incarnation);
  const auto gone = OrphanRequest::Evidence::kRenewalGone;
  EXPECT_FALSE(orphan({ref(placement), gone, {}}).changed);
  advance(kRenewalExpiry);
  EXPECT_TRUE(orphan({ref(placement), gone, {}}).changed);
}

TEST_P(StateStorePlacements, RepointKeepsTheEpochOnTheNewIncarnationOfTheSameOrigin) {
  const Placement placement = *publish(session("s1")).placement;
  const IncarnationId restarted = upsert("o1", "p2").record.incarnation;
  const Changed repointed = repoint(placement, restarted);
  EXPECT_TRUE(repointed.changed);
  EXPECT_EQ(repointed.placement->incarnation, restarted);
  EXPECT_EQ(repointed.placement->epoch, placement.epoch);
  EXPECT_EQ(repointed.placement->state, PlacementState::kPublishing);
  EXPECT_FALSE(repoint(placement, restarted).changed) << "repeated on its way";
}

TEST_P(StateStorePlacements, RepointToAnotherOriginOrADeadIncarnationIsRefused) {
  const Placement placement = *publish(session("s1")).placement;
  EXPECT_FALSE(repoint(placement, o2_.incarnation).changed);
  const IncarnationId restarted = upsert("o1", "p2").record.incarnation;
  declare_dead(restarted);
  EXPECT_FALSE(repoint(placement, restarted).changed);
  EXPECT_EQ(lookup()->incarnation, o1_.incarnation);
}

TEST_P(StateStorePlacements, RestoreOutsideSettlingIsRefused) {
  Placement held = *publish(session("s1")).placement;
  release(held);
  advance(kOrphanKept);
  EXPECT_FALSE(restore(held).changed);
  EXPECT_FALSE(lookup());
}

TEST_P(StateStorePlacements, AClaimBringsBackALiveSessionsPlacementWithItsEpoch) {
  const Placement held = *publish(session("s1")).placement;
  release(held);
  advance(kOrphanKept);
  const Changed claimed = value(claim(held));
  EXPECT_TRUE(claimed.changed);
  EXPECT_EQ(claimed.placement->epoch, held.epoch);
  EXPECT_EQ(claimed.placement->origin, held.origin);
  EXPECT_EQ(claimed.placement->state, PlacementState::kPublishing);
}

TEST_P(StateStorePlacements, AClaimBringsBackAnOrphanAndStopsItsExpiry) {
  const Placement held = *publish(session("s1")).placement;
  orphan({ref(held), OrphanRequest::Evidence::kUnknown, {}});
  EXPECT_TRUE(granted(held));
  advance(kOrphanKept);
  EXPECT_EQ(lookup()->epoch, held.epoch);
}

TEST_P(StateStorePlacements, ARepeatedClaimIsGrantedAgain) {
  const Placement held = *publish(session("s1")).placement;
  EXPECT_TRUE(granted(held));
  EXPECT_TRUE(granted(held));
  EXPECT_EQ(lookup()->epoch, held.epoch);
}

TEST_P(StateStorePlacements, AClaimIsRefusedWhileAHigherEpochIsPlaced) {
  const Placement held = *publish(session("s1")).placement;
  release(held);
  const AcquireResult next = publish(session("s2"));
  EXPECT_FALSE(granted(held));
  EXPECT_EQ(lookup()->epoch, next.placement->epoch);
}

TEST_P(StateStorePlacements, AClaimIsRefusedForADayAfterAHigherEpochHasGone) {
  const Placement held = *publish(session("s1")).placement;
  release(held);
  release(*publish(session("s2")).placement);
  advance(kOrphanKept);
  ASSERT_FALSE(lookup());
  advance(kLastEpochKept - std::chrono::seconds(1));
  EXPECT_FALSE(granted(held));
  EXPECT_FALSE(lookup());
  advance(std::chrono::seconds(1));
  EXPECT_TRUE(granted(held)) << "the last epoch is kept for 24 h after its placement";
}

TEST_P(StateStorePlacements, AFencedHolderDoesNotHoldOffTheClaimOfAHigherEpoch) {
  // A placement of a lower epoch was restored while the newer holder's forwarder was cut off.
  const Placement older = *publish(session("s1")).placement;
  release(older);
  const Placement newer = *publish(session("s2", "f2")).placement;
  lose_history();
  raise();
  restore(older);
  end_settling();
  EXPECT_TRUE(granted(newer));
  EXPECT_EQ(lookup()->holder, newer.holder);
}

TEST_P(StateStorePlacements, AMoveGivesANewEpochAndKeepsThePlaceForThePublisher) {
  const Placement before = *publish(session("s1")).placement;
  const Candidate to = before.origin == o1_.origin ? o2_ : o1_;
  const Changed moved = move(before.epoch, {to});
  ASSERT_TRUE(moved.changed);
  EXPECT_EQ(moved.placement->origin, to.origin);
  EXPECT_GT(moved.placement->epoch, before.epoch);
  EXPECT_TRUE(std::holds_alternative<model::ExternalHolder>(moved.placement->holder));
  // The one who was moved comes back, as another session.
  const AcquireResult back = acquire(session("s2"), {o1_, o2_});
  EXPECT_EQ(back.outcome, Outcome::kBound);
  EXPECT_EQ(back.placement->origin, to.origin);
}

TEST_P(StateStorePlacements, AMoveOfAnotherEpochOrToWhereItIsChangesNothing) {
  const Placement before = *publish(session("s1")).placement;
  const Candidate here = before.origin == o1_.origin ? o1_ : o2_;
  const Candidate to = before.origin == o1_.origin ? o2_ : o1_;
  EXPECT_FALSE(move(before.epoch, {here}).changed);
  EXPECT_FALSE(move(before.epoch, {}).changed);
  const Placement moved = *move(before.epoch, {to}).placement;
  EXPECT_FALSE(move(before.epoch, {here}).changed) << "the epoch is another one by now";
  EXPECT_EQ(lookup()->epoch, moved.epoch);
}

TEST_P(StateStorePlacements, AMovedStreamThatNobodyPublishesIsReleased) {
  const Placement before = *publish(session("s1")).placement;
  move(before.epoch, {before.origin == o1_.origin ? o2_ : o1_});
  advance(kExternalKept);
  EXPECT_EQ(lookup(), std::nullopt);
}

}  // namespace
}  // namespace weir::store
