// The socket drivers of the forwarder: what passes, and how it ends.

#include "tests/integration/driver_fixture.h"

namespace weir::io {
namespace {

TEST_F(DriverTest, BytesPassBothWaysUnchanged) {
  Origin origin;
  script.origin = origin.endpoint();
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("hello"));
  const Peer server = origin.accept();
  EXPECT_EQ(server.receive(5), "hello");
  const std::string media = pattern(3'000'000);
  std::thread sender([&] { EXPECT_TRUE(server.send(media)); });
  EXPECT_EQ(client.receive(media.size()), media);
  sender.join();
  EXPECT_EQ(last_address.substr(0, 10), "127.0.0.1:");
}

TEST_F(DriverTest, LastWordsReachThePeerBeforeTheEnd) {
  script.bytes = [](relay::SessionIo& io, Leg, Bytes) {
    io.send_copy(Leg::kClient, Bytes(reinterpret_cast<const std::uint8_t*>("refused"), 7));
    io.finish("refused");
  };
  start();
  for (int i = 0; i < 50; ++i) {
    Peer client = Peer::connect(port);
    // More than the session reads: a plain close would be a reset that destroys the answer.
    ASSERT_TRUE(client.send(std::string(400'000, 'x')));
    EXPECT_EQ(client.receive(7), "refused");
    EXPECT_EQ(client.end(), 0);
  }
}

TEST_F(DriverTest, WhatAnOriginSaidBeforeItWentIsReadFirst) {
  Origin origin;
  script.origin = origin.endpoint();
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("publish"));
  Peer server = origin.accept();
  EXPECT_EQ(server.receive(7), "publish");
  ASSERT_TRUE(server.send("no"));
  server.close();
  EXPECT_EQ(client.receive(2), "no");
  EXPECT_EQ(client.end(), 0);
  ASSERT_EQ(ends().size(), 1U);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kOrigin, LegEnd::kFin}));
}

TEST_F(DriverTest, AResetIsToldAsSuch) {
  Origin origin;
  script.origin = origin.endpoint();
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("x"));
  Peer server = origin.accept();
  EXPECT_EQ(server.receive(1), "x");
  server.reset();
  EXPECT_EQ(client.end(), 0);
  ASSERT_EQ(ends().size(), 1U);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kOrigin, LegEnd::kReset}));
}

TEST_F(DriverTest, AClientThatHasFinishedSendingCanStillBeAnswered) {
  script.closed = [](relay::SessionIo& io, Leg, LegEnd) {
    io.send_copy(Leg::kClient, Bytes(reinterpret_cast<const std::uint8_t*>("late"), 4));
    io.finish("client closed");
  };
  start();
  Peer client = Peer::connect(port);
  client.shutdown_write();
  EXPECT_EQ(client.receive(4), "late");
  EXPECT_EQ(client.end(), 0);
}

TEST_F(DriverTest, TheTimerRunsNotBeforeItsTimeAndAtOnceWhenItIsPast) {
  std::atomic<bool> early{false};
  std::optional<MonotonicTime> due;
  script.start = [&](relay::SessionIo& io) { io.wake_at(MonotonicTime{}); };
  script.timer = [&](relay::SessionIo& io, MonotonicTime now) {
    if (!due) {
      due = now + 30ms;
      io.wake_at(now + 10s);
      io.wake_at(due);
    } else {
      early = now < *due;
      io.finish("timer");
    }
  };
  start();
  Peer client = Peer::connect(port);
  EXPECT_EQ(client.end(), 0);
  EXPECT_EQ(script.timers.load(), 2);
  EXPECT_FALSE(early.load());
}

TEST_F(DriverTest, ADrainTellsEverySessionAndAcceptsNoMore) {
  start();
  std::vector<Peer> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(Peer::connect(port));
  ASSERT_TRUE(eventually([&] { return script.alive.load() == 20; }));
  worker->begin_drain();
  for (const Peer& client : clients) {
    EXPECT_EQ(client.receive(3), "bye");
    EXPECT_EQ(client.end(), 0);
  }
  EXPECT_EQ(script.shutdowns.load(), 20);
  EXPECT_TRUE(eventually([&] { return totals.connections.load() == 0; }));
}

TEST_F(DriverTest, ManyConnectionsComeAndGoAndNothingIsLeft) {
  Origin origin;
  script.origin = origin.endpoint();
  start();
  std::thread serve([&] {
    for (int i = 0; i < 600; ++i) {
      const Peer server = origin.accept();
      const std::string got = server.receive(4);
      server.send(got);
    }
  });
  for (int round = 0; round < 6; ++round) {
    std::vector<Peer> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(Peer::connect(port));
    for (const Peer& client : clients) ASSERT_TRUE(client.send("ping"));
    for (const Peer& client : clients) EXPECT_EQ(client.receive(4), "ping");
  }
  serve.join();
  EXPECT_TRUE(eventually([&] { return totals.connections.load() == 0; }));
  EXPECT_EQ(worker->stats().accepted.load(), 600U);
}

}  // namespace
}  // namespace weir::io
