#include "dataplane/routing/worker_resolver.h"

#include <gtest/gtest.h>

#include "dataplane/routing/limits.h"
#include "tests/unit/dataplane/routing/resolver_fixture.h"

namespace weir::routing {
namespace {

using State = SessionInfo::State;

class WorkerResolverTest : public ResolverTest {
 protected:
  struct Seen {
    int updates = 0;
    std::optional<RouteUpdate> last;
  };
  std::unique_ptr<Subscription> watch(Seen& seen, const char* stream = "live/a") {
    return resolver.watch(key(stream), Intent::kPlay, [&seen](const RouteUpdate& update) {
      ++seen.updates;
      seen.last = update;
    });
  }
};

TEST_F(WorkerResolverTest, ManyWatchersOfOneStreamAreOneQuestion) {
  attach();
  Seen a, b, c;
  auto w1 = watch(a), w2 = watch(b), w3 = watch(c);
  executor.run_ready();
  std::size_t asked = 0;
  for (const InterestChange& change : link.all<InterestChange>()) asked += change.add.size();
  EXPECT_EQ(asked, 1U);
  push(route({1, 4}, {1, 9}), {1, 9});
  EXPECT_EQ(a.updates + b.updates + c.updates, 3);
}

TEST_F(WorkerResolverTest, AKnownStreamIsAnsweredWithoutAQuestionAndNeverInsideTheCall) {
  attach();
  Seen first;
  auto w1 = watch(first);
  executor.run_ready();
  push(route({1, 4}, {1, 9}), {1, 9});
  const std::size_t sent = link.sent.size();
  Seen second;
  auto w2 = watch(second);
  EXPECT_EQ(second.updates, 0);
  executor.run_ready();
  EXPECT_EQ(second.updates, 1);
  EXPECT_EQ(link.sent.size(), sent);
  EXPECT_EQ(resolver.stats().watches_known.load(), 1U);
}

TEST_F(WorkerResolverTest, NotPlacedIsAnAnswerToo) {
  attach();
  Seen seen;
  auto w = watch(seen);
  executor.run_ready();
  push(std::nullopt, {1, 3});
  EXPECT_EQ(seen.updates, 1);
  EXPECT_FALSE(seen.last->route);
}

TEST_F(WorkerResolverTest, OldAndRepeatedUpdatesReachNobody) {
  attach();
  Seen seen;
  auto w = watch(seen);
  executor.run_ready();
  push(route({1, 4}, {1, 9}), {1, 9});
  push(route({1, 4}, {1, 9}), {1, 9});
  push(route({1, 3}, {1, 12}), {1, 12});
  push(std::nullopt, {1, 8});
  EXPECT_EQ(seen.updates, 1);
}

TEST_F(WorkerResolverTest, ADroppedSubscriptionHearsNothingMore) {
  attach();
  Seen seen;
  auto w = watch(seen);
  executor.run_ready();
  push(route({1, 4}, {1, 9}), {1, 9});
  auto late = watch(seen);
  late.reset();
  w.reset();
  executor.run_ready();
  push(route({1, 5}, {1, 10}), {1, 10});
  EXPECT_EQ(seen.updates, 1);
}

TEST_F(WorkerResolverTest, ASubscriptionMayBeDroppedFromItsOwnCallback) {
  attach();
  int updates = 0;
  std::unique_ptr<Subscription> self;
  self =
      resolver.watch(key(), Intent::kPlay, [&, guard = std::string(64, 'x')](const RouteUpdate&) {
        self.reset();
        updates += guard.size() == 64 ? 1 : 0;  // the callable outlives its own dropping
      });
  executor.run_ready();
  push(route({1, 4}, {1, 9}), {1, 9});
  EXPECT_EQ(updates, 1);
}

TEST_F(WorkerResolverTest, InterestEndsOnlyAfterALinger) {
  attach();
  resolver.start();
  Seen seen;
  auto w = watch(seen);
  executor.run_ready();
  push(route({1, 4}, {1, 9}), {1, 9});
  w.reset();
  pass(seconds{20});
  Seen again;
  auto w2 = watch(again);
  executor.run_ready();
  EXPECT_EQ(again.updates, 1);  // still known
  w2.reset();
  pass(kInterestLinger + 2 * kActivityEvery);
  std::size_t removed = 0;
  for (const InterestChange& change : link.all<InterestChange>()) removed += change.remove.size();
  EXPECT_EQ(removed, 1U);
  EXPECT_EQ(resolver.stats().streams.load(), 0U);
  EXPECT_EQ(client.interest_count(), 0U);
}

TEST_F(WorkerResolverTest, IdleStreamsAreBounded) {
  attach();
  for (std::size_t i = 0; i <= kIdleStreamsMax; ++i)
    resolver
        .watch(key(("live/s" + std::to_string(i)).c_str()), Intent::kPlay,
               [](const RouteUpdate&) {})
        .reset();
  executor.run_ready();
  EXPECT_LE(resolver.stats().streams.load(), kIdleStreamsMax);
  EXPECT_LE(client.interest_count(), kIdleStreamsMax);
}

TEST_F(WorkerResolverTest, KnownRoutesAndSessionsOutliveTheControlPlane) {
  attach();
  Seen seen;
  auto w = watch(seen);
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  executor.run_ready();
  push(route({1, 4}, {1, 9}), {1, 9});
  link.break_stream("gone");
  executor.advance(seconds{600});
  EXPECT_TRUE(session.closes.empty());
  Seen later;
  auto w2 = watch(later);
  executor.run_ready();
  EXPECT_EQ(later.updates, 1);
}

TEST_F(WorkerResolverTest, ANewerEpochOfAnotherHolderFencesThePublisherOnce) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), session);
  executor.run_ready();
  push(route({1, 4}, {1, 9}, "s1"), {1, 9});
  EXPECT_TRUE(session.closes.empty());
  push(route({1, 5}, {1, 10}, "s2"), {1, 10});
  push(route({1, 6}, {1, 11}, "s3"), {1, 11});
  ASSERT_EQ(session.closes.size(), 1U);
  EXPECT_EQ(session.closes[0], SessionControl::Close::kFenced);
}

