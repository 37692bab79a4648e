// What cordons, drains and pins do to placements, and the finer rules of records (design 3, 4).

#include <chrono>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {

/// All that a new reader is given.
std::vector<Record> StateStoreOrders::records() {
  std::vector<Record> found;
  const auto subscription = store().subscribe(
      [&](Reply<Snapshot> reply) { found = std::get<Snapshot>(std::move(reply)).records; },
      [](const Change&) {});
  under_test_->deliver();
  store().unsubscribe(subscription);
  return found;
}

namespace {

using namespace std::chrono_literals;
using Kind = RecordKind;

TEST_P(StateStoreOrders, DeletingLeavesATombstoneForADay) {
  order(Kind::kToken, "t1", "secret");
  const RecordWritten revoked = order(Kind::kToken, "t1", std::nullopt);
  ASSERT_TRUE(revoked.changed);
  EXPECT_FALSE(revoked.record->value);
  EXPECT_EQ(records(), std::vector<Record>{*revoked.record});
  EXPECT_FALSE(order(Kind::kToken, "t1", std::nullopt).changed);
  advance(kTombstoneKept - 1s);
  EXPECT_EQ(records().size(), 1U);
  advance(2s);
  EXPECT_TRUE(records().empty());
}

TEST_P(StateStoreOrders, DeletingWhatIsNotThereChangesNothing) {
  const RecordWritten nothing = order(Kind::kPin, "live/a", std::nullopt);
  EXPECT_FALSE(nothing.changed);
  EXPECT_FALSE(nothing.full);
  EXPECT_FALSE(nothing.record);
  EXPECT_TRUE(records().empty());
}

TEST_P(StateStoreOrders, AnExpectedRevisionIsComparedInsideTheVerb) {
  const Revision none{};
  const RecordWritten first = order(Kind::kPolicy, "default", "a", none);
  ASSERT_TRUE(first.changed);
  const RecordWritten refused = order(Kind::kPolicy, "default", "b", none);
  EXPECT_FALSE(refused.changed);
  EXPECT_FALSE(refused.full);
  EXPECT_EQ(refused.record, first.record);
  const RecordWritten second = order(Kind::kPolicy, "default", "b", first.record->revision);
  ASSERT_TRUE(second.changed);
  EXPECT_FALSE(order(Kind::kPolicy, "default", "c", first.record->revision).changed);
  EXPECT_FALSE(order(Kind::kPolicy, "default", std::nullopt, first.record->revision).changed);
  EXPECT_TRUE(order(Kind::kPolicy, "default", std::nullopt, second.record->revision).changed);
  // A tombstone counts as none.
  EXPECT_TRUE(order(Kind::kPolicy, "default", "d", none).changed);
}

// --- after a loss

TEST_P(StateStoreOrders, WhatIsWrittenBackKeepsItsRevisionAndTheHighestWins) {
  const Record cordon = *order(Kind::kCordon, "o1", "disk").record;
  const Record lifted = *order(Kind::kCordon, "o1", std::nullopt).record;
  const Record pin = *order(Kind::kPin, "live/a", "o2").record;
  lose_history();
  raise(cordon.revision.generation);
  EXPECT_TRUE(records().empty());
  // One replica kept the cordon, another one its end; in whatever order they come.
  EXPECT_EQ(restore({cordon, pin}, false).changed, 2U);
  EXPECT_EQ(restore({lifted, pin}, false).changed, 1U);
  EXPECT_EQ(restore({cordon}, false).changed, 0U);
  const std::vector<Record> now = records();
  ASSERT_EQ(now.size(), 2U);
  for (const Record& record : now) EXPECT_EQ(record, record.kind == Kind::kPin ? pin : lifted);
  // Orders go on from there.
  const RecordWritten again = order(Kind::kPin, "live/a", "o1", pin.revision);
  ASSERT_TRUE(again.changed);
  EXPECT_GT(again.record->revision, pin.revision);
  EXPECT_EQ(restore({pin}, false).changed, 0U);
}

TEST_P(StateStoreOrders, WhatIsWrittenBackStandsInTheFeedInItsPlace) {
  const Record pin = *order(Kind::kPin, "live/a", "o2").record;
  lose_history();
  raise(pin.revision.generation);
  std::vector<Change> told;
  store().subscribe([](const Reply<Snapshot>&) {},
                    [&](const Change& change) {
                      if (std::holds_alternative<Change::RecordChanged>(change.what)) {
                        told.push_back(change);
                      }
                    });
  under_test_->deliver();
  restore({pin}, true);
  advance(100ms);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(std::get<Change::RecordChanged>(told.front().what).record, pin);
  EXPECT_EQ(told.front().revision.generation, generation().generation);
}

TEST_P(StateStoreOrders, ATombstoneThatWasWrittenBackGoesAfterItsDay) {
  order(Kind::kToken, "t1", "secret");
  const Record revoked = *order(Kind::kToken, "t1", std::nullopt).record;
  lose_history();
  raise(revoked.revision.generation);
  EXPECT_EQ(restore({revoked}, true).changed, 1U);
  advance(kTombstoneKept + 1s);
  EXPECT_TRUE(records().empty());
}

// --- what orders do to placements

TEST_P(StateStoreOrders, AnOriginThatDrainsTakesNothingNew) {
  order(Kind::kDrain, "o1", "");
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).placement->origin, o2_.origin);
  order(Kind::kDrain, "o2", "");
  release(*lookup());
  EXPECT_EQ(acquire(session("s2"), {o1_, o2_}).outcome, Outcome::kNoCandidate);
  order(Kind::kDrain, "o2", std::nullopt);
  const AcquireResult resumed = acquire(session("s2"), {o1_, o2_});
  EXPECT_EQ(resumed.placement->origin, o2_.origin);
  EXPECT_FALSE(resumed.new_origin);
}

