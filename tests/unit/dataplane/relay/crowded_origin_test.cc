// Dials that wait for their turn at an origin, and what an SRS is told in one flight.
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using routing::Acquired;
using routing::ContactOutcome;
using ::testing::Contains;
using ::testing::ElementsAre;

class CrowdedOrigin : public ::testing::Test, protected RelayHarness {
 protected:
  Acquired at(const std::string& name, std::uint64_t epoch = 1) {
    return {.route = make_route(name, epoch, session_id())};
  }
  Acquired at_srs(const std::string& name, std::uint64_t epoch = 1) {
    Acquired acquired = at(name, epoch);
    acquired.route.origin_kind = routing::OriginKind::kSrs;
    return acquired;
  }
  void answer(routing::AcquireAnswer answer) {
    resolver.answer(std::move(answer));
    pump();
  }
  /// Another session's dial of the only place.
  routing::DialGate::Pass occupy(const std::string& incarnation) {
    resolver.dial_gate().set_limit(1);
    return resolver.dial_gate().enter(IncarnationId(incarnation), routing::Intent::kPlay, [] {});
  }
};

TEST_F(CrowdedOrigin, DialWaitsForItsTurnAndHasItsWholeTimeThen) {
  auto other = occupy("o1-1");
  start();
  publish();
  answer(at("o1"));
  advance(3s);
  EXPECT_TRUE(io.origin_legs().empty());
  EXPECT_FALSE(resolver.acquire_open());
  script.answers = false;
  other.leave();
  advance(900ms);
  EXPECT_EQ(io.origin_legs().size(), 1U);
  EXPECT_FALSE(resolver.acquire_open());
  advance(200ms);
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kTimedOut);
}

TEST_F(CrowdedOrigin, PlaceIsFreeAgainWithTheOriginsFirstAnswer) {
  resolver.dial_gate().set_limit(1);
  start();
  publish();
  script.answers_connect = false;
  answer(at("o1"));
  ASSERT_TRUE(io.origin_leg_live());
  const auto next =
      resolver.dial_gate().enter(IncarnationId("o1-1"), routing::Intent::kPlay, [] {});
  EXPECT_EQ(next.state(), routing::DialGate::Pass::State::kGranted);
}

TEST_F(CrowdedOrigin, PlaceIsFreeAgainWhenTheClientGoes) {
  resolver.dial_gate().set_limit(1);
  start();
  publish();
  script.answers = false;
  answer(at("o1"));
  client_closes();
  pump();
  EXPECT_EQ(resolver.dial_gate().size(), 0U);
}

TEST_F(CrowdedOrigin, FailedDialGivesItsPlaceBackBeforeItAsksAgain) {
  resolver.dial_gate().set_limit(1);
  start();
  publish();
  script.refuses_connection = true;
  Acquired acquired = at("o1");
  acquired.route.rtmp_endpoints = {"a:1", "b:2"};
  answer(acquired);
  EXPECT_EQ(io.origin_legs().size(), 2U) << "its other endpoint in the same place";
  EXPECT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.dial_gate().size(), 0U);
}

TEST_F(CrowdedOrigin, EncoderIsSentElsewhereWhenItsTurnDoesNotCome) {
  const auto other = occupy("o1-1");
  start();
  publish();
  client.news();
  answer(at("o1"));
  advance(relay::kDialQueuedMax);
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kAnswered);
  EXPECT_TRUE(resolver.dials().empty()) << "it was never dialled";
  answer(at("o2", 2));
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Publish.Start"));
}

TEST_F(CrowdedOrigin, NobodyWaitsForAnOriginThatDidNotAnswerAnother) {
  auto other = occupy("o1-1");
  start();
  publish();
  answer(at("o1"));
  advance(100ms);
  other.unanswered();
  pump();
  EXPECT_FALSE(resolver.acquire_open()) << "it may only have lost a SYN";
  other.unanswered();
  pump();
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kAnswered);
}

TEST_F(CrowdedOrigin, PlayersWaitForTheirTurnToo) {
  auto other = occupy("o1-1");
  start();
  resolver.place(stream, make_route("o1", 1, "pub"));
  play();
  advance(1s);
  EXPECT_TRUE(io.origin_legs().empty());
  other.leave();
  pump();
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.Start"));
}

TEST_F(CrowdedOrigin, PublisherGoesBeforePlayersWhoWait) {
  auto other = occupy("o1-1");
  const auto player =
      resolver.dial_gate().enter(IncarnationId("o1-1"), routing::Intent::kPlay, [] {});
  start();
  publish();
  answer(at("o1"));
  EXPECT_TRUE(io.origin_legs().empty());
  script.answers = false;
  other.leave();
  pump();
  EXPECT_EQ(io.origin_legs().size(), 1U);
  EXPECT_EQ(player.state(), routing::DialGate::Pass::State::kWaiting);
}

