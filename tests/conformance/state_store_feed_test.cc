// The feed: everything now, then each change in order (design 3, 4).

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/state_store_conformance.h"

namespace weir::store {
namespace {

using model::Placement;

struct Reader {
  std::optional<Snapshot> snapshot;
  std::vector<Change> changes;
  std::uint64_t id = 0;

  void subscribe(StateStore& store) {
    id = store.subscribe(
        [this](Reply<Snapshot> reply) { snapshot = std::get<Snapshot>(std::move(reply)); },
        [this](const Change& change) {
          EXPECT_TRUE(snapshot) << "a change came before the snapshot";
          changes.push_back(change);
        });
  }
  /// What a reader that applies all changes believes.
  std::map<StreamKey, Placement> view() const {
    std::map<StreamKey, Placement> placements;
    for (const Placement& placement : snapshot->placements) {
      placements[placement.stream] = placement;
    }
    for (const Change& change : changes) {
      const auto* changed = std::get_if<Change::PlacementChanged>(&change.what);
      if (changed == nullptr) continue;
      if (changed->placement) {
        placements[changed->stream] = *changed->placement;
      } else {
        placements.erase(changed->stream);
      }
    }
    return placements;
  }
};

TEST_P(StateStoreFeed, BeginsWithEverythingThatIs) {
  begin();
  const Candidate o1 = origin("o1");
  const Placement placement = *acquire(session("s1"), {o1}).placement;
  Reader reader;
  reader.subscribe(store());
  under_test_->deliver();
  ASSERT_TRUE(reader.snapshot);
  EXPECT_FALSE(reader.snapshot->settling);
  ASSERT_EQ(reader.snapshot->placements.size(), 1U);
  EXPECT_EQ(reader.snapshot->placements[0].epoch, placement.epoch);
  ASSERT_EQ(reader.snapshot->origins.size(), 1U);
  EXPECT_EQ(reader.snapshot->origins[0].incarnation, o1.incarnation);
  EXPECT_EQ(reader.snapshot->revision, placement.revision);
  EXPECT_TRUE(reader.changes.empty());
}

TEST_P(StateStoreFeed, AChangeRightAfterSubscribingIsNotMissed) {
  begin();
  const Candidate o1 = origin("o1");
  Reader reader;
  reader.subscribe(store());
  store().acquire(request(session("s1"), {o1}), caller_, [](Reply<AcquireResult>) {});
  under_test_->deliver();
  EXPECT_EQ(reader.view().size(), 1U) << "in the snapshot, or as a change after it";
}

TEST_P(StateStoreFeed, TellsEachChangeOnceInTheOrderOfRevisions) {
  Reader reader;
  reader.subscribe(store());
  raise();
  const Candidate o1 = origin("o1");
  end_settling();
  const Placement bound = *acquire(session("s1"), {o1}).placement;
  confirm(bound);
  confirm(bound);
  acquire(session("s2"), {o1});
  for (int i = 0; i < 2; ++i) {
    value(ask<RecordWritten>([&](auto done) {
      store().put_record({RecordKind::kCordon, "o1", "disk", {}}, caller_, std::move(done));
    }));
  }
  release(bound);
  advance(kOrphanKept);
  declare_dead(o1.incarnation);
  declare_dead(o1.incarnation);

  std::string kinds;
  Revision last = reader.snapshot->revision;
  for (const Change& change : reader.changes) {
    if (change.revision == Revision{}) continue;  // that history is missing is in no history
    EXPECT_GT(change.revision, last);
    last = change.revision;
    kinds += "POGSR"[change.what.index()];
  }
  EXPECT_EQ(kinds, "GOSPPRPPO");
  EXPECT_TRUE(reader.view().empty());
  const auto& dead = std::get<Change::OriginChanged>(reader.changes.back().what);
  EXPECT_TRUE(dead.record->dead);
}

TEST_P(StateStoreFeed, AReaderThatAppliesAllChangesKnowsWhatTheStoreKnows) {
  begin();
  Reader early;
  early.subscribe(store());
  const Candidate o1 = origin("o1");
  const Candidate o2 = origin("o2");
  for (int i = 0; i < 200; ++i) {
    AcquireRequest asked = request(session("s" + std::to_string(i)), {i % 2 == 0 ? o1 : o2});
    asked.stream = make_stream_key(kDefaultVhost, "live", std::to_string(i % 17)).value();
    const AcquireResult result = acquire(asked);
    if (i % 3 == 0) confirm(*result.placement);
    if (i % 4 == 0) release(*result.placement);
    if (i % 50 == 0) advance(kOrphanKept);
  }
  Reader late;
  late.subscribe(store());
  under_test_->deliver();
  ASSERT_EQ(early.view().size(), late.view().size());
  for (const auto& [stream, placement] : late.view()) {
    EXPECT_EQ(early.view().at(stream).revision, placement.revision) << stream.str();
  }
}

TEST_P(StateStoreFeed, EndsWithUnsubscribeAlsoForWhatIsOnItsWay) {
  begin();
  Reader reader;
  reader.subscribe(store());
  under_test_->deliver();
  store().upsert_origin({.description = {.id = OriginId("o1")}, .process = "p"}, caller_,
                        [](Reply<OriginUpserted>) {});
  store().unsubscribe(reader.id);
  under_test_->deliver();
  EXPECT_TRUE(reader.changes.empty());
}

TEST_P(StateStoreFeed, ForgetsAnOriginThatHasBeenDeadAndUnusedForADay) {
  begin();
  const Candidate o1 = origin("o1");
  const Candidate o2 = origin("o2");
  acquire(session("s1"), {o2});
  Reader reader;
  reader.subscribe(store());
  declare_dead(o1.incarnation);
  declare_dead(o2.incarnation);
  advance(kDeadOriginKept);
  std::vector<OriginId> forgotten;
  for (const Change& change : reader.changes) {
    const auto* origin = std::get_if<Change::OriginChanged>(&change.what);
    if (origin != nullptr && !origin->record) forgotten.push_back(origin->origin);
  }
  EXPECT_EQ(forgotten, std::vector<OriginId>{OriginId("o1")}) << "o2 is named by a placement";
}

TEST_P(StateStoreFeed, AResumeTokenYieldsWhatCameAfterItOnceAndInOrder) {
  begin();
  const Candidate o1 = origin("o1");
  const auto read = [&](const std::string& token, std::size_t limit = 100) {
    return value(
        ask<ChangePage>([&](auto done) { store().read_changes(token, limit, std::move(done)); }));
  };
  const ChangePage start = read("");
  EXPECT_TRUE(start.changes.empty());
  EXPECT_FALSE(start.reset);
  const Placement bound = *acquire(session("s1"), {o1}).placement;
  confirm(bound);
  release(bound);
  const ChangePage first = read(start.token, 2);
  ASSERT_EQ(first.changes.size(), 2U);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.changes[0].revision, bound.revision);
  EXPECT_LT(first.changes[0].revision, first.changes[1].revision);
  const ChangePage rest = read(first.token);
  ASSERT_EQ(rest.changes.size(), 1U);
  EXPECT_FALSE(rest.more);
  EXPECT_LT(first.changes[1].revision, rest.changes[0].revision);
  EXPECT_TRUE(read(rest.token).changes.empty());
}

TEST_P(StateStoreFeed, AResumeTokenOfALostHistoryOrOfNobodyAsksForAReset) {
  begin();
  const auto read = [&](const std::string& token) {
    return value(
        ask<ChangePage>([&](auto done) { store().read_changes(token, 100, std::move(done)); }));
  };
  origin("o1");
  const std::string old = read("").token;
  EXPECT_TRUE(read("nonsense").reset);
  EXPECT_TRUE(read("99999999999999999999999.1").reset);
  lose_history();
  begin();
  const ChangePage page = read(old);
  EXPECT_TRUE(page.reset);
  EXPECT_TRUE(page.changes.empty());
  EXPECT_FALSE(read(page.token).reset);
}

}  // namespace
}  // namespace weir::store
