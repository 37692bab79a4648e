// The ring of events: order, resume, loss, waiting readers.

#include "controlplane/core/events.h"

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

class Events : public ::testing::Test {
 protected:
  void add(const std::string& message) {
    ring.add("TEST_EVENT", Severity::kInfo, "cluster", message);
  }
  EventBatch read(const EventCursor& cursor) {
    EventBatch out;
    ring.read(cursor, [&](EventBatch batch) { out = std::move(batch); });
    return out;
  }
  EventCursor open(const std::string& token = "") {
    return std::get<EventCursor>(ring.open(token, std::nullopt));
  }

  weir::testing::ManualClock clock;
  weir::testing::ManualExecutor executor{clock};
  metrics::Registry metrics;
  EventRing ring{executor, clock, metrics, log::Logger("events")};
};

TEST_F(Events, AreReadOldestFirstAndThenCurrentIsTold) {
  ring.set_generation(5);
  add("one");
  add("two");
  const auto batch = read(open());
  ASSERT_EQ(batch.events.size(), 2U);
  EXPECT_EQ(batch.events[0].message, "one");
  EXPECT_EQ(batch.events[1].revision, (Revision{5, 2}));
  EXPECT_TRUE(batch.current);
}

TEST_F(Events, ResumeAfterATokenGivesOnlyWhatCameLater) {
  ring.set_generation(5);
  add("one");
  add("two");
  const auto first = read(open());
  add("three");
  const auto rest = read(open(first.tokens[1]));
  ASSERT_EQ(rest.events.size(), 1U);
  EXPECT_EQ(rest.events[0].message, "three");
  EXPECT_EQ(read(open(first.tokens[0])).events.size(), 2U);
}

TEST_F(Events, OneWatcherTooManyIsRefusedUntilAnotherGoes) {
  std::vector<EventCursor> watchers;
  for (std::size_t i = 0; i < kEventWatchersMax; ++i) watchers.push_back(open());
  const auto refused = ring.open("", std::nullopt);
  ASSERT_TRUE(std::holds_alternative<CoreError>(refused));
  EXPECT_EQ(std::get<CoreError>(refused).reason, Reason::kLimitReached);
  watchers.pop_back();
  EXPECT_TRUE(std::holds_alternative<EventCursor>(ring.open("", std::nullopt)));
}

TEST_F(Events, ResumeWorksAcrossGenerationsOfOneProcess) {
  ring.set_generation(5);
  add("one");
  const auto token = read(open()).token;
  ring.set_generation(6);
  add("two");
  const auto rest = read(open(token));
  ASSERT_EQ(rest.events.size(), 1U);
  EXPECT_EQ(rest.events[0].revision, (Revision{6, 1}));
}

TEST_F(Events, TokensThatAreUnknownOrTooOldAreExpired) {
  ring.set_generation(5);
  add("first");
  const auto old = read(open()).token;
  for (std::size_t i = 0; i < kEventsKept + 1; ++i) add("more");
  EXPECT_EQ(ring.size(), kEventsKept);
  for (const std::string& token :
       {old, std::string("4.1"), std::string("junk"), std::string("5.99999999")}) {
    const auto answer = ring.open(token, std::nullopt);
    ASSERT_TRUE(std::holds_alternative<CoreError>(answer)) << token;
    EXPECT_EQ(std::get<CoreError>(answer).reason, Reason::kResumeTokenExpired);
  }
}

TEST_F(Events, AReaderThatIsTooSlowIsResetAndGoesOnWithNewEvents) {
  add("first");
  EventCursor cursor = open();
  for (std::size_t i = 0; i < kEventsKept + 5; ++i) add("more");
  const auto batch = read(cursor);
  EXPECT_TRUE(batch.reset);
  EXPECT_TRUE(batch.events.empty());
  add("new");
  const auto next = read(batch.cursor);
  ASSERT_EQ(next.events.size(), 1U);
  EXPECT_EQ(next.events[0].message, "new");
}

TEST_F(Events, AWaitingReaderIsWokenByTheNextEventOrByTenIdleSeconds) {
  const auto current = read(open());
  EXPECT_TRUE(current.current);
  std::vector<EventBatch> got;
  EXPECT_NE(ring.read(current.cursor, [&](EventBatch batch) { got.push_back(batch); }), 0U);
  executor.run_ready();
  EXPECT_TRUE(got.empty());
  add("now");
  executor.run_ready();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].events[0].message, "now");
  EXPECT_FALSE(got[0].current);
  ring.read(got[0].cursor, [&](EventBatch batch) { got.push_back(batch); });
  executor.advance(10s);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_TRUE(got[1].current);
}

TEST_F(Events, ACancelledReaderIsNotCalled) {
  const auto current = read(open());
  bool called = false;
  const auto id = ring.read(current.cursor, [&](const EventBatch&) { called = true; });
  ring.cancel(id);
  add("now");
  executor.advance(11s);
  EXPECT_FALSE(called);
}

TEST_F(Events, SinceLeavesOutOlderEvents) {
  add("old");
  executor.advance(60s);
  add("young");
  const auto batch = read(std::get<EventCursor>(ring.open("", 30s)));
  ASSERT_EQ(batch.events.size(), 1U);
  EXPECT_EQ(batch.events[0].message, "young");
}

}  // namespace
}  // namespace weir::core
