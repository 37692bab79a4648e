// The socket drivers of the forwarder: who is let in.

#include "tests/integration/driver_fixture.h"

namespace weir::io {
namespace {

TEST_F(DriverTest, OutOfDescriptorsTheListenerRestsAndComesBack) {
  script.bytes = [](relay::SessionIo& io, Leg, Bytes bytes) { io.send_view(Leg::kClient, bytes); };
  start();
  Peer first = Peer::connect(port);
  // accept() holds a descriptor while it finds nobody more, which would be free below the limit
  // that is set here. An answer comes only from a later turn of the worker.
  ASSERT_TRUE(first.send("x"));
  ASSERT_EQ(first.receive(1), "x");
  Peer waiting(::socket(AF_INET, SOCK_STREAM, 0));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(waiting.fd()) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(waiting.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const bool rested = eventually([&] { return worker->stats().accept_errors.load() >= 2; });
  const auto errors = worker->stats().accept_errors.load();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(rested);
  EXPECT_LT(errors, 10U);  // it rests, it does not spin
  EXPECT_TRUE(eventually([&] { return script.alive.load() == 2; }));
}

class FullTest : public DriverTest {
 protected:
  FullTest() { totals.connections_max = 3; }
};

TEST_F(FullTest, BeyondTheMostConnectionsAClientIsTurnedAwayAtOnce) {
  start();
  std::vector<Peer> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(Peer::connect(port));
  ASSERT_TRUE(eventually([&] { return script.alive.load() == 3; }));
  Peer fourth = Peer::connect(port);
  EXPECT_EQ(fourth.end(), ECONNRESET);
  EXPECT_EQ(worker->stats().refused_full.load(), 1U);
  clients.pop_back();
  ASSERT_TRUE(eventually([&] { return totals.connections.load() == 2; }));
  Peer fifth = Peer::connect(port);
  EXPECT_TRUE(eventually([&] { return script.alive.load() == 3; }));
}

class AddressTest : public DriverTest {
 protected:
  AddressTest() { worker_count = 2; }
  /// A client of the worker: let in, or met with a reset?
  bool let_in(std::size_t of_worker) {
    const auto before = sum(&WorkerStats::accepted);
    Peer client = Peer::connect(ports[of_worker]);
    ::send(client.fd(), "x", 1, MSG_NOSIGNAL);
    const bool in = client.receive(1) == "x";
    EXPECT_EQ(sum(&WorkerStats::accepted) - before, in ? 1U : 0U);
    if (in) clients.push_back(std::move(client));
    return in;
  }
  void echo() {
    script.bytes = [](relay::SessionIo& io, Leg, Bytes bytes) {
      if (bytes[0] == 'i') io.identified();
      if (bytes[0] == 'b') return io.finish("handshake: nonsense");
      io.send_view(Leg::kClient, bytes);
    };
  }
  /// Clients that are sent away before they have said what they want.
  void fail(int count) {
    for (int i = 0; i < count; ++i) {
      const Peer client = Peer::connect(ports[static_cast<std::size_t>(i) % 2]);
      ::send(client.fd(), "b", 1, MSG_NOSIGNAL);
      client.end();
    }
  }
  std::vector<Peer> clients;
};

TEST_F(AddressTest, OneAddressHasOnlyItsShareOfAllWorkers) {
  totals.gate.set_limits({.concurrent = 3});
  echo();
  start();
  EXPECT_TRUE(let_in(0) && let_in(1) && let_in(0));
  EXPECT_FALSE(let_in(0));
  EXPECT_FALSE(let_in(1));
  EXPECT_EQ(sum(&WorkerStats::refused_concurrent), 2U);
  clients.pop_back();
  ASSERT_TRUE(eventually([&] { return totals.connections.load() == 2; }));
  EXPECT_TRUE(let_in(1));
}

TEST_F(AddressTest, NewConnectionsOfOneAddressHaveARate) {
  totals.gate.set_limits({.connects_per_second = 5});
  echo();
  start();
  int in = 0;
  for (std::size_t i = 0; i < 12; ++i) in += let_in(i % 2);
  EXPECT_EQ(in, 10);
  EXPECT_EQ(sum(&WorkerStats::refused_rate), 2U);
  clock.advance(1s);
  EXPECT_TRUE(let_in(0));
}

TEST_F(AddressTest, AnAddressThatNeverIdentifiesItselfIsRefusedForAWhile) {
  totals.gate.set_limits({.failures_per_minute = 5});
  echo();
  start();
  fail(6);
  EXPECT_EQ(sum(&WorkerStats::failed_identifications), 6U);
  EXPECT_FALSE(let_in(0));
  EXPECT_EQ(sum(&WorkerStats::refused_failures), 1U);
  clock.advance(31s);
  EXPECT_TRUE(let_in(1));
}

TEST_F(AddressTest, ClientsThatOnlyConnectAndCloseAreNotHeldAgainstTheirAddress) {
  totals.gate.set_limits({.failures_per_minute = 1});
  echo();
  start();
  for (int i = 0; i < 20; ++i) {
    Peer client = Peer::connect(port);
    if (i % 2 == 0) client.reset();
  }
  ASSERT_TRUE(eventually([&] { return reasons().size() == 20; }));
  EXPECT_EQ(sum(&WorkerStats::failed_identifications), 0U);
  EXPECT_TRUE(let_in(0));
}

TEST_F(AddressTest, WhatTheForwarderEndsItselfIsNotHeldAgainstTheClient) {
  totals.gate.set_limits({.failures_per_minute = 1});
  start();
  for (int i = 0; i < 5; ++i) clients.push_back(Peer::connect(port));
  ASSERT_TRUE(eventually([&] { return script.alive.load() == 5; }));
  worker->begin_drain();
  ASSERT_TRUE(eventually([&] { return script.alive.load() == 0; }));
  EXPECT_EQ(sum(&WorkerStats::failed_identifications), 0U);
}

TEST_F(AddressTest, BehindABalancerTheClientIsCountedAndNotTheBalancer) {
  totals.gate.set_limits(
      {.concurrent = 2, .exempt = {*Cidr::parse("127.0.0.0/8"), *Cidr::parse("::1")}});
  script.bytes = [](relay::SessionIo& io, Leg, Bytes bytes) {
    const std::string_view name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!io.client_is(name)) return io.finish("client address has too many");
    io.identified();
    io.send_view(Leg::kClient, bytes);
  };
  start();
  const auto proxied = [&](std::string_view name) {
    Peer client = Peer::connect(port);
    EXPECT_TRUE(client.send(name));
    const bool in = client.receive(name.size()) == name;
    clients.push_back(std::move(client));
    return in;
  };
  EXPECT_TRUE(proxied("192.0.2.1:1000"));
  EXPECT_TRUE(proxied("192.0.2.1:1001"));
  EXPECT_FALSE(proxied("192.0.2.1:1002"));
  EXPECT_TRUE(proxied("[2001:db8::1]:1002"));
  EXPECT_TRUE(proxied("[2001:db8::2]:1002"));
  EXPECT_FALSE(proxied("[2001:db8::3]:1002"));
  EXPECT_EQ(sum(&WorkerStats::refused_concurrent), 2U);
  EXPECT_EQ(sum(&WorkerStats::failed_identifications), 0U);
}

}  // namespace
}  // namespace weir::io
