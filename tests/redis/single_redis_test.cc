// The client against a real redis-server: what it must find out about it, and survive.

#include <string>
#include <vector>

#include "controlplane/store/redis/url.h"
#include "tests/support/redis/client_harness.h"
#include "tests/support/redis/redis_server.h"

namespace weir::store::redis {
namespace {

using namespace std::chrono_literals;
using testing::RedisServer;

class SingleRedis : public ClientHarness {
 protected:
  void start_at(const RedisServer& server) { start({{"127.0.0.1", server.port()}}); }

  /// The client says `text` about why it cannot be used, and has never been connected.
  void expect_trouble(const std::string& text) {
    EXPECT_TRUE(until([&] { return client_->trouble().find(text) != std::string::npos; }))
        << client_->trouble();
    EXPECT_TRUE(connected_.empty());
  }
  /// Calls the script and yields the answer.
  std::string call(const Script& script, std::vector<std::string> keys = {},
                   std::vector<std::string> args = {}) {
    const std::size_t before = answers_.size();
    run(script, std::move(keys), std::move(args));
    return until_answered(before + 1) ? answers_.back() : "never answered";
  }

  const Script set_{"set", "redis.call('SET', KEYS[1], ARGV[2]) return ARGV[1]"};
  const Script get_{"get", "return redis.call('GET', KEYS[1])"};
};

TEST_F(SingleRedis, RunsScriptsAndTellsThemTheRunIdOfTheServer) {
  const RedisServer server;
  start_at(server);
  ASSERT_TRUE(until_connected());
  EXPECT_NE(server.cli({"INFO", "server"}).find("run_id:" + connected_[0]), std::string::npos);
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "'" + connected_[0] + "'");
  EXPECT_EQ(call(get_, {"k"}), "'v'");
  EXPECT_EQ(server.cli({"SCRIPT", "FLUSH"}), "OK");
  EXPECT_EQ(call(get_, {"k"}), "'v'");
  EXPECT_EQ(client_->trouble(), "");
}

TEST_F(SingleRedis, AnswersThousandsOfPipelinedCommandsInOrder) {
  const RedisServer server;
  start_at(server);
  ASSERT_TRUE(until_connected());
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    command({"ECHO", std::to_string(i)});
    expected.push_back("'" + std::to_string(i) + "'");
  }
  ASSERT_TRUE(until_answered(5000));
  EXPECT_EQ(answers_, expected);
}

TEST_F(SingleRedis, UsesThePasswordAndTheDatabaseOfTheUrl) {
  const RedisServer server({.lines = {{"requirepass", "p@ss/w"}}, .password = "p@ss/w"});
  const auto url = parse_store_url("redis://:p%40ss%2Fw@" + server.address() + "/5");
  ASSERT_TRUE(url);
  options_.credentials = {url->user, url->password};
  options_.database = url->database;
  start(url->addresses);
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "'" + client_->run_id() + "'");
  EXPECT_EQ(server.cli({"-n", "5", "GET", "k"}), "v");
  EXPECT_EQ(server.cli({"GET", "k"}), "");
}

TEST_F(SingleRedis, LogsInAsAnAclUser) {
  const RedisServer server({.lines = {{"user", "default off"},
                                      {"user",
                                       "weir on >s3cret ~weir:* resetchannels -@all +@read +@write "
                                       "+@scripting +@connection +info +role +time"}},
                            .user = "weir",
                            .password = "s3cret"});
  options_.credentials = {"weir", Secret("s3cret")};
  start_at(server);
  EXPECT_EQ(call(set_, {"weir:k"}, {"v"}), "'" + client_->run_id() + "'");
  EXPECT_NE(call(set_, {"other:k"}, {"v"}).find("refused: "), std::string::npos);
}

TEST_F(SingleRedis, SaysThatThePasswordIsWrongOrMissing) {
  const RedisServer server({.lines = {{"requirepass", "right"}}, .password = "right"});
  options_.credentials = {"", Secret("s3cret")};
  start_at(server);
  expect_trouble("user or password is wrong");
  EXPECT_EQ(client_->trouble().find("s3cret"), std::string::npos);
  options_.credentials = {};
  start_at(server);
  expect_trouble("NOAUTH Authentication required.: Redis wants a password");
}

TEST_F(SingleRedis, SaysThatThereIsNoSuchDatabase) {
  const RedisServer server;
  options_.database = 99;
  start_at(server);
  expect_trouble("SELECT 99: ERR DB index is out of range");
}

TEST_F(SingleRedis, RefusesAReplica) {
  const RedisServer primary;
  const RedisServer replica(
      {.lines = {{"replicaof", "127.0.0.1 " + std::to_string(primary.port())}}});
  start_at(replica);
  expect_trouble("this is a replica of 127.0.0.1:" + std::to_string(primary.port()));
}

TEST_F(SingleRedis, NoticesThatItsPrimaryWasDemoted) {
  const RedisServer other;
  const RedisServer server;
  start_at(server);
  ASSERT_TRUE(until_connected());
  EXPECT_EQ(server.cli({"REPLICAOF", "127.0.0.1", std::to_string(other.port())}), "OK");
  EXPECT_NE(call(set_, {"k"}, {"v"}).find("refused: READONLY"), std::string::npos);
  EXPECT_TRUE(until([&] {
    return client_->trouble().find("this is a replica of") != std::string::npos;
  })) << client_->trouble();
  EXPECT_EQ(server.cli({"REPLICAOF", "NO", "ONE"}), "OK");
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "'" + client_->run_id() + "'");
}

