// The client against a server that does as the test says.
#include "controlplane/store/redis/client.h"

#include "controlplane/store/redis/limits.h"
#include "tests/support/redis/client_harness.h"

namespace weir::store::redis {
namespace {

using namespace std::chrono_literals;
using testing::array;
using testing::bulk;
using testing::ScriptedRedis;
using Words = ScriptedRedis::Words;

class ClientTest : public ClientHarness {
 protected:
  /// Commands of the test itself are answered by this; log-ins as by a healthy primary.
  void answer(const std::string& name, std::string bytes) {
    server_.decide([name, bytes](const Words& words) -> std::optional<std::string> {
      if (words.front() != name) return std::nullopt;
      return bytes;
    });
  }
  Words last_of(const std::string& name) const {
    Words found;
    for (const Words& words : server_.commands()) {
      if (words.front() == name) found = words;
    }
    return found;
  }

  ScriptedRedis server_{io_};
  const Script script_{"poll", "return 7"};
};

TEST_F(ClientTest, LogsInBeforeAnythingElseIsWritten) {
  options_.credentials = {"weir", Secret("p")};
  options_.database = 3;
  start(server_);
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(1));
  std::vector<std::string> names;
  for (const Words& words : server_.commands()) names.push_back(words.front());
  EXPECT_EQ(names,
            (std::vector<std::string>{"AUTH", "SELECT", "INFO", "INFO", "ROLE", "EVAL", "GET"}));
  EXPECT_EQ(server_.commands()[0], (Words{"AUTH", "weir", "p"}));
  EXPECT_EQ(server_.commands()[1], (Words{"SELECT", "3"}));
  EXPECT_EQ(answers_, (std::vector<std::string>{"'OK'"}));
  EXPECT_EQ(connected_, (std::vector<std::string>{"run-1"}));
  EXPECT_TRUE(client_->connected());
  EXPECT_EQ(client_->run_id(), "run-1");
  EXPECT_EQ(client_->trouble(), "");
}

TEST_F(ClientTest, PutsTheRunIdOfTheConnectionInFrontOfTheArgumentsOfAScript) {
  start(server_);
  run(script_, {"k1", "k2"}, {"a"});
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(last_of("EVALSHA"), (Words{"EVALSHA", script_.sha(), "2", "k1", "k2", "run-1", "a"}));

  // One that was called without a connection names the process that it is at last written to.
  server_.set_run_id("run-2");
  server_.drop();
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  run(script_, {}, {"b"});
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(last_of("EVALSHA"), (Words{"EVALSHA", script_.sha(), "0", "run-2", "b"}));
  EXPECT_EQ(connected_, (std::vector<std::string>{"run-1", "run-2"}));
}

TEST_F(ClientTest, AnswersInTheOrderOfTheCallsAndNeverInsideThem) {
  server_.decide([](const Words& words) -> std::optional<std::string> {
    if (words.front() != "ECHO") return std::nullopt;
    return bulk(words[1]);
  });
  start(server_);
  ASSERT_TRUE(until_connected());
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    command({"ECHO", std::to_string(i)});
    expected.push_back("'" + std::to_string(i) + "'");
  }
  EXPECT_TRUE(answers_.empty());
  ASSERT_TRUE(until_answered(500));
  EXPECT_EQ(answers_, expected);
}

TEST_F(ClientTest, TakesAReplyThatArrivesByteByByte) {
  answer("GET", "");
  start(server_);
  command({"GET", "k"});
  ASSERT_TRUE(until([&] { return server_.count("GET") == 1; }));
  for (const char byte : array({bulk("a"), ":1\r\n"})) {
    EXPECT_TRUE(answers_.empty());
    server_.send(std::string(1, byte));
    io_.restart();
    io_.run_for(1ms);
  }
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "array");
}

TEST_F(ClientTest, GivesUpAWrittenCommandAtItsDeadlineAndKeepsRepliesApart) {
  options_.command_deadline = 50ms;
  answer("GET", "");
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"GET", "slow"});
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "no answer");
  command({"GET", "quick"});
  // Both replies at last: the first belongs to the one that nobody waits for.
  ASSERT_TRUE(until([&] { return server_.count("GET") == 2; }));
  server_.send(bulk("slow") + bulk("quick"));
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(answers_[1], "'quick'");
  EXPECT_TRUE(lost_.empty());
}

TEST_F(ClientTest, LeavesAConnectionThatIsSilentAndConnectsAgain) {
  options_.command_deadline = 30ms;
  options_.silence_max = 80ms;
  answer("GET", "");
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"GET", "k"});
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(answers_, (std::vector<std::string>{"no answer"}));
  ASSERT_EQ(lost_.size(), 1U);
  EXPECT_NE(lost_[0].find("silent for"), std::string::npos);
}

