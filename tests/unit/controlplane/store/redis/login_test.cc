#include "controlplane/store/redis/login.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/store/redis/refusal.h"
#include "controlplane/store/redis/sentinel_greeting.h"
#include "controlplane/store/redis/trouble.h"

namespace weir::store::redis {
namespace {

using namespace std::chrono_literals;

Reply text(std::string value) {
  Reply reply;
  reply.kind = Reply::Kind::kText;
  reply.text = std::move(value);
  return reply;
}

Reply error(std::string value) {
  Reply reply = text(std::move(value));
  reply.kind = Reply::Kind::kError;
  return reply;
}

Reply integer(std::int64_t value) {
  Reply reply;
  reply.kind = Reply::Kind::kInteger;
  reply.integer = value;
  return reply;
}

template <class... Items>
Reply array_of(Items... items) {
  Reply reply;
  reply.kind = Reply::Kind::kArray;
  (reply.items.push_back(std::move(items)), ...);
  return reply;
}

Reply info(const std::string& mode = "standalone", const std::string& version = "7.0.15") {
  return text("# Server\r\nredis_version:" + version + "\r\nredis_mode:" + mode +
              "\r\nrun_id:abc123\r\n");
}

Reply memory(const std::string& policy = "noeviction") {
  return text("# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:" + policy + "\r\n");
}

Credentials credentials(std::string user, std::string password) {
  return {std::move(user), Secret(std::move(password))};
}

TEST(Login, AsksOnlyForWhatTheUrlSays) {
  const Login plain({}, 0);
  EXPECT_EQ(plain.commands().size(), 4U);
  EXPECT_EQ(plain.commands()[0], (std::vector<std::string>{"INFO", "server"}));
  const Login all(credentials("weir", "p"), 4);
  ASSERT_EQ(all.commands().size(), 6U);
  EXPECT_EQ(all.commands()[0], (std::vector<std::string>{"AUTH", "weir", "p"}));
  EXPECT_EQ(all.commands()[1], (std::vector<std::string>{"SELECT", "4"}));
  const Login default_user(credentials("", "p"), 0);
  EXPECT_EQ(default_user.commands()[0], (std::vector<std::string>{"AUTH", "p"}));
}

TEST(Login, IsDoneWithAPrimaryThatRunsScripts) {
  Login login(credentials("", "p"), 1);
  EXPECT_EQ(login.feed(text("OK")), Login::Step::kMore);
  EXPECT_EQ(login.feed(text("OK")), Login::Step::kMore);
  EXPECT_EQ(login.feed(info()), Login::Step::kMore);
  EXPECT_EQ(login.feed(memory()), Login::Step::kMore);
  EXPECT_EQ(login.feed(array_of(text("master"), integer(0), array_of())), Login::Step::kMore);
  EXPECT_EQ(login.feed(integer(1)), Login::Step::kDone);
  EXPECT_EQ(login.run_id(), "abc123");
  EXPECT_EQ(login.version(), "7.0.15");
}

/// Feeds replies to a log-in without password and database, and yields what failed.
template <class... Replies>
std::string failure_of(Replies... replies) {
  Login login({}, 0);
  Login::Step step = Login::Step::kMore;
  ((step = step == Login::Step::kMore ? login.feed(replies) : step), ...);
  return step == Login::Step::kFailed ? login.failure() : "did not fail";
}

TEST(Login, SaysWhatIsWrongAndWhatToDo) {
  const auto primary = [] { return array_of(text("master"), integer(0), array_of()); };
  EXPECT_EQ(failure_of(error("NOAUTH Authentication required.")),
            "INFO: NOAUTH Authentication required.: Redis wants a password: give it as "
            "redis://user:password@… or with redis.password_file");
  EXPECT_EQ(failure_of(info(), memory(),
                       array_of(text("slave"), text("10.0.0.7"), integer(6379), text("connected"),
                                integer(1))),
            "this is a replica of 10.0.0.7:6379, and replicas take no writes: give the primary's "
            "address, or use redis+sentinel://");
  EXPECT_EQ(failure_of(info(), memory(), array_of(text("sentinel"))),
            "ROLE is 'sentinel', not a primary");
  EXPECT_EQ(failure_of(info(), memory(), text("?")), "ROLE is '', not a primary");
  EXPECT_EQ(failure_of(info("cluster")), advice_on(Refusal::kCluster));
  EXPECT_NE(failure_of(info("sentinel")).find("this is a sentinel"), std::string::npos);
  EXPECT_EQ(failure_of(info("standalone", "6.2.7")),
            "this is Redis 6.2.7; version 7.0 or later is needed");
  EXPECT_EQ(failure_of(info("standalone", "x")), "this is Redis x; version 7.0 or later is needed");
  EXPECT_EQ(failure_of(text("hello")), "INFO names no run_id: is this a Redis?");
  EXPECT_NE(failure_of(info(), memory(), primary(),
                       error("NOPERM this user has no permissions to run the 'eval' command"))
                .find("EVAL, a script: NOPERM"),
            std::string::npos);
  EXPECT_NE(failure_of(info(), memory(), primary(),
                       error("LOADING Redis is loading the dataset in memory"))
                .find("wait"),
            std::string::npos);
}

TEST(Login, RefusesARedisThatWouldEvictOwnershipAndNamesTheSetting) {
  for (const char* const policy : {"allkeys-lru", "allkeys-lfu", "allkeys-random"}) {
    const std::string said = failure_of(info(), memory(policy));
    EXPECT_NE(said.find(std::string("maxmemory-policy is ") + policy), std::string::npos) << said;
    EXPECT_NE(said.find("set maxmemory-policy noeviction"), std::string::npos) << said;
  }
  // What these take is harmless to lose; a Redis that names no policy has none.
  for (const char* const policy : {"noeviction", "volatile-lru", "volatile-ttl", "volatile-random"})
    EXPECT_EQ(failure_of(info(), memory(policy)), "did not fail");
  EXPECT_EQ(failure_of(info(), text("# Memory\r\n")), "did not fail");
  EXPECT_NE(failure_of(info(), error("NOPERM no")).find("INFO: NOPERM"), std::string::npos);
}

TEST(Login, NamesTheDatabaseThatThereIsNot) {
  Login login({}, 99);
  EXPECT_EQ(login.feed(error("ERR DB index is out of range")), Login::Step::kFailed);
  EXPECT_EQ(login.failure(),
            "SELECT 99: ERR DB index is out of range: this Redis lets nobody use that database; "
            "name another one in --store");
}

TEST(Login, TellsAWrongPasswordWithoutRepeatingIt) {
  Login login(credentials("weir", "s3cret"), 0);
  EXPECT_EQ(login.feed(error("WRONGPASS invalid username-password pair or user is disabled.")),
            Login::Step::kFailed);
  EXPECT_NE(login.failure().find("user or password is wrong"), std::string::npos);
  EXPECT_EQ(login.failure().find("s3cret"), std::string::npos);
}

TEST(Login, DoesNotRepeatThePasswordOfAnAuthThatIsNotKnown) {
  const std::string said = "ERR unknown command 'AUTH', with args beginning with: 'weir' 's3cret' ";
  Login login(credentials("weir", "s3cret"), 0);
  EXPECT_EQ(login.feed(error(said)), Login::Step::kFailed);
  EXPECT_EQ(login.failure().find("s3cret"), std::string::npos) << login.failure();
  SentinelGreeting greeting(credentials("weir", "s3cret"), "weir");
  EXPECT_EQ(greeting.feed(error(said)), SentinelGreeting::Step::kFailed);
  EXPECT_EQ(greeting.failure().find("s3cret"), std::string::npos) << greeting.failure();
}

TEST(Refusal, IsToldByItsFirstWordOrByWhatAScriptMet) {
  const std::vector<std::pair<const char*, Refusal>> table = {
      {"READONLY You can't write against a read only replica. script: 1f, on @user_script:1.",
       Refusal::kReadOnly},
      {"LOADING Redis is loading the dataset in memory", Refusal::kLoading},
      {"MASTERDOWN Link with MASTER is down", Refusal::kMasterDown},
      {"OOM command not allowed when used memory > 'maxmemory'.", Refusal::kOutOfMemory},
      {"NOAUTH Authentication required.", Refusal::kNotAuthenticated},
      {"WRONGPASS invalid username-password pair", Refusal::kWrongPassword},
      {"ERR AUTH <password> called without any password configured for the default user.",
       Refusal::kWrongPassword},
      {"NOPERM this user has no permissions to run the 'eval' command", Refusal::kNoPermission},
      {"ERR The user executing the script can't run this command or subcommand script: 1",
       Refusal::kNoPermission},
      {"NOSCRIPT No matching script. Please use EVAL.", Refusal::kNoScript},
      {"ERR unknown command 'EVALSHA', with args beginning with: ", Refusal::kUnknownCommand},
      {"ERR Unknown Redis command called from script script: 1", Refusal::kUnknownCommand},
      {"MISCONF Redis is configured to save RDB snapshots", Refusal::kMisconfigured},
      {"NOREPLICAS Not enough good replicas to write.", Refusal::kNoReplicas},
      {"BUSY Redis is busy running a script.", Refusal::kBusy},
      {"MOVED 3999 127.0.0.1:6381", Refusal::kCluster},
      {"CLUSTERDOWN Hash slot not served", Refusal::kCluster},
      {"ERR user_script:1: attempt to index a nil value", Refusal::kOther},
      {"WRONGTYPE Operation against a key", Refusal::kOther},
      {"", Refusal::kOther},
  };
  for (const auto& [said, refusal] : table) EXPECT_EQ(classify(said), refusal) << said;
}

TEST(Printable, BoundsAndCleansWhatAStrangerSent) {
  EXPECT_EQ(printable("a\r\n\x1b[1mb"), "a???[1mb");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 256U + 3U);
}

class SentinelGreetingTest : public ::testing::Test {
 protected:
  SentinelGreeting greeting_{{}, "weir"};
};

TEST_F(SentinelGreetingTest, TakesTheAddressOfOneAnswerAndTheEpochOfTheOther) {
  EXPECT_EQ(greeting_.commands().size(), 2U);
  EXPECT_EQ(greeting_.feed(array_of(text("10.0.0.1"), text("6379"))),
            SentinelGreeting::Step::kMore);
  EXPECT_EQ(greeting_.feed(array_of(text("name"), text("weir"), text("config-epoch"), text("12"))),
            SentinelGreeting::Step::kDone);
  EXPECT_EQ(greeting_.named().address.host, "10.0.0.1");
  EXPECT_EQ(greeting_.named().address.port, 6379);
  EXPECT_EQ(greeting_.named().epoch, 12U);
}

TEST_F(SentinelGreetingTest, FailsWhenTheNameIsNotKnown) {
  EXPECT_EQ(greeting_.feed(Reply()), SentinelGreeting::Step::kFailed);
  EXPECT_NE(greeting_.failure().find("knows no primary of the name 'weir'"), std::string::npos);
}

TEST_F(SentinelGreetingTest, FailsAtARedisThatIsNoSentinel) {
  EXPECT_EQ(greeting_.feed(error("ERR unknown command 'SENTINEL', with args beginning with:")),
            SentinelGreeting::Step::kFailed);
  EXPECT_NE(greeting_.failure().find("this is no sentinel"), std::string::npos);
}

TEST_F(SentinelGreetingTest, FailsAtAnAddressThatCannotBeOne) {
  for (const char* const port : {"", "0", "70000", "12x"}) {
    SentinelGreeting greeting({}, "weir");
    EXPECT_EQ(greeting.feed(array_of(text("h"), text(port))), SentinelGreeting::Step::kFailed)
        << port;
  }
  EXPECT_EQ(greeting_.feed(array_of(text(""), text("1"))), SentinelGreeting::Step::kFailed);
}

TEST(SentinelCredentials, AreSentFirstAndNamedWhenTheyAreWrong) {
  SentinelGreeting greeting(credentials("s", "s3cret"), "weir");
  EXPECT_EQ(greeting.commands().front(), (std::vector<std::string>{"AUTH", "s", "s3cret"}));
  EXPECT_EQ(greeting.feed(error("WRONGPASS invalid")), SentinelGreeting::Step::kFailed);
  EXPECT_NE(greeting.failure().find("redis.sentinel_password_file"), std::string::npos);
  EXPECT_EQ(greeting.failure().find("s3cret"), std::string::npos);
}

TEST(SwitchMessage, NamesTheNewPrimaryOfItsOwnNameOnly) {
  const auto message = [](const std::string& words) {
    return array_of(text("message"), text("+switch-master"), text(words));
  };
  const auto moved = switched_to(message("weir 10.0.0.1 6379 10.0.0.2 6380"), "weir");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->host, "10.0.0.2");
  EXPECT_EQ(moved->port, 6380);
  EXPECT_FALSE(switched_to(message("other 10.0.0.1 6379 10.0.0.2 6380"), "weir"));
  EXPECT_FALSE(switched_to(message("weir 10.0.0.1 6379 10.0.0.2"), "weir"));
  EXPECT_FALSE(switched_to(message("weir 10.0.0.1 6379 10.0.0.2 x"), "weir"));
  EXPECT_FALSE(switched_to(message("weir a b c d e f g"), "weir"));
  EXPECT_FALSE(switched_to(array_of(text("pong"), text("")), "weir"));
  EXPECT_FALSE(switched_to(text("PONG"), "weir"));
}

