// Players that wait for a publisher take a seat, and are refused when there is none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/admission/waiting_room.h"
#include "dataplane/relay/session_limits.h"
#include "tests/support/relay_harness.h"

namespace weir::test {
namespace {

using ::testing::Contains;

class PlayWaitingRoom : public ::testing::Test, protected RelayHarness {
 protected:
  PlayWaitingRoom() { config.waiting_room = &room; }
  ~PlayWaitingRoom() override { session.reset(); }  // before the room

  admission::WaitingRoom room;
};

TEST_F(PlayWaitingRoom, APlayerTakesASeatWhileNobodyPublishesAndGivesItBackWhenPlaced) {
  start();
  play();
  EXPECT_EQ(room.size(), 1U);
  resolver.place(stream, make_route("o1", 1, "pub"));
  pump();
  EXPECT_EQ(room.size(), 0U);
  EXPECT_FALSE(finished());
}

TEST_F(PlayWaitingRoom, APlayerThatLeavesGivesItsSeatBack) {
  start();
  play();
  client_closes();
  session.reset();
  EXPECT_EQ(room.size(), 0U);
}

TEST_F(PlayWaitingRoom, WithoutASeatAPlayerIsToldThatThereIsNoSuchStream) {
  room.set_limits({.per_stream = 1});
  const auto other = room.enter(stream, *IpAddress::parse("198.51.100.1"));
  start();
  play();
  EXPECT_THAT(client.news(), Contains("onStatus:NetStream.Play.StreamNotFound"));
  EXPECT_EQ(io.finished(), "too many players wait: for this stream");
  EXPECT_EQ(room.size(), 1U);
}

TEST_F(PlayWaitingRoom, APlayerOfAStreamThatRunsNeedsNone) {
  room.set_limits({.per_stream = 1});
  const auto other = room.enter(stream, *IpAddress::parse("198.51.100.1"));
  resolver.place(stream, make_route("o1", 1, "pub"));
  start();
  play();
  EXPECT_FALSE(finished());
  EXPECT_EQ(resolver.only_session().info.origin, OriginId("o1"));
  advance(2 * relay::kSeatlessWait);
  EXPECT_FALSE(finished());
  resolver.unplace(stream);
  pump();
  EXPECT_EQ(io.finished(), "too many players wait: for this stream");
}

TEST_F(PlayWaitingRoom, WithoutASeatNobodyWaitsLongForWordOfTheStream) {
  room.set_limits({.in_all = 1});
  const auto other = room.enter(stream, *IpAddress::parse("198.51.100.1"));
  resolver.fall_silent();
  start();
  play();
  advance(relay::kSeatlessWait / 2);
  EXPECT_FALSE(finished());
  advance(relay::kSeatlessWait / 2);
  EXPECT_EQ(io.finished(), "too many players wait: here");
}

TEST_F(PlayWaitingRoom, APublisherNeedsNone) {
  room.set_limits({.in_all = 1});
  const auto other = room.enter(stream, *IpAddress::parse("198.51.100.1"));
  start();
  publish();
  EXPECT_FALSE(finished());
}

}  // namespace
}  // namespace weir::test
