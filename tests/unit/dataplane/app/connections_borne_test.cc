#include <gtest/gtest.h>

#include "common/base/cidr.h"
#include "dataplane/app/forwarder_options.h"

namespace weir::forwarder {
namespace {

TEST(ConnectionsBorne, EachClientHasADescriptorForItsOrigin) {
  EXPECT_EQ(connections_borne(100'000, 1'024), (1'024U - 256U) / 2);
  EXPECT_EQ(connections_borne(100'000, 100'256), 50'000U);
}

TEST(ConnectionsBorne, WhatIsConfiguredIsNeverExceeded) {
  EXPECT_EQ(connections_borne(100, 1'048'576), 100U);
  EXPECT_EQ(connections_borne(100, 0), 100U);
  EXPECT_EQ(connections_borne(100, ~std::uint64_t{0}), 100U);
}

TEST(ConnectionsBorne, ATightLimitStillTakesClients) {
  EXPECT_EQ(connections_borne(100, 64), 16U);
  EXPECT_EQ(connections_borne(100, 1), 1U);
}

TEST(ConnectionsBorne, NoAddressMayTakeThemAllUnlessThatIsConfigured) {
  EXPECT_EQ(complete({}, 10'000).concurrent, 7'500U);
  EXPECT_EQ(complete({}, 1).concurrent, 1U);
  EXPECT_EQ(complete({.concurrent = 10'000}, 10'000).concurrent, 10'000U);
  EXPECT_EQ(complete({}, 10'000).large_share, 3'750U);
}

TEST(ConnectionsBorne, WhoIsExemptIsSoInTheWaitingRoomToo) {
  const auto limits = waiting_limits(10'000, {*Cidr::parse("192.0.2.0/24")});
  EXPECT_EQ(limits.in_all, 5'000U);
  ASSERT_EQ(limits.exempt.size(), 1U);
  EXPECT_TRUE(contains(limits.exempt, *IpAddress::parse("192.0.2.7")));
}

}  // namespace
}  // namespace weir::forwarder