TEST_P(StateStoreOrders, APinnedStreamIsBoundOnItsOriginOnly) {
  order(Kind::kPin, stream_.str(), "o2");
  EXPECT_EQ(acquire(session("s1"), {o1_}).outcome, Outcome::kNoCandidate);
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).placement->origin, o2_.origin);
  order(Kind::kPin, stream_.str(), std::nullopt);
  release(*lookup());
  advance(kOrphanKept);
  EXPECT_EQ(acquire(session("s2"), {o1_, o2_}).placement->origin, o1_.origin);
}

TEST_P(StateStoreOrders, APinDoesNotOpenACordonedOrDeadOrigin) {
  order(Kind::kPin, stream_.str(), "o2");
  cordon("o2");
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).outcome, Outcome::kNoCandidate);
  cordon("o2", false);
  declare_dead(o2_.incarnation);
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).outcome, Outcome::kNoCandidate);
}

TEST_P(StateStoreOrders, AnOrphanGoesToThePin) {
  release(*publish(session("s1")).placement);
  order(Kind::kPin, stream_.str(), "o2");
  // A caller that has not heard of the pin names the wrong origins only.
  EXPECT_EQ(acquire(session("s2"), {o1_}).outcome, Outcome::kNoCandidate);
  const AcquireResult moved = acquire(session("s2"), {o1_, o2_});
  ASSERT_EQ(moved.outcome, Outcome::kBound);
  EXPECT_EQ(moved.placement->origin, o2_.origin);
  EXPECT_TRUE(moved.new_origin);
}

TEST_P(StateStoreOrders, AnOrphanOnItsPinResumesThere) {
  order(Kind::kPin, stream_.str(), "o1");
  release(*publish(session("s1")).placement);
  const AcquireResult resumed = acquire(session("s2"), {o2_});
  EXPECT_EQ(resumed.placement->origin, o1_.origin);
  EXPECT_FALSE(resumed.new_origin);
}

TEST_P(StateStoreOrders, AnExternalHolderGivesWayOnThePin) {
  acquire(model::ExternalHolder{"scheduler"}, {o1_});
  order(Kind::kPin, stream_.str(), "o2");
  EXPECT_EQ(acquire(session("s1"), {o1_, o2_}).placement->origin, o2_.origin);
}

TEST_P(StateStoreOrders, WhereAStreamRunsItStaysWhateverIsOrdered) {
  const AcquireResult first = publish(session("s1"));
  order(Kind::kPin, stream_.str(), "o2");
  order(Kind::kDrain, "o1", "");
  EXPECT_EQ(acquire(session("s1"), {o2_}).outcome, Outcome::kSame);
  const AcquireResult held = acquire(session("s2"), {o2_});
  EXPECT_EQ(held.outcome, Outcome::kHeld);
  const AcquireResult taken = acquire(takeover(session("s2"), held, Takeover::Evidence::kUnknown));
  EXPECT_EQ(taken.placement->origin, first.placement->origin);
  EXPECT_FALSE(taken.new_origin);
}

TEST_P(StateStoreOrders, ATakeoverFromADeadOriginGoesToThePin) {
  publish(session("s1"));
  order(Kind::kPin, stream_.str(), "o2");
  declare_dead(o1_.incarnation);
  EXPECT_EQ(acquire(session("s2"), {o1_, o2_}).placement->origin, o2_.origin);
}

TEST_P(StateStoreOrders, WhatIsLiveOnAnOriginIsAdoptedWhateverIsOrdered) {
  order(Kind::kPin, stream_.str(), "o2");
  order(Kind::kDrain, "o1", "");
  EXPECT_TRUE(adopt(o1_).changed);
}

TEST_P(StateStoreOrders, AMoveObeysOrders) {
  const AcquireResult first = publish(session("s1"));
  const auto move = [&](std::vector<Candidate> candidates) {
    return value(ask<Changed>([&](auto done) {
      store().move({stream_, lookup()->epoch, candidates, "ops", ""}, caller_, std::move(done));
    }));
  };
  order(Kind::kPin, stream_.str(), "o1");
  EXPECT_FALSE(move({o2_}).changed);
  order(Kind::kPin, stream_.str(), "o2");
  order(Kind::kDrain, "o2", "");
  EXPECT_FALSE(move({o2_, o1_}).changed);
  order(Kind::kDrain, "o2", std::nullopt);
  const Changed moved = move({o1_, o2_});
  ASSERT_TRUE(moved.changed);
  EXPECT_EQ(moved.placement->origin, o2_.origin);
  EXPECT_GT(moved.placement->epoch, first.placement->epoch);
}

TEST_P(StateStoreOrders, OrdersStayThroughARestartOfTheOrigin) {
  cordon("o1");
  const OriginUpserted restarted = upsert("o1", "p2");
  const Candidate again{OriginId("o1"), restarted.record.incarnation};
  EXPECT_EQ(acquire(session("s1"), {again}).outcome, Outcome::kNoCandidate);
  cordon("o1", false);
  EXPECT_EQ(acquire(session("s1"), {again}).outcome, Outcome::kBound);
}

TEST_P(StateStoreOrders, OrdersMayComeBeforeTheirOrigin) {
  cordon("o9");
  const Candidate o9 = origin("o9");
  EXPECT_EQ(acquire(session("s1"), {o9}).outcome, Outcome::kNoCandidate);
}

}  // namespace
}  // namespace weir::store
