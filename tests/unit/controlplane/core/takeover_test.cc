// Second publishers: what is asked, what it takes to displace the first.

#include "controlplane/core/takeover.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

Options with(SecondPublisher rule) {
  Options options = CoreHarness::default_options();
  options.second_publisher = rule;
  return options;
}

class Takeover : public ::testing::Test {
 protected:
  void start(SecondPublisher rule = SecondPublisher::kTakeoverIfIdle) {
    h = std::make_unique<CoreHarness>(with(rule));
    agent = h->attach_agent("a1", {CoreHarness::seen("o1", "127.0.0.1:1936", "pid1"),
                                   CoreHarness::seen("o2", "127.0.0.1:1937", "pid2")});
    f1 = h->attach_forwarder("f1");
    f2 = h->attach_forwarder("f2");
    h->settle_with({f1, f2}, {agent});
    h->advance_with({f1, f2}, {agent}, 3500ms);  // renewals count from here on
    first = h->publish(f1, "live/a", "f1", "s1");
  }
  void answer_query(std::vector<SessionFacts> facts) {
    const auto query = f1->last<SessionQuery>();
    ASSERT_TRUE(query);
    ASSERT_EQ(query->sessions, std::vector<SessionId>{SessionId("s1")});
    h->tell(f1, SessionAnswer{query->query, std::move(facts)});
  }
  void expect_held(const Got<Acquired>& got) {
    ASSERT_TRUE(got.answer);
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().reason, Reason::kStreamHeld);
    EXPECT_EQ(got.error().metadata.at("holder"), "f1/s1");
    EXPECT_EQ(got.error().metadata.at("epoch"), format_as(first.epoch));
    EXPECT_EQ(h->placement("live/a")->epoch, first.epoch);
  }

  std::unique_ptr<CoreHarness> h;
  std::shared_ptr<FakeAgentLink> agent;
  std::shared_ptr<FakeForwarderLink> f1, f2;
  model::Placement first;
};

TEST_F(Takeover, IsRefusedWhileTheFirstSendsMedia) {
  start();
  const auto& got = h->acquire("live/a", "f2", "s2");
  EXPECT_FALSE(got.answer);  // asked first
  answer_query({{SessionId("s1"), 500ms, false}});
  expect_held(got);
}

TEST_F(Takeover, DisplacesAFirstThatHasBeenSilentForTwoSeconds) {
  start();
  const auto& got = h->acquire("live/a", "f2", "s2");
  answer_query({{SessionId("s1"), 2s, false}});
  EXPECT_FALSE(got.answer);  // the old leg is closed first
  const auto close = f1->last<CloseSession>();
  ASSERT_TRUE(close);
  EXPECT_EQ(close->session, SessionId("s1"));
  EXPECT_EQ(close->reason, CloseReason::kTakenOver);
  ASSERT_NE(close->query, 0U);
  h->tell(f1, SessionAnswer{close->query, {}});
  ASSERT_TRUE(got.answer && got.ok());
  EXPECT_TRUE(got.value().after_takeover);
  EXPECT_EQ(got.value().route.placement.origin, first.origin);
  EXPECT_GT(got.value().route.placement.epoch, first.epoch);
  EXPECT_TRUE(h->has_event("STREAM_TAKEN_OVER"));
}

TEST_F(Takeover, GoesOnAfterHalfASecondWhenTheCloseIsNotAnswered) {
  start();
  const auto& got = h->acquire("live/a", "f2", "s2");
  answer_query({{SessionId("s1"), 3s, false}});
  h->advance(499ms);
  EXPECT_FALSE(got.answer);
  h->advance(1ms);
  ASSERT_TRUE(got.answer && got.ok());
  EXPECT_TRUE(got.value().after_takeover);
}

TEST_F(Takeover, NoAnswerWithinThreeHundredMillisecondsCountsAsBusy) {
  start();
  const auto& got = h->acquire("live/a", "f2", "s2");
  h->advance(299ms);
  EXPECT_FALSE(got.answer);
  h->advance(1ms);
  expect_held(got);
}

TEST_F(Takeover, ASessionThatWaitsForItsOriginIsBusy) {
  start();
  const auto& got = h->acquire("live/a", "f2", "s2");
  answer_query({{SessionId("s1"), std::nullopt, true}});
  expect_held(got);
}

TEST_F(Takeover, ASessionThatNeverSentMediaIsIdleFromItsActivation) {
  start();
  h->advance(1s);
  const auto& early = h->acquire("live/a", "f2", "s2");
  answer_query({{SessionId("s1"), std::nullopt, false}});
  expect_held(early);
  h->advance_with({f1, f2}, {agent}, 1s);
  const auto& later = h->acquire("live/a", "f2", "s2");
  answer_query({{SessionId("s1"), std::nullopt, false}});
  h->advance(500ms);
  ASSERT_TRUE(later.answer);
  EXPECT_TRUE(later.ok());
}

