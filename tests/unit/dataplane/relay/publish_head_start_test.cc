// Players that wait for a stream attach before its encoder is told to start.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/relay/publish_session.h"
#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using namespace std::chrono_literals;
using routing::Acquired;
using routing::ContactOutcome;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PublishHeadStart : public ::testing::Test, protected RelayHarness {
 protected:
  void place(const std::string& name, std::uint64_t epoch, bool players_wait) {
    Acquired acquired{.route = make_route(name, epoch, session_id())};
    acquired.players_wait = players_wait;
    resolver.answer(std::move(acquired));
    pump();
  }
};

constexpr auto kStart = "onStatus:NetStream.Publish.Start";

TEST_F(PublishHeadStart, StartIsHeldUntilItsTimeAfterTheAnswer) {
  start();
  publish();
  client.news();
  place("o1", 1, true);
  advance(relay::kPlayerHeadStart - 1ms);
  EXPECT_THAT(client.news(), IsEmpty());
  advance(1ms);
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", kStart));
}

TEST_F(PublishHeadStart, AnOriginThatAnswersLaterThanThatIsNotWaitedForAgain) {
  start();
  publish();
  client.news();
  script.answers_request = false;
  place("o1", 1, true);
  advance(relay::kPlayerHeadStart + 50ms);
  EXPECT_THAT(client.news(), IsEmpty());
  origin.command(rtmp::on_status("status", rtmp::status::kPublishStart, "go"), 1, 5);
  pump();
  EXPECT_THAT(client.news(), Contains(kStart));
}

TEST_F(PublishHeadStart, WithoutWaitingPlayersStartIsPassedOnAtOnce) {
  start();
  publish();
  client.news();
  place("o1", 1, false);
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", kStart));
}

TEST_F(PublishHeadStart, AnOriginLostMeanwhileIsReplacedAndTheEncoderHearsOneStart) {
  start();
  publish();
  client.news();
  place("o1", 1, true);
  origin_closes();
  ASSERT_TRUE(resolver.acquire_open());
  ASSERT_TRUE(resolver.requests().back().failed);
  EXPECT_EQ(resolver.requests().back().failed->epoch.counter, 1U);
  EXPECT_EQ(resolver.requests().back().failed->outcome, ContactOutcome::kReset);
  advance(relay::kPlayerHeadStart);
  EXPECT_THAT(client.news(), IsEmpty());
  place("o2", 2, true);
  EXPECT_THAT(client.news(), IsEmpty());
  advance(relay::kPlayerHeadStart);
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", kStart));
  EXPECT_FALSE(finished());
}

TEST_F(PublishHeadStart, TheNextOriginIsNotWaitedForWithoutTheFlag) {
  start();
  publish();
  client.news();
  place("o1", 1, true);
  origin_closes();
  ASSERT_TRUE(resolver.acquire_open());
  place("o2", 2, false);
  EXPECT_THAT(client.news(), ElementsAre("onFCPublish", kStart));
}

TEST_F(PublishHeadStart, AClientThatLeavesMeanwhileEndsTheSession) {
  start();
  publish();
  place("o1", 1, true);
  client_closes();
  EXPECT_TRUE(finished());
}

}  // namespace
}  // namespace weir::test
