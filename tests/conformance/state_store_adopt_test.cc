// adopt: an untagged live stream gets the holder `direct`, where nobody else has it
// (docs/adr/0013).

#include <chrono>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using model::DirectHolder;
using model::Placement;
using model::PlacementState;

TEST_P(StateStoreAdopt, AnUnplacedStreamIsPublishingAtOnceWithANewEpoch) {
  const Changed adopted = adopt(o2_);
  ASSERT_TRUE(adopted.changed);
  EXPECT_EQ(adopted.placement->holder, model::Holder(DirectHolder{}));
  EXPECT_EQ(adopted.placement->origin, o2_.origin);
  EXPECT_EQ(adopted.placement->incarnation, o2_.incarnation);
  EXPECT_EQ(adopted.placement->state, PlacementState::kPublishing);
  EXPECT_TRUE(adopted.placement->media_accepted);
  EXPECT_TRUE(adopted.placement->epoch.is_set());
  EXPECT_NE(adopted.placement->bind_time, WallTime{});
  EXPECT_EQ(lookup()->epoch, adopted.placement->epoch);
}

TEST_P(StateStoreAdopt, ARepeatChangesNothing) {
  const Changed adopted = adopt(o1_);
  const Changed again = adopt(o1_);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.placement->revision, adopted.placement->revision);
  EXPECT_FALSE(adopt(o2_).changed) << "a second one on another origin is a split";
  EXPECT_EQ(lookup()->origin, o1_.origin);
}

TEST_P(StateStoreAdopt, WhatASessionHoldsStaysWithIt) {
  const Placement bound = *acquire(session("s1"), {o1_}).placement;
  EXPECT_FALSE(adopt(o1_).changed) << "reported before its confirm";
  EXPECT_FALSE(adopt(o2_).changed);
  confirm(bound);
  EXPECT_FALSE(adopt(o1_).changed);
  EXPECT_FALSE(adopt(o2_).changed);
  EXPECT_EQ(lookup()->epoch, bound.epoch);
}

TEST_P(StateStoreAdopt, AnExpiredRenewalLetsNothingGo) {
  const Placement held = *publish(session("s1", "f1")).placement;
  advance(kRenewalExpiry + kRenewalGrace);
  EXPECT_FALSE(adopt(o2_).changed);
  EXPECT_EQ(lookup()->epoch, held.epoch);
}

TEST_P(StateStoreAdopt, AnOrphanIsKeptForItsEncoderAndAdoptedAfterwards) {
  const Placement held = *publish(session("s1")).placement;
  release(held);
  EXPECT_FALSE(adopt(o1_).changed) << "it may be the leg that the session left behind";
  EXPECT_FALSE(adopt(o2_).changed);
  advance(kOrphanKept);
  const Changed adopted = adopt(o2_);
  EXPECT_TRUE(adopted.changed);
  EXPECT_GT(adopted.placement->epoch, held.epoch);
  EXPECT_FALSE(granted(held)) << "a higher epoch was handed out";
}

TEST_P(StateStoreAdopt, ADeadOwnerIsAsGoodAsNone) {
  const Placement held = *publish(session("s1")).placement;
  ASSERT_EQ(held.origin, o1_.origin);
  declare_dead(o1_.incarnation);
  const Changed adopted = adopt(o2_);
  EXPECT_TRUE(adopted.changed);
  EXPECT_GT(adopted.placement->epoch, held.epoch);
  EXPECT_EQ(lookup()->origin, o2_.origin);
}

TEST_P(StateStoreAdopt, AServerThatWasDeclaredDeadByMistakeCarriesOnWhatTheSessionPublishes) {
  const Placement held = *publish(session("s1")).placement;
  ASSERT_EQ(held.origin, o1_.origin);
  declare_dead(o1_.incarnation);
  const IncarnationId back = upsert("o1", "p1").record.incarnation;
  ASSERT_NE(back, o1_.incarnation);
  EXPECT_FALSE(adopt({o1_.origin, back}).changed) << "the publisher that it lists may be s1's";
  EXPECT_EQ(lookup()->epoch, held.epoch);
  EXPECT_TRUE(adopt(o2_).changed) << "this one cannot be";
}

