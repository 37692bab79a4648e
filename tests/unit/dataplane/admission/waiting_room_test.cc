#include "dataplane/admission/waiting_room.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir::admission {
namespace {

class WaitingRoomTest : public ::testing::Test {
 protected:
  std::optional<WaitingRefusal> enter(const char* stream, const char* address) {
    auto answer = room.enter(*parse_stream_key(stream), *IpAddress::parse(address));
    if (auto* refusal = std::get_if<WaitingRefusal>(&answer)) return *refusal;
    seats.push_back(std::move(std::get<WaitingRoom::Seat>(answer)));
    return std::nullopt;
  }
  WaitingRoom room;
  std::vector<WaitingRoom::Seat> seats;
};

TEST_F(WaitingRoomTest, WithoutLimitsEverybodyWaits) {
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  EXPECT_EQ(room.size(), 1000U);
}

TEST_F(WaitingRoomTest, AStreamHasOnlySoMany) {
  room.set_limits({.per_stream = 2});
  EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  EXPECT_FALSE(enter("live/a", "192.0.2.2"));
  EXPECT_EQ(enter("live/a", "192.0.2.3"), WaitingRefusal::kStream);
  EXPECT_FALSE(enter("live/b", "192.0.2.3"));
  seats.front().leave();
  EXPECT_FALSE(enter("live/a", "192.0.2.3"));
}

TEST_F(WaitingRoomTest, AnAddressHasOnlySoManyWhateverTheyWaitFor) {
  room.set_limits({.per_address = 2});
  EXPECT_FALSE(enter("live/a", "2001:db8::1"));
  EXPECT_FALSE(enter("live/b", "2001:db8::2"));
  EXPECT_EQ(enter("live/c", "2001:db8::3"), WaitingRefusal::kAddress);
  EXPECT_FALSE(enter("live/c", "2001:db8:0:1::3"));
}

TEST_F(WaitingRoomTest, ThereAreOnlySoManyInAll) {
  room.set_limits({.in_all = 2});
  EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  EXPECT_FALSE(enter("live/b", "192.0.2.2"));
  EXPECT_EQ(enter("live/c", "192.0.2.3"), WaitingRefusal::kProcess);
  seats.clear();
  EXPECT_EQ(room.size(), 0U);
  EXPECT_FALSE(enter("live/c", "192.0.2.3"));
}

TEST_F(WaitingRoomTest, ARefusedPlayerTakesNoPlace) {
  room.set_limits({.per_stream = 1, .per_address = 1});
  EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(enter("live/a", "192.0.2.2"), WaitingRefusal::kStream);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(enter("live/b", "192.0.2.1"), WaitingRefusal::kAddress);
  EXPECT_EQ(room.size(), 1U);
  EXPECT_FALSE(enter("live/b", "192.0.2.2"));
}

TEST_F(WaitingRoomTest, AnExemptAddressIsLimitedOnlyByStreamAndInAll) {
  room.set_limits({.per_stream = 2,
                   .per_address = 1,
                   .in_all = 4,
                   .exempt = {*Cidr::parse("192.0.2.0/24"), *Cidr::parse("2001:db8::/32")}});
  EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  EXPECT_EQ(enter("live/a", "192.0.2.1"), WaitingRefusal::kStream);
  EXPECT_FALSE(enter("live/b", "192.0.2.1"));
  EXPECT_FALSE(enter("live/b", "2001:db8::1"));
  EXPECT_EQ(enter("live/c", "192.0.2.1"), WaitingRefusal::kProcess);
  seats.clear();
  EXPECT_EQ(room.size(), 0U);
  EXPECT_FALSE(enter("live/a", "198.51.100.1"));
  EXPECT_EQ(enter("live/a", "198.51.100.1"), WaitingRefusal::kAddress);
}

TEST_F(WaitingRoomTest, EachRefusalIsToldWithTheAddress) {
  std::vector<std::pair<WaitingRefusal, std::string>> told;
  room.on_refusal([&](WaitingRefusal why, const IpAddress& address) {
    told.emplace_back(why, address.str());
    EXPECT_EQ(room.size(), 1U);  // it may be asked
  });
  room.set_limits({.per_address = 1});
  EXPECT_FALSE(enter("live/a", "2001:db8::1"));
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(enter("live/b", "2001:db8::2"), WaitingRefusal::kAddress);
  EXPECT_EQ(told, (std::vector{std::pair{WaitingRefusal::kAddress, std::string("2001:db8::2")}}));
}

TEST_F(WaitingRoomTest, ASeatThatMovesIsGivenBackOnce) {
  room.set_limits({.per_stream = 1});
  EXPECT_FALSE(enter("live/a", "192.0.2.1"));
  WaitingRoom::Seat moved = std::move(seats.front());
  seats.clear();
  EXPECT_EQ(room.size(), 1U);
  moved.leave();
  moved.leave();
  EXPECT_EQ(room.size(), 0U);
}

}  // namespace
}  // namespace weir::admission
