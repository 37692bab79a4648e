// The socket drivers of the forwarder: clients that send before an origin takes their bytes.

#include "tests/integration/driver_fixture.h"

namespace weir::io {
namespace {

using relay::WhileKept;

/// Sessions that keep all a client sends until their origin says a word.
class KeepingDriver : public DriverTest {
 protected:
  void keep_all() {
    script.origin = origin.endpoint();
    script.bytes = [this](relay::SessionIo& io, Leg leg, Bytes bytes) {
      if (leg == Leg::kOrigin) {
        kept_at_most = kept.size();
        io.send_copy(Leg::kOrigin, kept);
        kept.clear();
        accepted = true;
        return io.keeps(0, WhileKept::kStopReading);
      }
      read += bytes.size();
      if (accepted) return io.send_view(Leg::kOrigin, bytes);
      kept.insert(kept.end(), bytes.begin(), bytes.end());
      io.keeps(kept.size(), while_kept);
    };
    start();
  }
  bool held() const { return read > kKeptBytesMark; }

  Origin origin;
  WhileKept while_kept = WhileKept::kStopReading;
  std::atomic<std::size_t> read = 0;
  std::atomic<std::size_t> kept_at_most = 0;

 private:
  // Of the worker.
  std::vector<std::uint8_t> kept;
  bool accepted = false;
};

TEST_F(KeepingDriver, TheClientIsReadOnOnceTheOriginTakesWhatWasKept) {
  keep_all();
  Peer client = Peer::connect(port);
  const Peer server = origin.accept();
  const std::string media = pattern(24'000'000);
  std::thread sender([&] {
    EXPECT_TRUE(client.send(media));
    client.shutdown_write();
  });
  ASSERT_TRUE(eventually([&] { return held(); }));
  EXPECT_LE(totals.queued_bytes(), kKeptBytesMark + kReceiveBufferBytes);
  ASSERT_TRUE(server.send("go"));
  EXPECT_EQ(server.receive(media.size()), media);
  sender.join();
  EXPECT_GT(kept_at_most.load(), kKeptBytesMark);
  EXPECT_LE(kept_at_most.load(), kKeptBytesMark + kReceiveBufferBytes);
  ASSERT_TRUE(eventually([&] { return !ends().empty(); }));
  EXPECT_EQ(ends()[0], (std::pair{Leg::kClient, LegEnd::kFin}));
  EXPECT_EQ(totals.queued_bytes(), 0U);
}

TEST_F(KeepingDriver, TheClientIsReadOnWhenTheSessionBoundsWhatItKeeps) {
  while_kept = WhileKept::kReadOn;
  keep_all();
  Peer client = Peer::connect(port);
  const Peer server = origin.accept();
  const std::string media = pattern(2'000'000);
  ASSERT_TRUE(client.send(media));
  EXPECT_TRUE(eventually([&] { return read == media.size(); }));
  EXPECT_EQ(totals.queued_bytes(), media.size());
}

TEST_F(KeepingDriver, AResetIsNoticedWhileTheClientIsNotRead) {
  keep_all();
  Peer client = Peer::connect(port);
  const Peer server = origin.accept();
  ASSERT_TRUE(client.send(std::string(400'000, 'm')));
  ASSERT_TRUE(eventually([&] { return held(); }));
  client.reset();
  EXPECT_EQ(server.end(), 0);
  ASSERT_EQ(ends().size(), 1U);
  EXPECT_EQ(ends()[0], (std::pair{Leg::kClient, LegEnd::kReset}));
  EXPECT_TRUE(eventually([&] { return totals.queued_bytes() == 0; }));
}

TEST_F(KeepingDriver, DeadlinesPassWhileTheClientIsNotRead) {
  script.timer = [](relay::SessionIo& io, MonotonicTime) { io.finish("the hold is over"); };
  script.start = [this](relay::SessionIo& io) {
    io.keeps(kKeptBytesMark + 1, while_kept);
    io.wake_at(clock.now() + 20ms);
  };
  keep_all();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("unread"));
  EXPECT_EQ(client.end(), 0);
  EXPECT_EQ(read.load(), 0U);
  EXPECT_EQ(reasons(), std::vector<std::string>{"the hold is over"});
}

TEST_F(KeepingDriver, WhatIsKeptCountsAmongTheBytesOfTheProcess) {
  totals.queued_bytes_max = std::size_t{256} * 1024;
  script.bytes = [](relay::SessionIo& io, Leg, Bytes bytes) {
    io.keeps(bytes.size(), WhileKept::kStopReading);
  };
  start();
  std::vector<Peer> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(Peer::connect(port));
    ASSERT_TRUE(clients.back().send(std::string(60'000, 'm')));
  }
  ASSERT_TRUE(eventually([&] { return sum(&WorkerStats::bytes_from_client) >= 1'000'000; }));
  EXPECT_LE(totals.queued_bytes(), totals.queued_bytes_max * 5 / 4 + kEventAddsMax);
  EXPECT_TRUE(eventually([&] { return sum(&WorkerStats::shed) > 0; }));
}

}  // namespace
}  // namespace weir::io