class TroubleTest : public ::testing::Test {
 protected:
  TroubleTest() { trouble_.connected(); }

  MonotonicTime now_{1000s};
  Trouble trouble_{"redis://h:1/0"};
};

TEST_F(TroubleTest, NamesTheStoreAndWhyThereIsNoConnection) {
  EXPECT_EQ(Trouble("redis://h:1/0").text(now_), "redis://h:1/0: not connected yet");
  trouble_.unconnected("cannot connect: Connection refused");
  EXPECT_EQ(trouble_.text(now_), "redis://h:1/0: cannot connect: Connection refused");
  trouble_.connected();
  EXPECT_EQ(trouble_.text(now_), "");
}

TEST_F(TroubleTest, StandsUntilTheRefusedScriptItselfSucceeds) {
  trouble_.refused("poll", "OOM command not allowed", now_);
  trouble_.succeeded("lookup");
  EXPECT_NE(trouble_.text(now_).find("raise maxmemory"), std::string::npos);
  EXPECT_EQ(trouble_.topic(now_), "OOM");
  trouble_.succeeded("poll");
  EXPECT_EQ(trouble_.text(now_), "");
}

TEST_F(TroubleTest, IsForgottenWhenNothingWasRefusedForAWhile) {
  trouble_.refused("acquire", "OOM command not allowed", now_);
  EXPECT_NE(trouble_.text(now_ + 4s), "");
  EXPECT_EQ(trouble_.text(now_ + 5s), "");
}

TEST_F(TroubleTest, IsOneTopicForRefusalsOfOneKind) {
  trouble_.refused("a", "NOPERM to run 'x'. script: 1", now_);
  const std::string topic = trouble_.topic(now_);
  trouble_.refused("b", "NOPERM to run 'y'. script: 2", now_ + 1s);
  EXPECT_EQ(trouble_.topic(now_ + 1s), topic);
}

}  // namespace
}  // namespace weir::store::redis
