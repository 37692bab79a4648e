#include "common/async/backoff.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace weir::async {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, StaysWithinALimitThatDoublesUpToTheMaximum) {
  SeededRandom random(1);
  Backoff backoff(milliseconds(100), milliseconds(1000), random);
  for (int round = 0; round < 200; ++round) {
    for (const int limit : {100, 200, 400, 800, 1000, 1000}) {
      const Duration delay = backoff.next();
      EXPECT_GT(delay, Duration::zero());
      EXPECT_LE(delay, milliseconds(limit));
    }
    backoff.reset();
  }
}

TEST(Backoff, JitterUsesTheWholeRange) {
  SeededRandom random(2);
  Duration least = Duration::max();
  Duration most{};
  for (int i = 0; i < 1000; ++i) {
    Backoff backoff(milliseconds(100), milliseconds(1000), random);
    const Duration delay = backoff.next();
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_LT(least, milliseconds(5));
  EXPECT_GT(most, milliseconds(95));
}

}  // namespace
}  // namespace weir::async
