// The socket drivers of the forwarder on loopback, under a scripted session.

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "dataplane/io/limits.h"
#include "dataplane/io/worker.h"
#include "dataplane/io/worker_context.h"

namespace weir::io {
namespace {

using namespace std::chrono_literals;
using relay::CloseMode;
using relay::Leg;
using relay::LegEnd;
using Bytes = std::span<const std::uint8_t>;

/// A blocking socket of the test, with a deadline on every call.
class Peer {
 public:
  explicit Peer(int fd = -1) : fd_(fd) { deadline(); }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Peer() { close(); }

  static Peer connect(std::uint16_t port, int receive_buffer = 0) {
    Peer peer(::socket(AF_INET, SOCK_STREAM, 0));
    if (receive_buffer != 0)
      ::setsockopt(peer.fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(peer.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return peer;
  }
  bool send(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// Exactly `count` bytes, fewer at the end of the stream.
  std::string receive(std::size_t count) const {
    std::string got(count, '\0');
    std::size_t have = 0;
    while (have < count) {
      const ssize_t n = ::recv(fd_, got.data() + have, count - have, 0);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    got.resize(have);
    return got;
  }
  /// 0 = FIN, else the error number.
  int end() const {
    char byte = 0;
    const ssize_t n = ::recv(fd_, &byte, 1, 0);
    return n == 0 ? 0 : n < 0 ? errno : -1;
  }
  void shutdown_write() const { ::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

 private:
  void deadline() const {
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  int fd_;
};

class Origin {
 public:
  explicit Origin(bool listening = true) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (listening) {
      ::listen(fd_, 512);
    }
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~Origin() { ::close(fd_); }
  Peer accept() const { return Peer(::accept(fd_, nullptr, nullptr)); }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

/// What a test's sessions do and what they saw; shared by all of them.
struct Script {
  std::string origin;
  std::function<void(relay::SessionIo&)> start;
  std::function<void(relay::SessionIo&, Leg, Bytes)> bytes;  ///< empty = pass on to the other leg
  std::function<void(relay::SessionIo&, Leg, LegEnd)> closed;
  std::function<void(relay::SessionIo&, MonotonicTime)> timer;

  std::mutex mutex;
  std::vector<std::pair<Leg, LegEnd>> ends;
  std::atomic<int> alive{0};
  std::atomic<int> timers{0};
  std::atomic<int> shutdowns{0};
  std::atomic<std::size_t> read_from_origin{0};
};

class ScriptedSession final : public relay::RelaySession {
 public:
  ScriptedSession(Script& script, relay::SessionIo& io) : script_(script), io_(io) {
    ++script_.alive;
  }
  ~ScriptedSession() override { --script_.alive; }
  void on_start(MonotonicTime) override {
    if (!script_.origin.empty()) io_.dial(Leg::kOrigin, script_.origin);
    if (script_.start) script_.start(io_);
  }
  void on_bytes(Leg leg, MonotonicTime, Bytes bytes) override {
    if (leg == Leg::kOrigin) script_.read_from_origin += bytes.size();
    if (script_.bytes) {
      script_.bytes(io_, leg, bytes);
    } else if (leg == Leg::kClient && !connected_) {
      io_.send_copy(Leg::kOrigin, bytes);
    } else {
      io_.send_view(leg == Leg::kClient ? Leg::kOrigin : Leg::kClient, bytes);
    }
  }
  void on_origin_connected(Leg, MonotonicTime) override { connected_ = true; }
  void on_leg_closed(Leg leg, LegEnd end, MonotonicTime) override {
    {
      const std::lock_guard lock(script_.mutex);
      script_.ends.emplace_back(leg, end);
    }
    if (script_.closed) {
      script_.closed(io_, leg, end);
    } else {
      io_.finish("leg closed");
    }
  }
  void on_timer(MonotonicTime now) override {
    ++script_.timers;
    if (script_.timer) script_.timer(io_, now);
  }
  void on_shutdown(MonotonicTime) override {
    ++script_.shutdowns;
    io_.send_copy(Leg::kClient, Bytes(reinterpret_cast<const std::uint8_t*>("bye"), 3));
    io_.finish("shutdown");
  }

 private:
  Script& script_;
  relay::SessionIo& io_;
  bool connected_ = false;
};

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int off = 0;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin6_port);
    ASSERT_EQ(::listen(fd, 1024), 0);
    worker = std::make_unique<Worker>(clock, totals);
    worker->listen(fd, connections_max, [this](relay::SessionIo& io, const ClientFacts& client) {
      last_address = client.address;
      return std::make_unique<ScriptedSession>(script, io);
    });
  }
  void start() {
    thread = std::thread([this] { worker->run(); });
  }
  void TearDown() override {
    worker->stop();
    if (thread.joinable()) thread.join();
    worker.reset();
    EXPECT_EQ(script.alive.load(), 0);
    EXPECT_EQ(totals.connections.load(), 0U);
    EXPECT_EQ(totals.queued_bytes(), 0U);
  }
  /// Waits for a fact that another thread brings about.
  static bool eventually(const std::function<bool()>& fact,
                         std::chrono::milliseconds within = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (!fact()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::vector<std::pair<Leg, LegEnd>> ends() {
    const std::lock_guard lock(script.mutex);
    return script.ends;
  }

  SystemClock clock;
  ProcessTotals totals;
  Script script;
  std::size_t connections_max = 100'000;
  std::uint16_t port = 0;
  std::string last_address;
  std::unique_ptr<Worker> worker;
  std::thread thread;
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>((i * 31 + (i >> 8) * 7) & 0xff);
  return text;
}

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

TEST_F(DriverTest, AHostNameIsLookedUp) {
  Origin origin;
  const std::string endpoint = origin.endpoint();
  script.origin = "localhost" + endpoint.substr(endpoint.find(':'));
  script.closed = [first = endpoint](relay::SessionIo& io, Leg leg, LegEnd) {
    // localhost may be [::1] first, where nobody listens.
    if (leg == Leg::kOrigin)
      io.dial(Leg::kOrigin, first);
    else
      io.finish("client closed");
  };
  start();
  Peer client = Peer::connect(port);
  ASSERT_TRUE(client.send("x"));
  const Peer server = origin.accept();
  EXPECT_GE(server.fd(), 0);
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

class FullTest : public DriverTest {
 protected:
  FullTest() { connections_max = 3; }
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

}  // namespace
}  // namespace weir::io
