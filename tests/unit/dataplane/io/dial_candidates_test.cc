#include "dataplane/io/dial_candidates.h"

#include <gtest/gtest.h>

#include "dataplane/io/limits.h"

namespace weir::io {
namespace {

TEST(TimeForAddress, AnOriginFarAwayGetsItsShareOfTheDial) {
  EXPECT_EQ(time_for_address(seconds{3}, 2), milliseconds{1'500});
  EXPECT_EQ(time_for_address(milliseconds{1'500}, 1), milliseconds{1'500});
  EXPECT_EQ(time_for_address(seconds{1}, 2), milliseconds{500});
}

TEST(TimeForAddress, ManyAddressesLeaveEnoughToTheFirst) {
  EXPECT_EQ(time_for_address(seconds{1}, 8), kNextAddressAfter);
  EXPECT_EQ(time_for_address(-seconds{1}, 2), kNextAddressAfter);
}

}  // namespace
}  // namespace weir::io
