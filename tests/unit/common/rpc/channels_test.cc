#include "common/rpc/channels.h"

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

namespace weir::rpc {
namespace {

TEST(Channels, AreMadeOnceAndAnewOnDemandWhileTheOldOneIsKeptAsLongAsItIsUsed) {
  Channels channels({"127.0.0.1:1", "127.0.0.1:2"}, Secret());
  EXPECT_EQ(channels.name(1), "127.0.0.1:2");
  auto first = channels.at(1);
  EXPECT_EQ(channels.at(1), first);
  channels.renew(1);
  EXPECT_NE(channels.at(1), first);
  EXPECT_EQ(channels.retired(), 1U);
  first.reset();
  channels.at(0);
  EXPECT_EQ(channels.retired(), 0U);
}

TEST(Channels, WhatWasNeverUsedNeedsNoSuccessor) {
  Channels channels({"127.0.0.1:1"}, Secret());
  for (int i = 0; i < 10; ++i) channels.renew(0);
  EXPECT_EQ(channels.retired(), 0U);
}

}  // namespace
}  // namespace weir::rpc
