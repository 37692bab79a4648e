// DirectStreams over a view that is fed by hand: origins whose record comes late, goes or returns.

#include <gtest/gtest.h>

#include "controlplane/core/direct_streams.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

class DirectStreamsOfAView : public ::testing::TestWithParam<Adopt> {
 protected:
  void SetUp() override {
    context.options.adopt = GetParam();
    generation.start();
    clock_on(10s);
    store.upsert_origin({description(), "p1", {}}, {}, [this](auto reply) {
      record = std::get<store::OriginUpserted>(reply).record;
    });
    clock_on(1s);
    ASSERT_TRUE(record);
    ASSERT_FALSE(generation.settling());
  }
  static model::OriginDescription description() {
    auto seen = CoreHarness::seen("o1", "192.0.2.1:1936", "p1");
    seen.description.kind = model::OriginKind::kSrs;
    return seen.description;
  }
  void clock_on(Duration by) {
    executor.advance(by);
    executor.run_ready();
  }
  void remove_record() {
    view.apply({view.revision(), store::Change::OriginChanged{OriginId("o1"), std::nullopt}});
  }
  void list() {
    ReportedStream stream;
    stream.stream = key("live/d");
    reported.take(OriginId("o1"), {stream}, {}, true, clock.now());
    direct.report_taken(OriginId("o1"), 0);
    executor.run_ready();
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  SeededRandom random{7};
  metrics::Registry metrics;
  store::MemoryStateStore store{executor, clock};
  FakeStateKeeper keeper;
  FakeProber prober{executor};
  Context context{executor, clock,   random,
                  store,    metrics, log::Logger("core"),
                  keeper,   prober,  CoreHarness::default_options()};
  ClusterView view;
  EventRing events{executor, clock, metrics, log::Logger("events")};
  Generation generation{context, view, events, 0};
  ReportedStreams reported;
  DirectStreams direct{context, view, generation, events, reported};
  std::optional<store::OriginRecord> record;
};
INSTANTIATE_TEST_SUITE_P(Core, DirectStreamsOfAView, ::testing::Values(Adopt::kSrs, Adopt::kAll));

TEST_P(DirectStreamsOfAView, WhatAnOriginListsThatWasRemovedIsLeftAlone) {
  remove_record();
  list();
  list();
  EXPECT_FALSE(view.placed(key("live/d")));
}

TEST_P(DirectStreamsOfAView, WhatWasListedBeforeItsRecordCameBackIsAdopted) {
  remove_record();
  list();
  ASSERT_FALSE(view.placed(key("live/d")));
  view.learn(*record);
  direct.report_taken(OriginId("o1"), 0);  // nothing new in it
  executor.run_ready();
  EXPECT_TRUE(view.placed(key("live/d")));
}

}  // namespace
}  // namespace weir::core::testing