TEST_F(Takeover, ASessionItsForwarderDoesNotKnowHoldsNothing) {
  start(SecondPublisher::kReject);
  const auto& got = h->acquire("live/a", "f2", "s2");
  answer_query({});
  h->advance(500ms);
  ASSERT_TRUE(got.answer);
  EXPECT_TRUE(got.ok());
}

TEST_F(Takeover, IsNeverMadeUnderTheRuleReject) {
  start(SecondPublisher::kReject);
  const auto& got = h->acquire("live/a", "f2", "s2");
  answer_query({{SessionId("s1"), 60s, false}});
  expect_held(got);
}

TEST_F(Takeover, IsMadeAtOnceUnderTheRuleTakeoverAndOnceInFiveSeconds) {
  start(SecondPublisher::kTakeover);
  const auto& got = h->acquire("live/a", "f2", "s2");
  EXPECT_FALSE(f1->last<SessionQuery>());
  h->advance(500ms);
  ASSERT_TRUE(got.answer && got.ok());
  h->upsert(f2, CoreHarness::publisher("s2", "f2", got.value().route.placement));
  const auto& third = h->acquire("live/a", "f1", "s3");
  ASSERT_TRUE(third.answer);
  EXPECT_EQ(third.error().reason, Reason::kStreamHeld);
}

TEST_F(Takeover, AForwarderThatIsGoneLosesItsStreamsAfterThreeSeconds) {
  start();
  h->core->forwarders().closed(f1);
  h->run();
  const auto& early = h->acquire("live/a", "f2", "s2");
  ASSERT_TRUE(early.answer);
  EXPECT_EQ(early.error().reason, Reason::kStreamHeld);
  h->advance_with({f2}, {agent}, 4s);
  const auto& later = h->acquire("live/a", "f2", "s2");
  ASSERT_TRUE(later.answer);
  ASSERT_TRUE(later.ok());
  EXPECT_TRUE(later.value().after_takeover);
}

TEST_F(Takeover, AnEncoderThatReconnectsAfterItsSessionEndedIsNotAskedAbout) {
  start();
  h->end(f1, "s1");
  const auto& got = h->acquire("live/a", "f2", "s2");
  ASSERT_TRUE(got.answer && got.ok());
  EXPECT_FALSE(f1->last<SessionQuery>());
  EXPECT_EQ(got.value().route.placement.origin, first.origin);
}

// A forwarder is lost with its host: its leg at the origin stays half open, and the origin refuses
// a second publisher (SRS: StreamBusy) until somebody ends it.
TEST_F(Takeover, TheAgentOfAHalfOpenPublisherIsToldTheNewEpochBeforeTheNextOneDials) {
  start();
  h->core->forwarders().closed(f1);
  h->advance_with({f2}, {agent}, 4s);  // its renewal expires
  agent->sent.clear();
  const auto now = h->clock.now();
  const auto& got = h->acquire("live/a", "f2", "s2");
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got.value().after_takeover) << "a refusal within 2 s is to be retried";
  const auto& placed = got.value().route.placement;
  EXPECT_EQ(placed.origin, first.origin);
  const auto told = agent->last<StreamEpoch>();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->epoch, placed.epoch);
  EXPECT_GT(told->epoch, first.epoch) << "what is tagged with the first is to be dropped";
  EXPECT_EQ(h->clock.now(), now) << "at once, not with a timer";
  // The retry succeeds: it is published.
  h->upsert(f2, CoreHarness::publisher("s2", "f2", placed));
  EXPECT_EQ(h->placement("live/a")->state, model::PlacementState::kPublishing);
}

TEST_F(Takeover, WhereTheOriginStaysBusyTheNextCandidateIsBoundWithANewEpoch) {
  start();
  h->core->forwarders().closed(f1);
  h->advance_with({f2}, {agent}, 4s);
  const auto busy = h->acquire("live/a", "f2", "s2").value().route.placement;
  h->advance_with({f2}, {agent}, 2s);
  agent->sent.clear();
  const AcquireQuery::Failed failed{busy.incarnation, busy.epoch, ContactOutcome::kAnswered};
  const auto& again = h->acquire("live/a", "f2", "s2", failed);
  ASSERT_TRUE(again.ok());
  const auto& placed = again.value().route.placement;
  EXPECT_NE(placed.origin, busy.origin);
  EXPECT_GT(placed.epoch, busy.epoch);
  EXPECT_FALSE(again.value().after_takeover) << "nobody was there before";
  EXPECT_EQ(agent->last<StreamEpoch>()->epoch, placed.epoch);
  // It answered: busy is no failed dial, so neither the pair nor the origin suffers.
  const auto info = std::get<OriginInfo>(h->core->listing().origin(busy.origin));
  EXPECT_TRUE(info.penalized_forwarders.empty());
  EXPECT_EQ(info.state, model::OriginState::kAlive);
  // A repeat of that request changes nothing more.
  EXPECT_EQ(h->acquire("live/a", "f2", "s2", failed).value().route.placement.epoch, placed.epoch);
}

}  // namespace
}  // namespace weir::core::testing
