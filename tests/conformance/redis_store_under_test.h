#pragma once
// A RedisStateStore over a real Redis, for the conformance suite.
//
// Purpose: store time is injected, so hours pass in milliseconds; everything else is real: the
// scripts, the client, the server. deliver() waits for what was asked and then for one poll.
// Threading: one thread. Lifetime: the server outlives it; it is flushed first.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "common/base/random.h"
#include "common/telemetry/metrics.h"
#include "controlplane/store/redis/client.h"
#include "controlplane/store/redis/redis_state_store.h"
#include "controlplane/store/redis/script_runner.h"
#include "tests/conformance/state_store_conformance.h"
#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::store {

/// Counts what is under way.
class CountingScriptRunner final : public redis::ScriptRunner {
 public:
  explicit CountingScriptRunner(redis::Client& client) : client_(client) {}
  void run(const redis::Script& script, std::vector<std::string> keys,
           std::vector<std::string> args, Callback<void(redis::Answer)> done) override;
  std::string trouble() const override { return client_.trouble(); }
  std::size_t under_way() const { return *under_way_; }

 private:
  redis::Client& client_;
  std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);
};

/// One replica's store: a connection of its own, polls when the test says so.
class RedisReplica {
 public:
  RedisReplica(redis::Options options, redis::StoreTime time);
  ~RedisReplica();
  RedisReplica(const RedisReplica&) = delete;
  RedisReplica& operator=(const RedisReplica&) = delete;

  StateStore& store() { return *store_; }
  Executor& executor() { return executor_; }
  /// Until there is a connection, at most 5 s.
  bool connect();
  /// Until nothing is under way any more.
  void settle();
  /// One poll, and what it brings.
  void poll();
  /// A plain command, as an operator or a fault would give it; empty: an error or nil.
  std::string command(std::vector<std::string> words);

 private:
  boost::asio::io_context io_;
  SystemClock system_clock_;
  SystemRandom random_;
  metrics::Registry registry_;
  testing::ManualClock clock_;
  testing::ManualExecutor executor_{clock_};
  redis::Client client_;
  CountingScriptRunner runner_{client_};
  std::unique_ptr<redis::RedisStateStore> store_;
};

class RedisStoreUnderTest final : public StoreUnderTest {
 public:
  explicit RedisStoreUnderTest(redis::Options options);

  StateStore& store() override { return replica_.store(); }
  Executor& executor() override { return replica_.executor(); }
  void deliver() override;
  void deliver_answers() override { replica_.settle(); }
  void advance(Duration by) override;
  void stall(Duration by) override { store_clock_.advance(by); }
  void lose_history() override { replica_.command({"FLUSHALL"}); }
  std::uint64_t wall_us() override;

  RedisReplica& replica() { return replica_; }
  testing::ManualClock& store_clock() { return store_clock_; }

 private:
  testing::ManualClock store_clock_;
  RedisReplica replica_;
};

/// The store on a Redis of its own, which all tests of this program share.
const StoreFactory& redis_store();

/// What `url` means, for tests.
redis::Options options_of(const std::string& url);

}  // namespace weir::store