TEST_F(ClientTest, LeavesAConnectionThatAnswersOneCommandAndNeverTheNext) {
  options_.command_deadline = 30ms;
  options_.silence_max = 80ms;
  // No sign of life is asked for: the answer that is owed is enough.
  options_.ping_interval = 60s;
  answer("GET", "");
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"GET", "first"});
  command({"GET", "second"});
  ASSERT_TRUE(until([&] { return server_.count("GET") == 2; }));
  server_.send(bulk("first"));
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  EXPECT_NE(lost_[0].find("silent for"), std::string::npos);
}

TEST_F(ClientTest, StaysWithAConnectionThatOwesNothing) {
  options_.silence_max = 20ms;
  options_.ping_interval = 60s;
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(1));
  io_.restart();
  io_.run_for(100ms);
  EXPECT_TRUE(lost_.empty());
  EXPECT_EQ(server_.connections(), 1U);
}

TEST_F(ClientTest, AsksAnIdleConnectionForASignOfLife) {
  options_.ping_interval = 20ms;
  options_.silence_max = 80ms;
  start(server_);
  ASSERT_TRUE(until([&] { return server_.count("PING") >= 3; }));
  EXPECT_TRUE(lost_.empty());
  answer("PING", "");
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  EXPECT_NE(lost_[0].find("silent for"), std::string::npos);
}

TEST_F(ClientTest, NeverSendsAWrittenCommandAgainWhenTheConnectionBreaks) {
  answer("INCR", "");
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"INCR", "k"});
  ASSERT_TRUE(until([&] { return server_.count("INCR") == 1; }));
  server_.drop();
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(answers_, (std::vector<std::string>{"no answer"}));
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(server_.count("INCR"), 1U);
}

TEST_F(ClientTest, KeepsACommandThatWasCalledWithoutAConnectionUntilThereIsOne) {
  server_.stop_listening();
  start(server_);
  ASSERT_TRUE(until([&] {
    return client_->trouble().find("Connection refused") != std::string::npos;
  })) << client_->trouble();
  command({"GET", "k"});
  server_.listen();
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "'OK'");
}

TEST_F(ClientTest, SaysNotConnectedWhenThereIsNoConnectionInTime) {
  options_.command_deadline = 30ms;
  server_.stop_listening();
  start(server_);
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "not connected");
  EXPECT_FALSE(client_->connected());
  EXPECT_EQ(client_->run_id(), "");
}

TEST_F(ClientTest, GivesAScriptThatIsNotKnownItsTextOnceForAllThatWait) {
  bool known = false;
  server_.decide([&](const Words& words) -> std::optional<std::string> {
    if (words.front() == "EVAL" && words[1] == script_.text()) known = true;
    if (words.front() != "EVALSHA" || known) return std::nullopt;
    return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
  });
  start(server_);
  ASSERT_TRUE(until_connected());
  const std::size_t evals = server_.count("EVAL");
  for (int i = 0; i < 3; ++i) run(script_, {"k"}, {std::to_string(i)});
  ASSERT_TRUE(until_answered(3));
  EXPECT_EQ(answers_, (std::vector<std::string>{"1", "1", "1"}));
  EXPECT_EQ(server_.count("EVAL") - evals, 1U);
  EXPECT_EQ(last_of("EVAL"), (Words{"EVAL", script_.text(), "1", "k", "run-1", "0"}));
  EXPECT_EQ(server_.count("EVALSHA"), 5U);
}

TEST_F(ClientTest, GivesTheTextAgainWhenScriptsWereFlushed) {
  bool known = true;
  server_.decide([&](const Words& words) -> std::optional<std::string> {
    if (words.front() == "EVAL") known = true;
    if (words.front() != "EVALSHA" || known) return std::nullopt;
    return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
  });
  start(server_);
  for (std::size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(until_connected());
    known = false;
    run(script_);
    ASSERT_TRUE(until_answered(i));
    EXPECT_EQ(answers_.back(), "1");
  }
}

TEST_F(ClientTest, LeavesAPrimaryThatWasDemotedOnceWhatItWasAskedIsAnswered) {
  server_.decide([](const Words& words) -> std::optional<std::string> {
    if (words.front() == "SET") return "-READONLY You can't write against a read only replica.\r\n";
    return std::nullopt;
  });
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"SET", "k", "1"});
  command({"GET", "k"});
  ASSERT_TRUE(until_connected(2));
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[0], "refused: READONLY You can't write against a read only replica.");
  EXPECT_EQ(answers_[1], "'OK'");
  ASSERT_EQ(lost_.size(), 1U);
  EXPECT_NE(lost_[0].find("READONLY"), std::string::npos);
}

TEST_F(ClientTest, TellsOfARefusalUntilTheSameScriptSucceeds) {
  answer("EVALSHA", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
  start(server_);
  run(script_);
  ASSERT_TRUE(until_answered(1));
  EXPECT_TRUE(client_->connected());
  EXPECT_NE(client_->trouble().find("redis://test: OOM"), std::string::npos) << client_->trouble();
  EXPECT_NE(client_->trouble().find("raise maxmemory"), std::string::npos);
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(2));
  EXPECT_NE(client_->trouble(), "");
  answer("EVALSHA", ":7\r\n");
  run(script_);
  ASSERT_TRUE(until_answered(3));
  EXPECT_EQ(client_->trouble(), "");
  EXPECT_NE(registry_.expose().find("weir_controlplane_store_refusals_total{reason=\"OOM\"} 1"),
            std::string::npos);
}

