// Generations, loss of history, settling, restore (design 3, 4).

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using model::Placement;
using model::PlacementState;
using namespace std::chrono_literals;

TEST_P(StateStoreHistory, AFreshStoreHasNoHistoryAndEveryVerbSaysSo) {
  EXPECT_EQ(generation().generation, 0U);
  const auto lost = StoreError::kHistoryLost;
  Placement held;
  held.stream = stream_;
  held.holder = session("s1");
  held.epoch = {1, 1};
  const auto changed = [&](auto verb) { return error(ask<Changed>(verb)); };
  EXPECT_EQ(acquire_error(request(session("s1"), {})), lost);
  EXPECT_EQ(changed([&](auto d) { store().confirm(ref(held), {}, std::move(d)); }), lost);
  EXPECT_EQ(changed([&](auto d) { store().release(ref(held), {}, std::move(d)); }), lost);
  EXPECT_EQ(changed([&](auto d) { store().orphan({ref(held), {}, {}}, {}, std::move(d)); }), lost);
  EXPECT_EQ(changed([&](auto d) { store().repoint(ref(held), {}, {}, std::move(d)); }), lost);
  EXPECT_EQ(changed([&](auto d) { store().restore({held}, {}, std::move(d)); }), lost);
  EXPECT_EQ(error(claim(held)), lost);
  EXPECT_EQ(error(ask<std::optional<Placement>>(
                [&](auto d) { store().lookup(stream_, {}, std::move(d)); })),
            lost);
  EXPECT_EQ(
      error(ask<OriginUpserted>([&](auto d) { store().upsert_origin({}, {}, std::move(d)); })),
      lost);
  EXPECT_EQ(error(ask<bool>([&](auto d) { store().declare_dead({}, {}, std::move(d)); })), lost);
  EXPECT_EQ(error(ask<bool>(
                [&](auto d) { store().renew_forwarder(ForwarderId("f"), {}, std::move(d)); })),
            lost);
}

TEST_P(StateStoreHistory, AGenerationIsAboveTheClockAndAboveWhatTheCallerKnows) {
  raise();
  EXPECT_EQ(generation().generation, under_test_->wall_us() + 1);
  lose_history();
  raise(under_test_->wall_us() + 5'000'000);
  EXPECT_EQ(generation().generation, under_test_->wall_us() + 5'000'001);
}

TEST_P(StateStoreHistory, AGenerationIsNeverUsedTwiceAlsoWhenTheCallerKnowsLess) {
  raise(under_test_->wall_us() + 5'000'000);
  const std::uint64_t first = generation().generation;
  // The epoch is one that this history has not handed out; its generation is no higher.
  caller_.highest_epoch = {first, 1};
  raise();
  EXPECT_GT(generation().generation, first);
}

TEST_P(StateStoreHistory, WhereNothingIsLostNobodyRaisesTheGeneration) {
  raise();
  const std::uint64_t first = generation().generation;
  caller_.highest_seen = {first, 1};
  EXPECT_FALSE(generation().lost);
  raise();
  raise(first);
  EXPECT_EQ(generation().generation, first);
  caller_.highest_seen = {first, 1'000'000};
  EXPECT_TRUE(generation().lost);
  raise();
  EXPECT_GT(generation().generation, first);
  EXPECT_FALSE(generation().lost);
}

TEST_P(StateStoreHistory, OfTwoWhoRaiseFromTheSameGenerationOneDoes) {
  const auto raise_from = [&](std::uint64_t seen, std::uint64_t at_least) {
    return value(ask<GenerationState>(
        [&](auto done) { store().raise_generation(seen, at_least, {}, std::move(done)); }));
  };
  const GenerationState first = raise_from(0, 0);
  const GenerationState second = raise_from(0, first.generation + 10);
  EXPECT_EQ(second.generation, first.generation);
  EXPECT_TRUE(second.settling);
  EXPECT_FALSE(first.lost);
  EXPECT_TRUE(second.lost) << "he knows more than what the other one raised it to";
  EXPECT_GT(raise_from(first.generation, first.generation + 10).generation, first.generation + 10);
}

TEST_P(StateStoreHistory, NonsenseFromOutsideDoesNotBringTheGenerationToItsEnd) {
  raise(~std::uint64_t{0});
  EXPECT_LT(generation().generation, kGenerationMax);
  EXPECT_FALSE(generation().lost);
}

