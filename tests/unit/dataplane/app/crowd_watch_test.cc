#include "dataplane/app/crowd_watch.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace weir::forwarder {
namespace {

using namespace std::chrono_literals;

class CrowdWatchTest : public ::testing::Test {
 protected:
  /// How often it says that a crowd has left, over a minute with so many connections.
  int minute(std::size_t connections) {
    int times = 0;
    for (int i = 0; i < 12; ++i) {
      clock.advance(5s);
      times += watch.has_left(connections, clock.now());
    }
    return times;
  }
  testing::ManualClock clock;
  CrowdWatch watch;
};

TEST_F(CrowdWatchTest, ItIsToldOnceAfterEachCrowd) {
  EXPECT_EQ(minute(4000), 0);
  EXPECT_EQ(minute(10), 1);
  EXPECT_EQ(minute(10), 0);
  EXPECT_EQ(minute(4000), 0);
  EXPECT_EQ(minute(0), 1);
}

TEST_F(CrowdWatchTest, AFewConnectionsAreNoCrowd) {
  EXPECT_EQ(minute(CrowdWatch::kCrowd - 1), 0);
  EXPECT_EQ(minute(0), 0);
}

TEST_F(CrowdWatchTest, ACrowdOfWhichHalfStaysOrComesBackHasNotLeft) {
  EXPECT_EQ(minute(4000), 0);
  EXPECT_EQ(minute(2000), 0);
  for (int i = 0; i < 5; ++i) {
    clock.advance(30s);
    EXPECT_FALSE(watch.has_left(100, clock.now()));
    clock.advance(5s);
    EXPECT_FALSE(watch.has_left(100, clock.now()));
    EXPECT_EQ(watch.has_left(3000, clock.now()), false);
  }
}

}  // namespace
}  // namespace weir::forwarder
