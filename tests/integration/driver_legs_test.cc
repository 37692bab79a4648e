// The socket drivers of the forwarder: several origin legs of one session.

#include "tests/integration/driver_fixture.h"

namespace weir::io {
namespace {

TEST_F(DriverTest, OneReadGoesToSeveralOriginsAndASlowOneHoldsTheClientBack) {
  Origin first, second;
  script.origin = first.endpoint();
  const Leg other = relay::origin_leg(1);
  script.start = [&](relay::SessionIo& io) { io.dial(other, second.endpoint()); };
  std::atomic<std::size_t> read = 0;
  script.bytes = [&](relay::SessionIo& io, Leg leg, Bytes bytes) {
    if (leg != Leg::kClient) {
      io.send_view(Leg::kClient, bytes);
      return;
    }
    read += bytes.size();
    io.send_view(Leg::kOrigin, bytes);
    io.send_copy(other, bytes.first(bytes.size() / 2));
    io.send_view(other, bytes.subspan(bytes.size() / 2));
  };
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("hello"));
  const Peer one = first.accept();
  const Peer two = second.accept();
  EXPECT_EQ(one.receive(5), "hello");
  EXPECT_EQ(two.receive(5), "hello");
  for (const Peer* origin : {&one, &two}) {
    ASSERT_TRUE(origin->send("back"));
    EXPECT_EQ(client.receive(4), "back");
  }
  // The first reads all, the second nothing until the client is held back.
  const std::string media = pattern(24'000'000);
  std::thread sender([&] { EXPECT_TRUE(client.send(media)); });
  std::string heard;
  std::thread reader([&] { heard = one.receive(media.size()); });
  ASSERT_TRUE(eventually([&] { return worker->stats().congested.load() > 0; }));
  EXPECT_LT(read.load(), media.size());
  EXPECT_EQ(two.receive(media.size()), media);
  sender.join();
  reader.join();
  EXPECT_EQ(heard, media);
  EXPECT_TRUE(eventually([&] { return totals.queued_bytes() == 0; }));
}

TEST_F(DriverTest, TheEndOfOneOriginIsToldByItsLegAndLeavesTheOther) {
  Origin first, second;
  script.origin = first.endpoint();
  script.start = [&](relay::SessionIo& io) {
    io.dial(relay::origin_leg(1), second.endpoint());
    io.dial(relay::origin_leg(2), "127.0.0.1:1");
  };
  script.bytes = [](relay::SessionIo& io, Leg leg, Bytes bytes) {
    io.send_view(leg == Leg::kClient ? Leg::kOrigin : Leg::kClient, bytes);
  };
  script.closed = [](relay::SessionIo& io, Leg leg, LegEnd) {
    if (leg == Leg::kClient) io.finish("client closed");
  };
  start();
  Peer client = Peer::connect(port);
  const Peer one = first.accept();
  Peer two = second.accept();
  ASSERT_TRUE(eventually([&] { return ends().size() == 1; }));
  EXPECT_EQ(ends()[0], (std::pair{relay::origin_leg(2), LegEnd::kRefused}));
  two.reset();
  ASSERT_TRUE(eventually([&] { return ends().size() == 2; }));
  EXPECT_EQ(ends()[1], (std::pair{relay::origin_leg(1), LegEnd::kReset}));
  ASSERT_TRUE(client.send("on"));
  EXPECT_EQ(one.receive(2), "on");
}

TEST_F(DriverTest, FurtherLegsCountLikeConnectionsUntilTheSessionEnds) {
  totals.connections_max = 4;
  const Origin origin;
  script.origin = origin.endpoint();
  script.start = [&](relay::SessionIo& io) {
    for (std::size_t i = 1; i < 5; ++i) io.dial(relay::origin_leg(i), origin.endpoint());
  };
  script.bytes = [&](relay::SessionIo& io, Leg, Bytes) {
    io.dial(relay::origin_leg(1), origin.endpoint());  // again: it has its place
    io.dial(relay::origin_leg(4), origin.endpoint());
  };
  script.closed = [](relay::SessionIo& io, Leg leg, LegEnd) {
    if (leg == Leg::kClient) io.finish("client closed");
  };
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(eventually([&] { return ends().size() == 1; }));
  EXPECT_EQ(ends()[0], (std::pair{relay::origin_leg(4), LegEnd::kNoResources}));
  EXPECT_EQ(totals.connections.load(), 4U);
  Peer other = Peer::connect(port);
  EXPECT_EQ(other.end(), ECONNRESET);
  ASSERT_TRUE(client.send("x"));
  ASSERT_TRUE(eventually([&] { return ends().size() == 2; }));
  EXPECT_EQ(ends()[1], (std::pair{relay::origin_leg(4), LegEnd::kNoResources}));
  EXPECT_EQ(totals.connections.load(), 4U);
  client.close();
  EXPECT_TRUE(eventually([&] { return totals.connections.load() == 0; }));
}

}  // namespace
}  // namespace weir::io