TEST_P(StateStoreHistory, AGenerationNearTheEndOfTheNumbersIsNonsense) {
  raise();
  const std::uint64_t before = generation().generation;
  for (const std::uint64_t nonsense : {kGenerationMax - 1, kGenerationHeardMax}) {
    raise(nonsense);
    caller_.highest_epoch = {nonsense, 1};
    EXPECT_FALSE(generation().lost);
    raise();
    EXPECT_EQ(generation().generation, before);
  }
  caller_ = {};
  raise(kGenerationHeardMax - 1);
  EXPECT_EQ(generation().generation, kGenerationHeardMax);
  // There is room above: the next loss is raised as well.
  caller_.highest_seen = {kGenerationHeardMax, 1'000'000};
  raise();
  EXPECT_EQ(generation().generation, kGenerationHeardMax + 1);
}

TEST_P(StateStoreHistory, ACallerWhoHasSeenMoreLearnsThatHistoryIsLost) {
  raise();
  const std::uint64_t now = generation().generation;
  caller_.highest_seen = {now, 1'000'000};
  EXPECT_EQ(acquire_error(request(session("s1"), {})), StoreError::kHistoryLost);
  caller_.highest_seen = {now + 1, 0};
  EXPECT_EQ(acquire_error(request(session("s1"), {})), StoreError::kHistoryLost);
  caller_.highest_seen = {now - 1, 1'000'000};
  EXPECT_EQ(acquire_error(request(session("s1"), {})), StoreError::kSettling);
}

TEST_P(StateStoreHistory, AnEpochThatWasNeverHandedOutShowsThatHistoryIsLost) {
  begin();
  const Candidate o1 = origin("o1");
  Placement held = *acquire(session("s1"), {o1}).placement;
  held.epoch.counter += 1;
  EXPECT_EQ(error(claim(held)), StoreError::kHistoryLost);
  held.epoch.generation += 1;
  EXPECT_EQ(
      error(ask<Changed>([&](auto done) { store().confirm(ref(held), {}, std::move(done)); })),
      StoreError::kHistoryLost);
}

TEST_P(StateStoreHistory, SettlingLastsThreeSeconds) {
  raise();
  EXPECT_TRUE(generation().settling);
  advance(kSettlingFirst - 1ms);
  EXPECT_TRUE(generation().settling);
  advance(1ms);
  EXPECT_FALSE(generation().settling);
}

TEST_P(StateStoreHistory, SettlingIsExtendedSecondBySecondButNotBeyondTen) {
  raise();
  const auto extend = [&] {
    return value(ask<GenerationState>([&](auto d) { store().extend_settling(std::move(d)); }));
  };
  extend();
  advance(kSettlingFirst - 100ms);
  EXPECT_TRUE(extend().settling);
  advance(kSettlingExtension - 1ms);
  EXPECT_TRUE(generation().settling);
  Duration elapsed = kSettlingFirst - 100ms + kSettlingExtension - 1ms;
  while (elapsed + 500ms < kSettlingMax) {
    EXPECT_TRUE(extend().settling);
    advance(500ms);
    elapsed += 500ms;
  }
  extend();
  advance(500ms);
  EXPECT_FALSE(extend().settling);
}

TEST_P(StateStoreHistory, SettlingIsNotUsedUpWhileTheStoreStandsStill) {
  raise();
  under_test_->stall(20s);
  EXPECT_TRUE(generation().settling);
  advance(kSettlingFirst);
  EXPECT_FALSE(generation().settling);
}

TEST_P(StateStoreHistory, WhileSettlingNobodyElseGetsAStreamKnownOrNot) {
  raise();
  const Candidate o1 = origin("o1");
  EXPECT_EQ(acquire_error(request(session("s1"), {o1})), StoreError::kSettling);
  Placement held;
  held.stream = stream_;
  held.origin = o1.origin;
  held.incarnation = o1.incarnation;
  held.holder = session("s1");
  held.epoch = {1, 7};
  EXPECT_TRUE(restore(held).changed);
  EXPECT_EQ(acquire_error(request(session("s2"), {o1})), StoreError::kSettling);
  EXPECT_EQ(acquire(session("s1"), {o1}).outcome, Outcome::kSame) << "what is his is his";
  end_settling();
  EXPECT_EQ(acquire(session("s2"), {o1}).outcome, Outcome::kHeld);
}

