// The client against real sentinels: discovery, failovers, and sentinels that do not help.

#include <string>

#include "controlplane/store/redis/url.h"
#include "tests/support/redis/client_harness.h"
#include "tests/support/redis/redis_server.h"

namespace weir::store::redis {
namespace {

using namespace std::chrono_literals;
using testing::RedisSentinels;
using testing::RedisServer;

class SentinelRedis : public ClientHarness {
 protected:
  void start_at(const std::string& url) {
    const auto parsed = parse_store_url(url);
    ASSERT_TRUE(parsed) << parsed.error().message;
    options_.primary_name = parsed->primary;
    options_.reconnect_first = 20ms;
    options_.reconnect_max = 200ms;
    options_.connect_deadline = 300ms;
    start(parsed->addresses);
  }
  bool connected_to(const RedisServer& server) {
    const std::string info = server.cli({"INFO", "server"});
    return !connected_.empty() && info.find("run_id:" + connected_.back()) != std::string::npos;
  }
  std::string set(const std::string& value) {
    const std::size_t before = answers_.size();
    command({"SET", "k", value});
    return until_answered(before + 1) ? answers_.back() : "never answered";
  }
  /// Writes until it works again; false when it never does.
  bool writes_again() {
    return until([&] { return connected_.size() >= 2; }) &&
           until([&] { return set("after") == "'OK'"; });
  }
};

TEST_F(SentinelRedis, FollowsThePrimaryWhenItIsKilled) {
  RedisSentinels group;
  start_at(group.url());
  ASSERT_TRUE(until_connected()) << client_->trouble();
  RedisServer* const before = group.primary();
  ASSERT_NE(before, nullptr);
  EXPECT_TRUE(connected_to(*before));
  EXPECT_EQ(set("before"), "'OK'");
  before->kill();
  ASSERT_TRUE(writes_again()) << client_->trouble();
  EXPECT_NE(connected_[0], connected_.back());
  // The first sentinel may hear of it after the client, which asks them all.
  RedisServer* after = nullptr;
  ASSERT_TRUE(until([&] {
    after = group.primary();
    return after != nullptr && after != before;
  }));
  EXPECT_TRUE(connected_to(*after));
  // The old one comes back, is made a replica, and nobody is sent to it.
  before->start();
  EXPECT_EQ(set("still"), "'OK'");
  EXPECT_TRUE(connected_to(*after));
}

TEST_F(SentinelRedis, HearsOfAFailoverWhileTheOldPrimaryStillAnswers) {
  RedisSentinels group;
  start_at(group.url());
  ASSERT_TRUE(until_connected()) << client_->trouble();
  RedisServer* const before = group.primary();
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(group.sentinels()[0]->cli({"SENTINEL", "FAILOVER", RedisSentinels::kPrimaryName}),
            "OK");
  ASSERT_TRUE(writes_again()) << client_->trouble();
  EXPECT_NE(lost_[0].find("Sentinel names another primary"), std::string::npos) << lost_[0];
  EXPECT_FALSE(connected_to(*before));
}

TEST_F(SentinelRedis, IsServedByTheOtherSentinelsWhenOneIsFrozenAndOneIsDead) {
  RedisSentinels group({.replicas = 0});
  group.sentinels()[0]->freeze();
  group.sentinels()[1]->kill();
  start_at(group.url());
  EXPECT_TRUE(until_connected()) << client_->trouble();
  EXPECT_EQ(set("v"), "'OK'");
}

TEST_F(SentinelRedis, SaysThatSentinelsDoNotKnowTheNameOrWantAPassword) {
  const RedisServer sentinel(
      {.lines = {{"requirepass", "s3cret"}}, .sentinel = true, .password = "s3cret"});
  start_at("redis+sentinel://" + sentinel.address() + "/other");
  EXPECT_TRUE(until([&] {
    return client_->trouble().find("give redis.sentinel_password_file") != std::string::npos;
  })) << client_->trouble();
  options_.sentinel_credentials.password = Secret("s3cret");
  start_at("redis+sentinel://" + sentinel.address() + "/other");
  EXPECT_TRUE(until([&] {
    return client_->trouble().find("knows no primary of the name 'other'") != std::string::npos;
  })) << client_->trouble();
  EXPECT_EQ(client_->trouble().find("s3cret"), std::string::npos);
}

TEST_F(SentinelRedis, SaysThatARedisIsNoSentinel) {
  const RedisServer server;
  start_at("redis+sentinel://" + server.address() + "/weir");
  EXPECT_TRUE(until([&] {
    return client_->trouble().find("this is no sentinel") != std::string::npos;
  })) << client_->trouble();
}

}  // namespace
}  // namespace weir::store::redis
