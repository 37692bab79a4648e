// The socket drivers of the forwarder: peers that are slow.

#include "tests/integration/driver_fixture.h"

namespace weir::io {
namespace {

TEST_F(DriverTest, ASlowReaderCostsABoundedQueueAndLosesNothing) {
  Origin origin;
  script.origin = origin.endpoint();
  start();
  Peer client = Peer::connect(port, 4096);
  ASSERT_TRUE(client.send("x"));
  const Peer server = origin.accept();
  const std::string media = pattern(24'000'000);
  std::thread sender([&] { EXPECT_TRUE(server.send(media)); });
  // It reads nothing until the relay has stopped reading the origin.
  ASSERT_TRUE(eventually([&] { return worker->stats().congested.load() > 0; }));
  EXPECT_LE(totals.queued_bytes(), kQueueHighMark + kReceiveBufferBytes + 2 * kQueueBlockBytes);
  EXPECT_LT(script.read_from_origin.load(), media.size());
  EXPECT_EQ(client.receive(media.size()), media);
  sender.join();
  EXPECT_TRUE(eventually([&] { return totals.queued_bytes() == 0; }));
}

TEST_F(DriverTest, AClientThatAsksWithoutReadingIsNotReadEither) {
  std::atomic<std::size_t> read = 0;
  script.bytes = [&](relay::SessionIo& io, Leg, Bytes bytes) {
    read += bytes.size();
    io.send_copy(Leg::kClient, bytes);
  };
  start();
  Peer client = Peer::connect(port, 4096);
  const std::string questions = pattern(24'000'000);
  std::thread sender([&] { EXPECT_TRUE(client.send(questions)); });
  ASSERT_TRUE(eventually([&] { return worker->stats().congested.load() > 0; }));
  EXPECT_LE(totals.queued_bytes(), kQueueHighMark + kReceiveBufferBytes + 2 * kQueueBlockBytes);
  EXPECT_LT(read.load(), questions.size());
  // It is heard again once it reads, and nothing is lost.
  EXPECT_EQ(client.receive(questions.size()), questions);
  sender.join();
  EXPECT_EQ(read.load(), questions.size());
}

TEST_F(DriverTest, TheQueueOfASessionThatEndsIsGivenBack) {
  Origin origin;
  script.origin = origin.endpoint();
  start();
  Peer client = Peer::connect(port, 4096);
  ASSERT_TRUE(client.send("x"));
  const Peer server = origin.accept();
  std::thread sender([&] {
    const std::string block(1'000'000, 'm');
    while (::send(server.fd(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  ASSERT_TRUE(eventually([&] { return worker->stats().congested.load() > 0; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return totals.queued_bytes() == 0; }));
  sender.join();
}

/// Serves everybody who connects: sends as fast as it is read, or reads, or does neither.
class Pump {
 public:
  enum class Kind { kFloods, kReads, kStalls };
  explicit Pump(Kind kind) : origin_(true, kind == Kind::kStalls ? 4096 : 0), kind_(kind) {
    thread_ = std::thread([this] { serve(); });
  }
  ~Pump() {
    stop_ = true;
    Peer::connect(origin_port());  // ends accept()
    thread_.join();
    for (std::thread& one : served_) one.join();
  }
  std::string endpoint() const { return origin_.endpoint(); }
  std::size_t received() const { return received_; }

 private:
  std::uint16_t origin_port() const {
    const std::string text = endpoint();
    return static_cast<std::uint16_t>(std::stoi(text.substr(text.find(':') + 1)));
  }
  void serve() {
    while (!stop_) {
      auto peer = std::make_shared<Peer>(origin_.accept());
      if (peer->fd() < 0 || stop_) continue;
      served_.emplace_back([this, peer] { run(*peer); });
    }
  }
  void run(const Peer& peer) {
    const std::string block(64 * 1024, 'm');
    std::string taken(64 * 1024, '\0');
    while (!stop_) {
      // Nobody waits for readiness that does not come.
      pollfd ready{peer.fd(), static_cast<short>(kind_ == Kind::kFloods ? POLLOUT : POLLIN), 0};
      if (kind_ == Kind::kStalls) ready.events = 0;
      ::poll(&ready, 1, 20);
      if ((ready.revents & (POLLERR | POLLHUP)) != 0) return;
      if (ready.revents == 0) continue;
      const ssize_t count =
          kind_ == Kind::kFloods
              ? ::send(peer.fd(), block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
              : ::recv(peer.fd(), taken.data(), taken.size(), MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN)) return;
      if (kind_ == Kind::kReads && count > 0) received_ += static_cast<std::size_t>(count);
    }
  }

  Origin origin_;
  const Kind kind_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> received_{0};
  std::thread thread_;
  std::vector<std::thread> served_;
};

/// Clients say with their first byte what they are: a player, or the publisher of a stream whose
/// origin reads or is stalled.
class OverloadTest : public DriverTest {
 protected:
  OverloadTest() {
    worker_count = 2;
    totals.queued_bytes_max = kBound;
    script.bytes = [this](relay::SessionIo& io, Leg leg, Bytes bytes) {
      if (leg != Leg::kClient) return io.send_view(Leg::kClient, bytes);
      if (bytes.size() > 1) return io.send_view(Leg::kOrigin, bytes);
      io.send_copy(Leg::kClient, Bytes(reinterpret_cast<const std::uint8_t*>("k"), 1));
      if (bytes[0] == 'v') io.dial(Leg::kOrigin, floods.endpoint());
      if (bytes[0] == 'p') io.dial(Leg::kOrigin, reads.endpoint());
      if (bytes[0] == 's') io.dial(Leg::kOrigin, stalls.endpoint());
    };
  }
  Peer client(char kind, std::size_t number, int receive_buffer = 0) {
    Peer peer = Peer::connect(ports[number % 2], receive_buffer);
    EXPECT_TRUE(peer.send(std::string_view(&kind, 1)));
    EXPECT_EQ(peer.receive(1), "k");
    return peer;
  }
  /// Sends what is taken, in pieces that are no first byte.
  static void publish(const Peer& peer) {
    const std::string block(64 * 1024, 'm');
    while (::send(peer.fd(), block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
  }
  /// Most bytes that were seen queued until the fact was true.
  std::size_t most_queued_until(const std::function<bool()>& fact) {
    std::size_t most = 0;
    EXPECT_TRUE(eventually([&] {
      most = std::max(most, totals.queued_bytes());
      return fact();
    }));
    return most;
  }

  static constexpr std::size_t kBound = 8UL * 1024 * 1024;
  Pump floods{Pump::Kind::kFloods};
  Pump reads{Pump::Kind::kReads};
  Pump stalls{Pump::Kind::kStalls};
};

TEST_F(OverloadTest, AFloodOfSlowPlayersIsShedInAllWorkersAndTheBoundHolds) {
  start();
  std::vector<Peer> publishers;
  for (std::size_t i = 0; i < 4; ++i) publishers.push_back(client('s', i));
  ASSERT_TRUE(eventually([&] {
    for (const Peer& peer : publishers) publish(peer);
    return totals.queued_to_origins.load() > 4 * kQueueLowMark;
  }));
  std::vector<Peer> players;
  for (std::size_t i = 0; i < 60; ++i) players.push_back(client('v', i, 4096));
  const std::size_t most = most_queued_until([&] { return sum(&WorkerStats::shed) >= 25; });
  EXPECT_LE(most, kBound + kBound / kShedSlackParts + 2 * kEventAddsMax);
  EXPECT_GT(most, kBound / 2);
  EXPECT_TRUE(eventually([&] { return totals.queued_bytes() <= kBound; }));
  EXPECT_GT(workers[0]->stats().shed.load(), 0U);
  EXPECT_GT(workers[1]->stats().shed.load(), 0U);
  // Shed and told as such; the publishers, slow as their origin is, are all there.
  for (const std::string& reason : reasons()) EXPECT_EQ(reason, "too many bytes queued");
  for (const Peer& peer : publishers) {
    pollfd gone{peer.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&gone, 1, 0), 0);
  }
}

TEST_F(OverloadTest, PublishersGoOnlyWhenTheirOwnBytesAreTooMany) {
  start();
  std::vector<Peer> publishers;
  for (std::size_t i = 0; i < 60; ++i) publishers.push_back(client('s', i));
  std::size_t most = 0;
  ASSERT_TRUE(eventually([&] {
    for (const Peer& peer : publishers) publish(peer);
    most = std::max(most, totals.queued_bytes());
    return sum(&WorkerStats::shed) > 0;
  }));
  const std::size_t bound = kBound + kBound / kPublishersExtraParts;
  EXPECT_GT(most, kBound);
  EXPECT_LE(most, bound + kBound / kShedSlackParts + 2 * kEventAddsMax);
  EXPECT_LT(sum(&WorkerStats::shed), 60U);
}

TEST_F(OverloadTest, ASlowPlayerAndAStalledOriginCostNobodyElseAnything) {
  start();
  const Peer slow_player = client('v', 0, 4096);
  const Peer stuck_publisher = client('s', 0);
  ASSERT_TRUE(eventually([&] {
    publish(stuck_publisher);
    return sum(&WorkerStats::congested) >= 2;
  }));
  const std::size_t queued = totals.queued_bytes();
  EXPECT_LE(queued, 2 * kEventAddsMax);
  // On the same worker: a player that reads, and a publisher whose origin does.
  const Peer player = client('v', 0);
  EXPECT_EQ(player.receive(20'000'000).size(), 20'000'000U);
  const Peer publisher = client('p', 0);
  ASSERT_TRUE(publisher.send(std::string(20'000'000, 'm')));
  EXPECT_TRUE(eventually([&] { return reads.received() == 20'000'000; }));
  EXPECT_EQ(sum(&WorkerStats::shed), 0U);
  // The slow two wait, and hold no more than before.
  EXPECT_LE(totals.queued_bytes(), 3 * kEventAddsMax);
  EXPECT_TRUE(reasons().empty());
}

class TooSlowTest : public OverloadTest {
 protected:
  TooSlowTest() { worker_count = 1; }
  /// Timers do not know of the clock's step: an event makes the worker look.
  void advance(Duration by) {
    clock.advance(by);
    const auto accepted = sum(&WorkerStats::accepted);
    const auto open = totals.connections.load();
    Peer::connect(port);
    ASSERT_TRUE(eventually([&] {
      return sum(&WorkerStats::accepted) > accepted && totals.connections.load() == open;
    }));
  }
};

TEST_F(TooSlowTest, APlayerThatCannotBeServedForLongIsGivenUp) {
  start();
  const Peer player = client('v', 0, 4096);
  ASSERT_TRUE(eventually([&] { return sum(&WorkerStats::congested) == 1; }));
  advance(kSweepEvery + 1s);  // from here on it counts
  advance(kCongestedMax - 1s);
  EXPECT_EQ(sum(&WorkerStats::too_slow), 0U);
  clock.advance(2 * kSweepEvery);
  Peer::connect(port);
  ASSERT_TRUE(eventually([&] { return sum(&WorkerStats::too_slow) == 1; }));
  ASSERT_TRUE(eventually([&] { return totals.connections.load() == 0; }));
  EXPECT_EQ(totals.queued_bytes(), 0U);
  const auto told = ends();
  EXPECT_EQ(std::count(told.begin(), told.end(), std::pair{Leg::kClient, LegEnd::kTimedOut}), 1);
}

TEST_F(TooSlowTest, APlayerThatCatchesUpBeginsAnew) {
  start();
  const Peer player = client('v', 0, 4096);
  ASSERT_TRUE(eventually([&] { return sum(&WorkerStats::congested) == 1; }));
  advance(kSweepEvery + 1s);
  advance(kCongestedMax - 1s);
  // It reads until it has been below the low mark, and is slow again.
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(player.receive(1'000'000).size(), 1'000'000U);
    return sum(&WorkerStats::congested) >= 2;
  }));
  advance(2 * kSweepEvery);
  advance(2 * kSweepEvery);
  EXPECT_EQ(sum(&WorkerStats::too_slow), 0U);
}

}  // namespace
}  // namespace weir::io
