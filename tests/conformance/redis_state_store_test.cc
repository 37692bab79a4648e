// The store that replicas share, under the conformance suite: a Redis without and with an
// append-only file, Redis over TLS, and the primary that Sentinel names.

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/conformance/redis_store_under_test.h"
#include "tests/support/redis/redis_server.h"
#include "tests/support/redis/scratch_folder.h"

namespace weir::store {
namespace {

using testing::RedisSentinels;
using testing::RedisServer;

/// One server for all tests of a kind; each test flushes it first.
RedisServer& plain_redis() {
  static RedisServer server;
  return server;
}

RedisServer& redis_with_aof() {
  static RedisServer server({.lines = {{"appendonly", "yes"}, {"appendfsync", "everysec"}}});
  return server;
}

const std::filesystem::path& certificates() {
  static const testing::ScratchFolder folder;
  static const bool made = (testing::make_certificates(folder.path()), true);
  EXPECT_TRUE(made);
  return folder.path();
}

RedisServer& redis_over_tls() {
  static RedisServer server({.certificates = certificates()});
  return server;
}

redis::Options options_over_tls() {
  redis::Options options = options_of(redis_over_tls().url());
  options.tls->ca_file = certificates() / "ca.crt";
  options.tls->cert_file = certificates() / "client.crt";
  options.tls->key_file = certificates() / "client.key";
  return options;
}

RedisSentinels& sentinels() {
  static RedisSentinels group;
  return group;
}

StoreFactory factory(const std::string& name, std::function<redis::Options()> options) {
  return {name, [options = std::move(options)] {
            return std::make_unique<RedisStoreUnderTest>(options());
          }};
}

const StoreFactory kRedis = factory("redis", [] { return options_of(plain_redis().url()); });
const StoreFactory kRedisWithAof =
    factory("redis-aof", [] { return options_of(redis_with_aof().url()); });
const StoreFactory kRedisOverTls = factory("redis-tls", options_over_tls);
const StoreFactory kSentinel = factory("sentinel", [] { return options_of(sentinels().url()); });

WEIR_STATE_STORE_CONFORMANCE(Redis, kRedis);
WEIR_STATE_STORE_CONFORMANCE(RedisAof, kRedisWithAof);
WEIR_STATE_STORE_CONFORMANCE(RedisTls, kRedisOverTls);
WEIR_STATE_STORE_CONFORMANCE(Sentinel, kSentinel);

}  // namespace

const StoreFactory& redis_store() {
  return kRedis;
}

}  // namespace weir::store