TEST_P(StateStoreHistory, WhileSettlingAnUnknownStreamIsNotSaidToBeUnplaced) {
  raise();
  EXPECT_EQ(error(ask<std::optional<Placement>>(
                [&](auto done) { store().lookup(stream_, caller_, std::move(done)); })),
            StoreError::kSettling);
}

TEST_P(StateStoreHistory, RestorePutsBackWhatIsHeldWithItsEpoch) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement held = confirm(*acquire(session("s1"), {o1}).placement).placement.value();
  lose_history();
  raise();
  EXPECT_TRUE(restore(held).changed);
  EXPECT_FALSE(restore(held).changed) << "the agent reports what the forwarder restored";
  end_settling();
  const Placement restored = *lookup();
  EXPECT_EQ(restored.epoch, held.epoch);
  EXPECT_EQ(restored.holder, held.holder);
  EXPECT_EQ(restored.incarnation, held.incarnation);
  EXPECT_EQ(restored.state, PlacementState::kPublishing);
  EXPECT_TRUE(restored.media_accepted);
}

TEST_P(StateStoreHistory, RestoreWorksOnlyOverNothingOrALowerEpoch) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement first = *acquire(session("s1"), {o1}).placement;
  release(first);
  const Placement second = *acquire(session("s2"), {o1}).placement;
  lose_history();
  raise();
  EXPECT_TRUE(restore(first).changed);
  EXPECT_TRUE(restore(second).changed);
  EXPECT_FALSE(restore(first).changed);
  EXPECT_EQ(lookup()->holder, session("s2"));
}

TEST_P(StateStoreHistory, RestoreDoesNotBringBackAnOwnerWhoseSuccessorHasGone) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement first = *acquire(session("s1"), {o1}).placement;
  release(first);
  const Placement second = *acquire(session("s2"), {o1}).placement;
  release(second);
  advance(kOrphanKept);
  raise(generation().generation + 1);
  EXPECT_FALSE(restore(first).changed);
  EXPECT_TRUE(restore(second).changed);
}

TEST_P(StateStoreHistory, TheMediaThatOneReporterSawIsAddedToWhatAnotherRestored) {
  begin();
  const Candidate o1 = origin("o1");
  Placement held = *acquire(session("s1"), {o1}).placement;
  lose_history();
  raise();
  restore(held);
  held.state = PlacementState::kPublishing;
  EXPECT_TRUE(restore(held).changed);
  EXPECT_TRUE(lookup()->media_accepted);
}

TEST_P(StateStoreHistory, ARestoredOrphanExpires) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement orphan = release(*acquire(session("s1"), {o1}).placement).placement.value();
  lose_history();
  raise();
  restore(orphan);
  advance(kOrphanKept);
  EXPECT_FALSE(lookup());
}

TEST_P(StateStoreHistory, EpochsAfterALossAreAboveAllBefore) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement ended = *acquire(session("s1"), {o1}).placement;
  release(ended);
  lose_history();
  begin();
  EXPECT_GT(acquire(session("s2"), {origin("o1")}).placement->epoch, ended.epoch);
}

TEST_P(StateStoreHistory, WhileSettlingAClaimIsAskedToWait) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement held = *acquire(session("s1"), {o1}).placement;
  raise(generation().generation + 1);
  EXPECT_EQ(error(claim(held)), StoreError::kSettling);
}

TEST_P(StateStoreHistory, AnAbsentRenewalMeansNothingUntilThreeSecondsAfterSettling) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement held = *acquire(session("s1", "f1"), {o1}).placement;
  lose_history();
  raise();
  const Candidate again = origin("o1");
  restore(held);
  end_settling();
  AcquireRequest asked = request(session("s2", "f2"), {again});
  asked.takeover = Takeover{held.epoch, Takeover::Evidence::kRenewalGone, {}};
  EXPECT_EQ(acquire(asked).outcome, Outcome::kStaleEvidence);
  advance(kRenewalGrace - 1ms);
  EXPECT_EQ(acquire(asked).outcome, Outcome::kStaleEvidence);
  advance(1ms);
  EXPECT_EQ(acquire(asked).outcome, Outcome::kBound);
}

}  // namespace
}  // namespace weir::store