TEST_F(SingleRedis, LeavesAFrozenServerAndComesBackWhenItThaws) {
  options_.command_deadline = 100ms;
  options_.connect_deadline = 200ms;
  options_.silence_max = 300ms;
  RedisServer server;
  start_at(server);
  ASSERT_TRUE(until_connected());
  server.freeze();
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "no answer");
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  EXPECT_NE(lost_[0].find("silent for"), std::string::npos);
  // The kernel still takes connections for it.
  EXPECT_TRUE(until([&] {
    return client_->trouble().find("no answer to the log-in within 200 ms") != std::string::npos;
  })) << client_->trouble();
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "not connected");
  server.thaw();
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(connected_[0], connected_[1]);
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "'" + client_->run_id() + "'");
}

TEST_F(SingleRedis, SurvivesAStallThatIsShorterThanTheBound) {
  const RedisServer server({.lines = {{"enable-debug-command", "local"}}});
  start_at(server);
  ASSERT_TRUE(until_connected());
  command({"DEBUG", "SLEEP", "0.3"});
  command({"PING"});
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(answers_, (std::vector<std::string>{"'OK'", "'PONG'"}));
  EXPECT_TRUE(lost_.empty());
}

TEST_F(SingleRedis, ConnectsToARestartedServerUnderItsNewRunId) {
  RedisServer server;
  start_at(server);
  ASSERT_TRUE(until_connected());
  call(set_, {"k"}, {"v"});
  server.kill();
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  server.start();
  ASSERT_TRUE(until_connected(2));
  EXPECT_NE(connected_[0], connected_[1]);
  // The new process knows neither the data nor the script.
  EXPECT_EQ(call(get_, {"k"}), "nil");
  EXPECT_EQ(call(set_, {"k"}, {"v"}), "'" + connected_[1] + "'");
}

TEST_F(SingleRedis, TellsThatTheMemoryIsFullUntilItIsNot) {
  const RedisServer server({.lines = {{"maxmemory-policy", "noeviction"}}});
  start_at(server);
  ASSERT_EQ(call(set_, {"k"}, {"v"}), "'" + client_->run_id() + "'");
  server.cli({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_NE(call(set_, {"k"}, {"w"}).find("refused: OOM"), std::string::npos) << answers_.back();
  EXPECT_TRUE(client_->connected());
  EXPECT_NE(client_->trouble().find("raise maxmemory"), std::string::npos) << client_->trouble();
  EXPECT_EQ(call(get_, {"k"}), "'v'");
  EXPECT_NE(client_->trouble(), "");
  server.cli({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(call(set_, {"k"}, {"w"}), "'" + client_->run_id() + "'");
  EXPECT_EQ(client_->trouble(), "");
}

TEST_F(SingleRedis, TellsThatTooFewReplicasFollow) {
  const RedisServer server({.lines = {{"min-replicas-to-write", "1"}}});
  start_at(server);
  EXPECT_NE(call(set_, {"k"}, {"v"}).find("refused: NOREPLICAS"), std::string::npos);
  EXPECT_NE(client_->trouble().find("min-replicas-to-write"), std::string::npos);
}

TEST_F(SingleRedis, SaysThatScriptsMayNotRun) {
  const RedisServer server({.lines = {{"user", "default on nopass ~* &* +@all -@scripting"}}});
  start_at(server);
  expect_trouble("EVAL, a script: NOPERM");
  EXPECT_NE(client_->trouble().find("lacks a permission"), std::string::npos);
}

TEST_F(SingleRedis, SaysThatACommandIsRenamed) {
  const RedisServer eval({.lines = {{"rename-command", "EVAL \"\""}}});
  start_at(eval);
  expect_trouble("EVAL, a script: ERR unknown command 'EVAL'");
  const RedisServer info({.lines = {{"rename-command", "INFO hidden"}}});
  start_at(info);
  expect_trouble("INFO: ERR unknown command 'INFO'");
}

TEST_F(SingleRedis, TellsThatWhatAScriptCallsIsNotAllowedOrRenamed) {
  const RedisServer server({.lines = {{"user", "default on nopass ~* &* +@all -set"},
                                      {"rename-command", "GET hidden"}}});
  start_at(server);
  EXPECT_NE(call(set_, {"k"}, {"v"}).find("refused: "), std::string::npos);
  EXPECT_NE(client_->trouble().find("lacks a permission"), std::string::npos) << answers_.back();
  EXPECT_NE(call(get_, {"k"}).find("refused: "), std::string::npos);
  EXPECT_NE(client_->trouble().find("renamed"), std::string::npos) << answers_.back();
}

TEST_F(SingleRedis, RefusesANodeOfACluster) {
  // By default its bus has the port plus 10,000, which is not always one.
  const RedisServer server({.lines = {{"cluster-enabled", "yes"},
                                      {"cluster-port", std::to_string(testing::free_port())}}});
  start_at(server);
  expect_trouble("Redis Cluster, which is not supported yet");
}

TEST_F(SingleRedis, SaysThatASentinelIsNoRedis) {
  const RedisServer server({.sentinel = true});
  start_at(server);
  EXPECT_TRUE(until([&] {
    return client_->trouble().find("this is a sentinel, not a Redis") != std::string::npos;
  })) << client_->trouble();
}

TEST_F(SingleRedis, SaysThatNobodyListens) {
  start({{"127.0.0.1", testing::free_port()}});
  expect_trouble("cannot connect: Connection refused");
}

TEST_F(SingleRedis, SaysThatAHostHasNoAddress) {
  start({{"no-such-host.invalid", 6379}});
  expect_trouble("cannot resolve 'no-such-host.invalid'");
}

}  // namespace
}  // namespace weir::store::redis