TEST_F(ClientTest, LeavesTheFaultOfAScriptToItsCaller) {
  answer("EVALSHA", "-ERR user_script:1: attempt to index a nil value\r\n");
  start(server_);
  run(script_);
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "refused: ERR user_script:1: attempt to index a nil value");
  EXPECT_EQ(client_->trouble(), "");
}

TEST_F(ClientTest, ClosesAConnectionWhoseReplyIsTooLarge) {
  answer("GET", "*" + std::to_string(kReplyElementsMax + 1) + "\r\n");
  start(server_);
  command({"GET", "k"});
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  EXPECT_EQ(answers_, (std::vector<std::string>{"no answer"}));
  EXPECT_NE(lost_[0].find("elements"), std::string::npos);
}

TEST_F(ClientTest, SaysWhenThePeerIsNoRedis) {
  answer("INFO", "HTTP/1.1 400 Bad Request\r\n");
  start(server_);
  ASSERT_TRUE(until([&] {
    return client_->trouble().find("not the protocol") != std::string::npos;
  })) << client_->trouble();
  EXPECT_TRUE(connected_.empty());
}

TEST_F(ClientTest, ClosesAConnectionThatAnswersUnasked) {
  start(server_);
  ASSERT_TRUE(until_connected());
  server_.send("+what\r\n");
  ASSERT_TRUE(until([&] { return lost_.size() == 1; }));
  ASSERT_TRUE(until_connected(2));
}

TEST_F(ClientTest, GivesUpALogInThatIsNotAnswered) {
  options_.connect_deadline = 50ms;
  answer("EVAL", "");
  start(server_);
  ASSERT_TRUE(until([&] {
    return client_->trouble().find("no answer to the log-in within 50 ms") != std::string::npos;
  })) << client_->trouble();
  answer("EVAL", ":1\r\n");
  ASSERT_TRUE(until_connected());
}

TEST_F(ClientTest, RefusesCommandsBeyondItsBounds) {
  server_.stop_listening();
  start(server_);
  for (std::size_t i = 0; i < kCommandsMax; ++i) client_->command({"GET"}, {});
  command({"GET", "one too many"});
  EXPECT_TRUE(answers_.empty());
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "not connected");
}

TEST_F(ClientTest, RefusesBytesBeyondItsBounds) {
  server_.stop_listening();
  start(server_);
  client_->command({"SET", std::string(kCommandBytesMax - 1000, 'x')}, {});
  command({"SET", std::string(1000, 'x')});
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(answers_[0], "not connected");
}

TEST_F(ClientTest, AnswersEverythingWhenItIsStopped) {
  answer("GET", "");
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"GET", "written"});
  client_->stop();
  EXPECT_EQ(answers_, (std::vector<std::string>{"no answer"}));
  command({"GET", "later"});
  EXPECT_EQ(answers_.size(), 1U);
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(answers_[1], "not connected");
  EXPECT_TRUE(lost_.empty());
}

TEST_F(ClientTest, MayBeDroppedByACompletion) {
  start(server_);
  client_->command({"GET", "k"}, [this](const Answer& answer) {
    answers_.push_back(shown(answer));
    client_.reset();
  });
  command({"GET", "behind"});
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(answers_, (std::vector<std::string>{"'OK'", "no answer"}));
}

TEST_F(ClientTest, MayBeDroppedByAnEvent) {
  options_.addresses = {{"127.0.0.1", server_.port()}};
  client_ =
      std::make_unique<Client>(io_, clock_, random_, options_, log::Logger("test"), registry_);
  ASSERT_TRUE(client_->start({.connected = [this](const std::string&) { server_.drop(); },
                              .lost = [this](const std::string&) { client_.reset(); }}));
  EXPECT_TRUE(until([&] { return client_ == nullptr; }));
}

TEST_F(ClientTest, CountsCommandsByHowTheyEnd) {
  answer("GET", "");
  start(server_);
  ASSERT_TRUE(until_connected());
  command({"SET", "k", "1"});
  ASSERT_TRUE(until_answered(1));
  command({"GET", "k"});
  client_->stop();
  const std::string exposed = registry_.expose();
  for (const char* const line :
       {"weir_controlplane_store_commands_total{result=\"OK\"} 1",
        "weir_controlplane_store_commands_total{result=\"NO_ANSWER\"} 1",
        "weir_controlplane_store_connected 0", "weir_controlplane_store_connections_total 1"})
    EXPECT_NE(exposed.find(line), std::string::npos) << line << "\n" << exposed;
}

}  // namespace
}  // namespace weir::store::redis
