#include "dataplane/routing/dial_gate.h"

#include <vector>

#include <gtest/gtest.h>

namespace weir::routing {
namespace {

using PassState = DialGate::Pass::State;

class DialGateTest : public ::testing::Test {
 protected:
  DialGate::Pass enter(const char* origin = "o", Intent intent = Intent::kPublish) {
    const int number = entered_++;
    return gate_.enter(IncarnationId(origin), intent, [this, number] { woken_.push_back(number); });
  }
  DialGate::Pass enter(Intent intent) { return enter("o", intent); }
  DialGate gate_{2};
  std::vector<int> woken_;
  int entered_ = 0;
};

TEST_F(DialGateTest, LetsAsManyDialAsItsLimitAndWakesTheOthersInOrder) {
  auto a = enter();
  auto b = enter();
  auto c = enter();
  auto d = enter();
  EXPECT_EQ(a.state(), PassState::kGranted);
  EXPECT_EQ(b.state(), PassState::kGranted);
  EXPECT_EQ(c.state(), PassState::kWaiting);
  EXPECT_TRUE(woken_.empty()) << "who is let in at once is not woken";
  b.leave();
  EXPECT_EQ(c.state(), PassState::kGranted);
  EXPECT_EQ(d.state(), PassState::kWaiting);
  EXPECT_EQ(woken_, (std::vector<int>{2}));
  a.leave();
  EXPECT_EQ(woken_, (std::vector<int>{2, 3}));
}

TEST_F(DialGateTest, OriginsDoNotWaitForEachOther) {
  auto a = enter("one");
  auto b = enter("one");
  EXPECT_EQ(enter("one").state(), PassState::kWaiting);
  EXPECT_EQ(enter("two").state(), PassState::kGranted);
}

TEST_F(DialGateTest, WhoLeavesTheQueueIsNotWoken) {
  auto a = enter();
  auto b = enter();
  auto c = enter();
  auto d = enter();
  c.leave();
  EXPECT_EQ(c.state(), PassState::kNone);
  a.leave();
  EXPECT_EQ(woken_, (std::vector<int>{3}));
  EXPECT_EQ(d.state(), PassState::kGranted);
}

TEST_F(DialGateTest, PlaceIsGivenBackWithItsPass) {
  {
    const auto a = enter();
    auto b = enter();
    auto moved = std::move(b);
    EXPECT_EQ(b.state(), PassState::kNone);
    EXPECT_EQ(moved.state(), PassState::kGranted);
    EXPECT_EQ(gate_.size(), 1U);
  }
  EXPECT_EQ(gate_.size(), 0U);
  EXPECT_EQ(enter().state(), PassState::kGranted);
}

TEST_F(DialGateTest, PublishersGoBeforePlayersWhoCameEarlier) {
  auto a = enter(Intent::kPlay);
  auto b = enter(Intent::kPlay);
  auto player = enter(Intent::kPlay);
  auto another = enter(Intent::kPlay);
  auto publisher = enter(Intent::kPublish);
  a.leave();
  EXPECT_EQ(publisher.state(), PassState::kGranted);
  EXPECT_EQ(player.state(), PassState::kWaiting);
  b.leave();
  publisher.leave();
  EXPECT_EQ(woken_, (std::vector<int>{4, 2, 3}));
  EXPECT_EQ(another.state(), PassState::kGranted);
}

TEST_F(DialGateTest, PlaceInEitherQueueIsGivenBack) {
  auto a = enter();
  auto b = enter();
  auto player = enter(Intent::kPlay);
  auto publisher = enter(Intent::kPublish);
  player.leave();
  publisher.leave();
  a.leave();
  b.leave();
  EXPECT_TRUE(woken_.empty());
  EXPECT_EQ(gate_.size(), 0U);
}

TEST_F(DialGateTest, OneDialWithoutAnAnswerSendsNobodyAway) {
  auto a = enter();
  auto b = enter();
  auto c = enter();
  a.unanswered();
  a.leave();
  EXPECT_EQ(c.state(), PassState::kGranted);
  auto d = enter();
  c.answered();
  c.leave();
  EXPECT_EQ(d.state(), PassState::kGranted);
  auto e = enter();
  d.unanswered();
  EXPECT_EQ(e.state(), PassState::kWaiting) << "it has answered since the first";
}

TEST_F(DialGateTest, DialsThatWereLostWhileOthersWereAnsweredSendNobodyAway) {
  gate_.set_limit(3);
  auto lost = enter();
  auto lost_too = enter();
  auto heard = enter();
  auto waits = enter();
  heard.answered();
  lost.unanswered();
  lost_too.unanswered();
  EXPECT_EQ(waits.state(), PassState::kWaiting);
}

TEST_F(DialGateTest, DialsInARowThatWereLetInBehindTheLastAnswerCount) {
  auto a = enter();
  auto b = enter();
  auto c = enter();
  auto d = enter();
  auto e = enter();
  a.answered();
  a.leave();
  b.leave();
  c.unanswered();
  c.leave();
  EXPECT_EQ(e.state(), PassState::kGranted);
  auto f = enter();
  d.unanswered();
  EXPECT_EQ(f.state(), PassState::kGivenUp);
}

TEST_F(DialGateTest, OriginThatDoesNotAnswerIsGivenUpByAllWhoWaitForIt) {
  auto a = enter();
  auto b = enter();
  auto c = enter(Intent::kPublish);
  auto d = enter(Intent::kPlay);
  auto other = enter("other");
  for (std::size_t dials = 0; dials < kUnansweredDialsMax; ++dials) a.unanswered();
  EXPECT_EQ(c.state(), PassState::kGivenUp);
  EXPECT_EQ(d.state(), PassState::kGivenUp);
  EXPECT_EQ(b.state(), PassState::kGranted) << "it dials already, and learns for itself";
  EXPECT_EQ(woken_, (std::vector<int>{2, 3}));
  a.leave();
  c.leave();
  EXPECT_EQ(d.state(), PassState::kGivenUp);
  d.leave();
  EXPECT_EQ(enter().state(), PassState::kGranted) << "a new dial tries again";
  EXPECT_EQ(woken_.size(), 2U);
}

TEST_F(DialGateTest, LimitIsNeverZero) {
  gate_.set_limit(0);
  auto a = enter();
  EXPECT_EQ(a.state(), PassState::kGranted);
  EXPECT_EQ(enter().state(), PassState::kWaiting);
}

}  // namespace
}  // namespace weir::routing