TEST_P(StateStoreAdopt, ADirectPublisherIsAdoptedAnewUnderTheNextLifeOfItsOrigin) {
  const Placement direct = *adopt(o1_).placement;
  declare_dead(o1_.incarnation);
  const IncarnationId back = upsert("o1", "p1").record.incarnation;
  const Changed adopted = adopt({o1_.origin, back});
  EXPECT_TRUE(adopted.changed);
  EXPECT_GT(adopted.placement->epoch, direct.epoch);
}

TEST_P(StateStoreAdopt, AnExternalBindGivesWayOnItsOwnOriginOnly) {
  acquire(model::ExternalHolder{"scheduler"}, {o1_});
  EXPECT_FALSE(adopt(o2_).changed);
  EXPECT_TRUE(adopt(o1_).changed);
  advance(kExternalKept + kOrphanKept);
  ASSERT_TRUE(lookup()) << "the bind's expiry does not take it away";
  EXPECT_EQ(lookup()->holder, model::Holder(DirectHolder{}));
}

TEST_P(StateStoreAdopt, OnlyTheLivingCurrentIncarnationOfAnOriginCounts) {
  const IncarnationId restarted = upsert("o1", "p2").record.incarnation;
  EXPECT_FALSE(adopt(o1_).changed) << "a late report of the process before";
  EXPECT_FALSE(adopt({OriginId("o1"), o2_.incarnation}).changed);
  EXPECT_FALSE(adopt({OriginId("o9"), o1_.incarnation}).changed);
  declare_dead(restarted);
  EXPECT_FALSE(adopt({OriginId("o1"), restarted}).changed);
  EXPECT_FALSE(lookup());
}

TEST_P(StateStoreAdopt, ACordonedOriginKeepsWhatIsLiveThere) {
  cordon("o1");
  EXPECT_TRUE(adopt(o1_).changed);
}

TEST_P(StateStoreAdopt, NotWhileSettling) {
  lose_history();
  raise();
  const Candidate o1 = origin("o1");
  const auto refused = error(ask<Changed>([&](auto done) {
    store().adopt({stream_, o1.origin, o1.incarnation}, {}, std::move(done));
  }));
  EXPECT_EQ(refused, StoreError::kSettling);
  end_settling();
  EXPECT_TRUE(adopt(o1).changed);
}

TEST_P(StateStoreAdopt, ACallerThatSawMoreThanTheStoreLearnsThatHistoryWasLost) {
  Caller ahead = caller_;
  ahead.highest_seen = lookup() ? lookup()->revision : Revision{};
  ahead.highest_seen.generation = generation().generation + 1;
  const auto refused = error(ask<Changed>([&](auto done) {
    store().adopt({stream_, o1_.origin, o1_.incarnation}, ahead, std::move(done));
  }));
  EXPECT_EQ(refused, StoreError::kHistoryLost);
  EXPECT_FALSE(lookup());
}

TEST_P(StateStoreAdopt, APublisherMeetsItAsASecondOneWhateverTheEvidence) {
  adopt(o1_);
  const AcquireResult held = acquire(session("s1"), {o2_, o1_});
  ASSERT_EQ(held.outcome, Outcome::kHeld);
  EXPECT_EQ(held.placement->holder, model::Holder(DirectHolder{}));
  for (const auto evidence : {Takeover::Evidence::kPolicy, Takeover::Evidence::kIdle,
                              Takeover::Evidence::kUnknown, Takeover::Evidence::kRenewalGone}) {
    EXPECT_EQ(acquire(takeover(session("s1"), held, evidence)).outcome, Outcome::kHeld);
  }
}

TEST_P(StateStoreAdopt, ReleasedItIsFreeAtOnceAndALateReleaseHitsNobodyElse) {
  const Placement first = *adopt(o1_).placement;
  EXPECT_TRUE(release(first).changed);
  EXPECT_FALSE(lookup());
  const Placement second = *adopt(o2_).placement;
  EXPECT_GT(second.epoch, first.epoch);
  EXPECT_FALSE(release(first).changed) << "of the epoch before";
  EXPECT_EQ(lookup()->epoch, second.epoch);
}

TEST_P(StateStoreAdopt, APublisherMayHaveItWhenTheDirectOnesOriginIsDead) {
  const Placement direct = *adopt(o1_).placement;
  declare_dead(o1_.incarnation);
  const AcquireResult bound = acquire(session("s1"), {o2_});
  ASSERT_EQ(bound.outcome, Outcome::kBound);
  EXPECT_GT(bound.placement->epoch, direct.epoch);
}

}  // namespace
}  // namespace weir::store