TEST_F(WorkerResolverTest, ANewerEpochOfTheSameHolderFencesNobody) {
  attach();
  FakeSession session;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kConnecting), session);
  executor.run_ready();
  push(route({1, 5}, {1, 10}, "s1"), {1, 10});
  EXPECT_TRUE(session.closes.empty());
}

TEST_F(WorkerResolverTest, VhostsOfTheWelcomeReachTheWorker) {
  client.start();
  executor.run_ready();
  link.welcome(1, {"tv.example.com"});
  executor.run_ready();
  EXPECT_EQ(resolver.vhosts().resolve("tv.example.com"), "tv.example.com");
}

TEST_F(WorkerResolverTest, RelayedBytesAreReportedOnlyWhereTheyGrew) {
  attach();
  resolver.start();
  FakeSession busy, quiet;
  resolver.session_started(info("s1", Intent::kPublish, {1, 4}, State::kActive), busy);
  resolver.session_started(info("s2", Intent::kPlay, {1, 4}, State::kActive), quiet);
  pass(seconds{1});
  link.sent.clear();
  busy.facts = {.media_bytes = 1000, .last_media = clock.now()};
  pass(kActivityEvery + milliseconds{200});
  std::vector<SessionRecord> told;
  for (const SessionChanges& changes : link.all<SessionChanges>())
    told.insert(told.end(), changes.upserted.begin(), changes.upserted.end());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].info.id, SessionId("s1"));
  EXPECT_EQ(told[0].media_bytes, 1000U);
}

}  // namespace
}  // namespace weir::routing
