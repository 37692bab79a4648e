// The socket drivers of the forwarder: dials.

#include "tests/integration/driver_fixture.h"

namespace weir::io {
namespace {

TEST_F(DriverTest, ARefusedDialIsToldAndNotInsideTheCall) {
  Origin closed(false);
  script.origin = closed.endpoint();
  start();
  Peer client = Peer::connect(port);
  EXPECT_EQ(client.end(), 0);
  ASSERT_EQ(ends().size(), 1U);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kOrigin, LegEnd::kRefused}));
}

TEST_F(DriverTest, AnEndpointThatCannotBeDialledIsUnreachable) {
  script.origin = "nonsense";
  start();
  Peer client = Peer::connect(port);
  EXPECT_EQ(client.end(), 0);
  ASSERT_EQ(ends().size(), 1U);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kOrigin, LegEnd::kUnreachable}));
}

TEST_F(DriverTest, EachAddressOfAHostNameIsTried) {
  Origin origin;  // on 127.0.0.1; localhost may be [::1] first, where nobody listens
  const std::string endpoint = origin.endpoint();
  script.origin = "localhost" + endpoint.substr(endpoint.find(':'));
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("x"));
  const Peer server = origin.accept();
  EXPECT_EQ(server.receive(1), "x");
  EXPECT_TRUE(ends().empty());
}

TEST_F(DriverTest, ADialReplacesTheLegBeforeAndNothingOfItComesLate) {
  Origin first, second;
  script.origin = first.endpoint();
  script.bytes = [endpoint = second.endpoint()](relay::SessionIo& io, Leg leg, Bytes bytes) {
    if (leg == Leg::kOrigin) {
      io.send_view(Leg::kClient, bytes);
      return;
    }
    io.close(Leg::kOrigin, CloseMode::kFlush);
    io.dial(Leg::kOrigin, endpoint);
    io.send_copy(Leg::kOrigin, bytes);
  };
  start();
  Peer client = Peer::connect(port);
  const Peer old = first.accept();
  ASSERT_TRUE(client.send("again"));
  const Peer fresh = second.accept();
  EXPECT_EQ(old.end(), 0);
  EXPECT_EQ(fresh.receive(5), "again");
  ::send(old.fd(), "stale", 5, MSG_NOSIGNAL);
  ASSERT_TRUE(fresh.send("fresh"));
  EXPECT_EQ(client.receive(5), "fresh");
  EXPECT_TRUE(ends().empty());
}

TEST_F(DriverTest, ADialWithoutADescriptorIsNotToldAsTheOriginsDoing) {
  const Origin origin;
  script.bytes = [&](relay::SessionIo& io, Leg, Bytes bytes) {
    io.send_copy(Leg::kClient, bytes);
    if (bytes[0] == 'd') io.dial(Leg::kOrigin, origin.endpoint());
  };
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit tight = before;
  tight.rlim_cur = 3;  // descriptors that are open stay usable
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  EXPECT_TRUE(client.send("d"));
  const bool told = eventually([&] { return !ends().empty(); });
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(told);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kOrigin, LegEnd::kNoResources}));
}

TEST_F(DriverTest, ANameThatNobodyKnowsIsUnreachable) {
  script.origin = "no-such-host.invalid:1935";
  start();
  Peer client = Peer::connect(port);
  EXPECT_EQ(client.end(), 0);
  ASSERT_EQ(ends().size(), 1U);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kOrigin, LegEnd::kUnreachable}));
}

TEST_F(DriverTest, ANameOfWhichNoAddressAnswersIsToldOnce) {
  Origin closed(false);
  const std::string endpoint = closed.endpoint();
  script.origin = "localhost" + endpoint.substr(endpoint.find(':'));
  script.closed = [](relay::SessionIo& io, Leg leg, LegEnd) {
    if (leg == Leg::kClient) io.finish("client closed");
  };
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(eventually([&] { return !ends().empty(); }));
  client.shutdown_write();
  EXPECT_EQ(client.end(), 0);
  EXPECT_EQ(ends(), (std::vector<std::pair<Leg, LegEnd>>{{Leg::kOrigin, LegEnd::kRefused},
                                                         {Leg::kClient, LegEnd::kFin}}));
}

}  // namespace
}  // namespace weir::io
