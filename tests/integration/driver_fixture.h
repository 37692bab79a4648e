#pragma once
// The socket drivers of the forwarder on loopback, under a scripted session: what their tests
// share.
//
// Threading: a test's own thread, one thread per worker, and what a test starts.
// Lifetime: a fixture lives for one test and ends its workers.

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
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
  explicit Origin(bool listening = true, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer != 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
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
  std::vector<std::string> reasons;  ///< of sessions that are over
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

/// The system's clock, which a test can put forward. Timers that are set then wait for an event.
class ShiftedClock final : public Clock {
 public:
  MonotonicTime now() const override { return system_.now() + Duration(ahead_.load()); }
  WallTime wall_now() const override { return system_.wall_now(); }
  void advance(Duration by) { ahead_ += by.count(); }

 private:
  SystemClock system_;
  std::atomic<Duration::rep> ahead_{0};
};

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < worker_count; ++i)
      workers.push_back(std::make_unique<Worker>(clock, totals));
    worker = workers.front().get();
    for (const auto& each : workers) ports.push_back(listen(*each));
    port = ports.front();
  }
  /// Each worker has a port of its own, so that a test knows who takes a client.
  std::uint16_t listen(Worker& taker) {
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int off = 0;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    EXPECT_EQ(::listen(fd, 1024), 0);
    taker.on_session_over([this](std::string_view reason) {
      const std::lock_guard lock(script.mutex);
      script.reasons.emplace_back(reason);
    });
    taker.listen(fd, [this](relay::SessionIo& io, const ClientFacts& client) {
      last_address = client.address;
      return std::make_unique<ScriptedSession>(script, io);
    });
    return ntohs(address.sin6_port);
  }
  void start() {
    for (const auto& each : workers) threads.emplace_back([taker = each.get()] { taker->run(); });
  }
  void TearDown() override {
    for (const auto& each : workers) each->stop();
    for (std::thread& thread : threads) thread.join();
    for (const auto& each : workers) each->drop_sessions();
    workers.clear();
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

  std::vector<std::string> reasons() {
    const std::lock_guard lock(script.mutex);
    return script.reasons;
  }
  std::uint64_t sum(WorkerStats::Count WorkerStats::* count) const {
    std::uint64_t total = 0;
    for (const auto& each : workers) total += (each->stats().*count).load();
    return total;
  }

  ShiftedClock clock;
  ProcessTotals totals;
  Script script;
  std::uint16_t port = 0;
  std::string last_address;
  std::size_t worker_count = 1;
  std::vector<std::unique_ptr<Worker>> workers;
  Worker* worker = nullptr;  ///< the first
  std::vector<std::uint16_t> ports;
  std::vector<std::thread> threads;
};

/// Bytes in which a lost or doubled piece shows.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>((i * 31 + (i >> 8) * 7) & 0xff);
  return text;
}

}  // namespace weir::io
