// Records: what operators ordered, with revisions and tombstones, through losses (design 3, 4).

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using namespace std::chrono_literals;

RecordWrite policy(std::optional<std::string> value, std::optional<Revision> expected = {}) {
  return {RecordKind::kPolicy, "default", std::move(value), expected};
}

TEST_P(StateStoreRecords, EachWriteHasAHigherRevision) {
  const RecordWritten first = put(policy("one"));
  ASSERT_TRUE(first.changed);
  EXPECT_EQ(first.record->value, "one");
  const RecordWritten second = put(policy("two"));
  ASSERT_TRUE(second.changed);
  EXPECT_GT(second.record->revision, first.record->revision);
}

TEST_P(StateStoreRecords, WritingTheSameValueChangesNothing) {
  const RecordWritten first = put(policy("one"));
  const RecordWritten again = put(policy("one"));
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.record->revision, first.record->revision);
}

TEST_P(StateStoreRecords, AWriteAgainstAnotherRevisionThanExpectedChangesNothing) {
  const RecordWritten first = put(policy("one", Revision{}));
  ASSERT_TRUE(first.changed);
  EXPECT_FALSE(put(policy("two", Revision{})).changed) << "there is one by now";
  const RecordWritten second = put(policy("two", first.record->revision));
  ASSERT_TRUE(second.changed);
  const RecordWritten stale = put(policy("three", first.record->revision));
  EXPECT_FALSE(stale.changed);
  EXPECT_EQ(stale.record->value, "two");
}

TEST_P(StateStoreRecords, DeletingLeavesATombstoneForADay) {
  EXPECT_FALSE(put(policy(std::nullopt)).changed) << "there is nothing to delete";
  const RecordWritten written = put(policy("one"));
  const RecordWritten deleted = put(policy(std::nullopt));
  ASSERT_TRUE(deleted.changed);
  EXPECT_EQ(deleted.record->value, std::nullopt);
  EXPECT_GT(deleted.record->revision, written.record->revision);
  EXPECT_EQ(restore_records({*written.record}), 0U) << "the older value does not come back";
}

TEST_P(StateStoreRecords, NamesAndValuesAreBytes) {
  const std::string odd("a\0b\n\xff:{}", 8);
  const RecordWritten written = put({RecordKind::kToken, odd, odd + odd, {}});
  ASSERT_TRUE(written.changed);
  EXPECT_EQ(written.record->name, odd);
  EXPECT_EQ(written.record->value, odd + odd);
  EXPECT_TRUE(put({RecordKind::kSigningKey, odd, "other kind", {}}).changed);
  EXPECT_EQ(put({RecordKind::kToken, odd, odd + odd, {}}).record->revision,
            written.record->revision);
}

TEST_P(StateStoreRecords, ARecordBeyondTheBoundIsRefused) {
  const RecordWritten written = put(policy(std::string(kRecordBytesMax + 1, 'x')));
  EXPECT_FALSE(written.changed);
  EXPECT_TRUE(written.full);
}

TEST_P(StateStoreRecords, AfterALossTheHighestRevisionWinsWhoeverRestoresLast) {
  const Record old = *put(policy("one")).record;
  const Record cordon = *put({RecordKind::kCordon, "o1", "disk", {}}).record;
  const Record lifted = *put({RecordKind::kCordon, "o1", std::nullopt, {}}).record;
  const Record fresh = *put(policy("two")).record;
  lose_history();
  raise(fresh.revision.generation);
  EXPECT_FALSE(generation().records_known);
  EXPECT_EQ(restore_records({fresh, lifted}), 2U);
  EXPECT_EQ(restore_records({old, cordon}, true), 0U);
  EXPECT_TRUE(generation().records_known);
  EXPECT_EQ(put(policy("two")).record->revision, fresh.revision) << "kept with its revision";
  EXPECT_FALSE(put({RecordKind::kCordon, "o1", std::nullopt, {}}).changed);
  EXPECT_GT(put(policy("three")).record->revision, fresh.revision);
}

TEST_P(StateStoreRecords, ARecordThatTheStoreHasNotHandedOutShowsThatItLostItsHistory) {
  Record kept = *put(policy("one")).record;
  kept.revision.number += 1'000'000;
  const auto restore_it = [&] {
    return error(ask<RecordsRestored>(
        [&](auto done) { store().restore_records({kept}, true, caller_, std::move(done)); }));
  };
  EXPECT_EQ(restore_it(), StoreError::kHistoryLost);
  kept.revision.generation += 1'000'000'000;
  EXPECT_EQ(restore_it(), StoreError::kHistoryLost);
  raise(kept.revision.generation);
  EXPECT_EQ(restore_it(), std::nullopt);
  EXPECT_EQ(put(policy("one")).record->revision, kept.revision);
}

TEST_P(StateStoreRecords, ARecordOfARevisionThatCannotBeIsPassedOver) {
  Record kept = *put(policy("one")).record;
  for (const std::uint64_t nonsense : {kGenerationHeardMax, kGenerationMax - 1}) {
    kept.revision.generation = nonsense;
    EXPECT_EQ(restore_records({kept}), 0U);
  }
  EXPECT_TRUE(put(policy("two")).changed);
}

TEST_P(StateStoreRecords, ADeletedRecordIsWrittenAgainAsOneThatNeverWas) {
  put(policy("one"));
  const Record deleted = *put(policy(std::nullopt)).record;
  EXPECT_FALSE(put(policy("two", deleted.revision)).changed) << "a tombstone is no record";
  EXPECT_TRUE(put(policy("two", Revision{})).changed);
}

TEST_P(StateStoreRecords, InANewClusterNoRecordsAreMissing) {
  EXPECT_TRUE(generation().records_known);
}

TEST_P(StateStoreRecords, TheSnapshotAndTheFeedTellRecordsAndTombstones) {
  const Record kept = *put(policy("one")).record;
  put({RecordKind::kPin, "live/a", "o1", {}});
  put({RecordKind::kPin, "live/a", std::nullopt, {}});
  std::optional<Snapshot> snapshot;
  std::vector<Record> told;
  store().subscribe([&](Reply<Snapshot> reply) { snapshot = std::get<Snapshot>(std::move(reply)); },
                    [&](const Change& change) {
                      if (const auto* record = std::get_if<Change::RecordChanged>(&change.what)) {
                        told.push_back(record->record);
                      }
                    });
  under_test_->deliver();
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->records.size(), 2U);
  const auto is_policy = snapshot->records[0].kind == RecordKind::kPolicy ? 0U : 1U;
  EXPECT_EQ(snapshot->records[is_policy], kept);
  EXPECT_EQ(snapshot->records[1 - is_policy].value, std::nullopt);
  const Record weight = *put({RecordKind::kWeight, "o1", "0.5", {}}).record;
  advance(100ms);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], weight);
}

}  // namespace
}  // namespace weir::store
