// The Redis store under the conformance suite: how it is driven.

#include "tests/conformance/redis_store_under_test.h"

#include <algorithm>
#include <variant>

#include "common/base/contract.h"
#include "common/telemetry/log.h"
#include "controlplane/store/redis/script_limits.h"
#include "controlplane/store/redis/url.h"

namespace weir::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;
/// Longer waits jump to near their end: a day is not polled through.
constexpr auto kPolledThrough = 2min;

std::uint64_t calendar_us(const testing::ManualClock& clock) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(clock.wall_now().time_since_epoch())
          .count());
}

}  // namespace

void CountingScriptRunner::run(const redis::Script& script, std::vector<std::string> keys,
                               std::vector<std::string> args, Callback<void(redis::Answer)> done) {
  ++*under_way_;
  client_.run(script, std::move(keys), std::move(args),
              [count = under_way_, done = std::move(done)](redis::Answer answer) mutable {
                --*count;
                done(std::move(answer));
              });
}

RedisReplica::RedisReplica(redis::Options options, redis::StoreTime time)
    : client_(io_, system_clock_, random_, std::move(options), log::default_logger(), registry_) {
  WEIR_ASSERT(client_.start().has_value());
  WEIR_ASSERT(connect());
  store_ = std::make_unique<redis::RedisStateStore>(executor_, clock_, runner_,
                                                    client_.options().key_prefix, std::move(time));
}

RedisReplica::~RedisReplica() {
  store_.reset();
  client_.stop();
}

bool RedisReplica::connect() {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!client_.connected() && std::chrono::steady_clock::now() < until) {
    io_.run_one_until(until);
  }
  return client_.connected();
}

void RedisReplica::settle() {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    executor_.run_ready();
    if (runner_.under_way() == 0) return;
    io_.run_one_until(until);
  }
  ADD_FAILURE() << "Redis did not answer";
}

void RedisReplica::poll() {
  settle();
  executor_.advance(redis::kPollInterval);
  settle();
}

std::string RedisReplica::command(std::vector<std::string> words) {
  std::optional<redis::Answer> answer;
  client_.command(std::move(words), [&](redis::Answer got) { answer = std::move(got); });
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!answer && std::chrono::steady_clock::now() < until) io_.run_one_until(until);
  const auto* reply = answer ? std::get_if<redis::Reply>(&*answer) : nullptr;
  if (reply == nullptr) return "";
  return reply->is_integer() ? std::to_string(reply->integer) : reply->text;
}

RedisStoreUnderTest::RedisStoreUnderTest(redis::Options options)
    : replica_(std::move(options), [this] { return calendar_us(store_clock_); }) {
  replica_.command({"FLUSHALL"});
}

void RedisStoreUnderTest::deliver() {
  replica_.poll();
}

void RedisStoreUnderTest::advance(Duration by) {
  if (by > kPolledThrough) {
    // As if it had been polled all the while: store time, and the time of the last poll.
    const Duration jump = by - Duration(kPolledThrough);
    const auto microseconds =
        std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(jump).count());
    replica_.poll();
    for (const char* field : {"now", "time"}) {
      replica_.command({"HINCRBY", "weir:{0}:meta", field, microseconds});
    }
    store_clock_.advance(jump);
    by -= jump;
  }
  while (by > Duration::zero()) {
    const Duration step = std::min<Duration>(by, 500ms);
    store_clock_.advance(step);
    replica_.poll();
    by -= step;
  }
}

std::uint64_t RedisStoreUnderTest::wall_us() {
  return calendar_us(store_clock_);
}

redis::Options options_of(const std::string& url) {
  const auto parsed = redis::parse_store_url(url);
  WEIR_ASSERT(parsed.has_value());
  redis::Options options;
  options.addresses = parsed->addresses;
  options.primary_name = parsed->primary;
  options.database = parsed->database;
  options.credentials = {parsed->user, parsed->password};
  if (parsed->tls) options.tls.emplace();
  options.name = parsed->name;
  // A busy test machine is no fault of the store's.
  options.command_deadline = kPatience;
  options.silence_max = kPatience;
  return options;
}

}  // namespace weir::store