TEST_F(CrowdedOrigin, SrsIsToldEverythingInTheFlightBehindItsHandshake) {
  start();
  publish();
  script.answers_connect = false;
  answer(at_srs("o1"));
  EXPECT_EQ(origin.count("connect"), 1U);
  EXPECT_EQ(origin.count("createStream"), 1U);
  EXPECT_EQ(origin.count("publish"), 1U);
  EXPECT_EQ(client.count("onStatus:NetStream.Publish.Start"), 0U);
}

TEST_F(CrowdedOrigin, SrsThatEndsBehindTheFlightHasRefusedHoweverItEnds) {
  for (const auto end : {relay::LegEnd::kFin, relay::LegEnd::kReset, relay::LegEnd::kTimedOut}) {
    RelayHarness harness;
    harness.start();
    harness.publish();
    harness.client.news();
    harness.script.answers_connect = false;
    harness.resolver.answer(at_srs("o1"));
    harness.pump();
    ASSERT_EQ(harness.origin.count("publish"), 1U);
    harness.origin_closes(end);
    harness.pump();
    EXPECT_THAT(harness.client.news(), ElementsAre("onStatus:NetStream.Publish.Rejected"));
    EXPECT_TRUE(harness.finished());
    EXPECT_EQ(harness.resolver.requests().size(), 1U);
    ASSERT_EQ(harness.resolver.dials().size(), 1U);
    EXPECT_EQ(harness.resolver.dials().back().outcome, ContactOutcome::kAnswered);
  }
}

TEST_F(CrowdedOrigin, SrsThatEndsBehindTheFlightAfterATakeoverIsBusy) {
  start();
  publish();
  client.news();
  script.closes_on_connect = true;
  Acquired acquired = at_srs("o1");
  acquired.after_takeover = true;
  answer(acquired);
  advance(1s);
  EXPECT_GT(io.origin_legs().size(), 3U);
  script.closes_on_connect = false;
  advance(500ms);
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", "onStatus:NetStream.Publish.Start"));
}

TEST_F(CrowdedOrigin, SrsMuteBehindTheFlightMayStillHoldTheName) {
  start();
  publish();
  client.news();
  script.answers_connect = false;
  answer(at_srs("o1"));
  advance(relay::kOriginAnswerTimeout);
  ASSERT_TRUE(resolver.acquire_open());
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kAnswered);
  script.answers_connect = true;
  script.closes_on_request = true;
  client.news();
  answer(at_srs("o1", 2));
  EXPECT_FALSE(finished());
  script.closes_on_request = false;
  advance(100ms);
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Publish.Start"));
}

TEST_F(CrowdedOrigin, PlayerIsRefusedBySrsThatEndsBehindTheFlightTwice) {
  start();
  script.answers_connect = false;
  routing::Route route = at_srs("o1").route;
  route.state = routing::PlacementState::kPublishing;
  resolver.place(stream, route);
  play();
  client.news();
  origin_closes(relay::LegEnd::kReset);
  advance(200ms);
  EXPECT_FALSE(finished());
  ASSERT_EQ(io.origin_legs().size(), 2U);
  origin_closes(relay::LegEnd::kReset);
  pump();
  EXPECT_THAT(client.news(), ElementsAre("onStatus:NetStream.Play.Failed"));
  EXPECT_TRUE(finished());
}

TEST_F(CrowdedOrigin, SetBufferLengthBehindTheFlightIsPassedOn) {
  start();
  script.answers_connect = false;
  resolver.place(stream, at_srs("o1").route);
  play();
  ASSERT_EQ(origin.count("play"), 1U);
  client.send(
      rtmp::user_control({.event = rtmp::UserEvent::kSetBufferLength, .value = 1, .buffer = 500}));
  pump();
  const auto told = rtmp::parse_user_control(origin.heard.back().payload);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->event, rtmp::UserEvent::kSetBufferLength);
  EXPECT_EQ(told->value, 1U);
  EXPECT_EQ(told->buffer, 500U);
}

TEST_F(CrowdedOrigin, SrsAnswersOfAFlightStartTheStreamOnce) {
  for (const bool publishes : {true, false}) {
    RelayHarness harness;
    harness.start();
    auto route = make_route("o1", 1, publishes ? harness.session_id() : "pub");
    route.origin_kind = routing::OriginKind::kSrs;
    if (publishes) {
      harness.publish();
      harness.resolver.answer(Acquired{.route = route});
    } else {
      harness.resolver.place(harness.stream, route);
      harness.play();
    }
    harness.pump();
    EXPECT_EQ(harness.origin.count("connect"), 1U);
    EXPECT_EQ(harness.origin.count("createStream"), 1U);
    EXPECT_EQ(harness.origin.count(publishes ? "publish" : "play"), 1U);
    EXPECT_EQ(harness.client.count(publishes ? "onStatus:NetStream.Publish.Start"
                                             : "onStatus:NetStream.Play.Start"),
              1U);
  }
}

}  // namespace
}  // namespace weir::test
