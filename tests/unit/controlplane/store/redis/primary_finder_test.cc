// Sentinels that are behind, lie, or say nothing: whoever is wrong costs an attempt, not the truth.
#include "controlplane/store/redis/primary_finder.h"

#include <algorithm>

#include "tests/support/redis/client_harness.h"

namespace weir::store::redis {
namespace {

using namespace std::chrono_literals;
using testing::array;
using testing::bulk;
using testing::ScriptedRedis;
using Words = ScriptedRedis::Words;

/// The candidates, and who of them a majority of three sentinels names.
std::string judged(const std::vector<NamedPrimary>& said) {
  const Found found = judge_words(said, 3);
  std::string out;
  for (const NamedPrimary& named : found.candidates)
    out += (out.empty() ? "" : " ") + named.address.host;
  return found.majority ? out + ", majority" : out;
}

TEST(JudgeWords, TakesOnlyTheNewestEpochAndPutsMostVotesBeforeTheFirstAnswer) {
  EXPECT_EQ(judged({{{"old", 1}, 3}, {{"old", 1}, 3}, {{"new", 1}, 4}}), "new");
  EXPECT_EQ(judged({{{"one", 1}, 3}, {{"two", 1}, 3}, {{"two", 1}, 3}}), "two one, majority");
  EXPECT_EQ(judged({{{"first", 1}, 3}, {{"second", 1}, 3}}), "first second");
  EXPECT_EQ(judged({{{"same", 1}, 3}, {{"same", 1}, 7}, {{"other", 1}, 5}}), "same, majority");
  EXPECT_EQ(judged({{{"alone", 1}, 3}}), "alone");
  EXPECT_EQ(judged({}), "");
}

class SentinelClient : public ClientHarness {
 protected:
  SentinelClient() {
    options_.primary_name = "weir";
    name_.fill(primary_.port());
    for (std::size_t i = 0; i < sentinels_.size(); ++i) {
      sentinels_[i].decide([this, i](const Words& words) { return answer_of_sentinel(i, words); });
    }
  }

  std::optional<std::string> answer_of_sentinel(std::size_t i, const Words& words) {
    if (words[0] == "SUBSCRIBE") return array({bulk("subscribe"), bulk(words[1]), ":1\r\n"});
    if (words[0] != "SENTINEL") return std::nullopt;
    if (silent_[i]) return "";
    if (words[1] == "MASTER") return array({bulk("config-epoch"), bulk(std::to_string(epoch_[i]))});
    return array({bulk("127.0.0.1"), bulk(std::to_string(name_[i]))});
  }
  void start_with_sentinels() {
    std::vector<HostPort> addresses;
    for (const ScriptedRedis& sentinel : sentinels_)
      addresses.push_back({"127.0.0.1", sentinel.port()});
    start(addresses);
  }
  bool until_subscribed() {
    return until([&] {
      return std::ranges::all_of(
          sentinels_, [](const ScriptedRedis& each) { return each.count("SUBSCRIBE") > 0; });
    });
  }
  void switch_to(std::uint16_t port) {
    for (ScriptedRedis& sentinel : sentinels_)
      sentinel.publish(array({bulk("message"), bulk("+switch-master"),
                              bulk("weir 127.0.0.1 1 127.0.0.1 " + std::to_string(port))}));
  }
  static void make_replica(ScriptedRedis& server) {
    server.decide([](const Words& words) -> std::optional<std::string> {
      if (words[0] != "ROLE") return std::nullopt;
      return array({bulk("slave"), bulk("h"), ":1\r\n"});
    });
  }

  ScriptedRedis primary_{io_};
  ScriptedRedis other_{io_};
  std::array<ScriptedRedis, 3> sentinels_{ScriptedRedis(io_), ScriptedRedis(io_),
                                          ScriptedRedis(io_)};
  std::array<std::uint16_t, 3> name_{};
  std::array<std::uint64_t, 3> epoch_{};
  std::array<bool, 3> silent_{};
};

TEST_F(SentinelClient, ConnectsToThePrimaryThatIsNamed) {
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  EXPECT_EQ(primary_.connections(), 1U);
  EXPECT_TRUE(until([&] {
    return sentinels_[0].count("SUBSCRIBE") + sentinels_[1].count("SUBSCRIBE") +
               sentinels_[2].count("SUBSCRIBE") ==
           3;
  }));
}

TEST_F(SentinelClient, SurvivesASentinelThatNamesAReplicaUnderTheSameEpoch) {
  make_replica(other_);
  name_[0] = other_.port();
  silent_[1] = true;
  epoch_ = {3, 3, 3};
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  EXPECT_EQ(primary_.count("ROLE"), 1U);
}

TEST_F(SentinelClient, NeverOpensADeposedPrimaryWhileTheNewOneIsNotReady) {
  make_replica(other_);
  other_.set_run_id("run-2");
  name_[0] = other_.port();
  epoch_ = {4, 3, 3};
  start_with_sentinels();
  ASSERT_TRUE(until([&] { return other_.count("ROLE") >= 3; }));
  EXPECT_EQ(primary_.connections(), 0U);
  EXPECT_NE(client_->trouble().find("this is a replica"), std::string::npos) << client_->trouble();
  other_.decide({});
  ASSERT_TRUE(until_connected());
  EXPECT_EQ(connected_, (std::vector<std::string>{"run-2"}));
  EXPECT_EQ(primary_.connections(), 0U);
}

TEST_F(SentinelClient, SurvivesSentinelsThatNameNobodyAndThatSayNothing) {
  silent_[1] = true;
  ScriptedRedis gone(io_);
  gone.stop_listening();
  name_[0] = gone.port();
  epoch_ = {3, 3, 3};
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  EXPECT_EQ(primary_.count("ROLE"), 1U);
}

TEST_F(SentinelClient, NeedsAMajorityToGoBackBehindTheEpochThatItHadOpened) {
  epoch_.fill(5);
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until_subscribed());
  silent_ = {true, true, false};
  name_.fill(other_.port());
  epoch_.fill(4);
  primary_.stop_listening();
  primary_.drop();
  ASSERT_TRUE(until([&] {
    return client_->trouble().find("too few sentinels answer") != std::string::npos;
  })) << client_->trouble();
  EXPECT_EQ(other_.connections(), 0U);
  // Sentinels that were set up anew count from the beginning.
  silent_[1] = false;
  ASSERT_TRUE(until_connected(2)) << client_->trouble();
  EXPECT_EQ(other_.count("ROLE"), 1U);
}

TEST_F(SentinelClient, NeverGoesBackToAPrimaryThatWasSwitchedAwayFrom) {
  epoch_.fill(3);
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until_subscribed());
  // The one that told it falls silent; the one that answers is behind.
  silent_ = {true, true, false};
  switch_to(other_.port());
  ASSERT_TRUE(until([&] {
    return client_->trouble().find("too few sentinels answer") != std::string::npos;
  })) << client_->trouble();
  EXPECT_EQ(primary_.connections(), 1U);
  silent_ = {};
  name_[0] = other_.port();
  epoch_[0] = 4;
  other_.set_run_id("run-2");
  ASSERT_TRUE(until_connected(2)) << client_->trouble();
  EXPECT_EQ(connected_.back(), "run-2");
}

TEST_F(SentinelClient, AsksAgainWhenASwitchIsToldWhileItAsks) {
  other_.set_run_id("run-2");
  // A question may wait for longer than this test does.
  options_.connect_deadline = 60s;
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until_subscribed());
  // Nobody answers the question that the lost primary leads to.
  silent_ = {true, true, true};
  const auto asked = [&](std::size_t times) {
    return std::ranges::all_of(sentinels_, [times](const ScriptedRedis& each) {
      return each.count("SENTINEL") == 2 * times;
    });
  };
  ASSERT_TRUE(asked(2)) << "the first question, and that of each watch";
  primary_.drop();
  ASSERT_TRUE(until([&] { return asked(3); }));
  silent_ = {};
  name_.fill(other_.port());
  epoch_.fill(1);
  switch_to(other_.port());
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(connected_.back(), "run-2");
}

TEST_F(SentinelClient, SaysWhatEachSentinelSaidWhenNoneHelps) {
  options_.connect_deadline = 60ms;
  silent_ = {true, true, true};
  start_with_sentinels();
  ASSERT_TRUE(until([&] {
    return client_->trouble().find("no answer to the log-in within 60 ms") != std::string::npos;
  })) << client_->trouble();
  EXPECT_NE(client_->trouble().find("sentinel 127.0.0.1:" + std::to_string(sentinels_[2].port())),
            std::string::npos);
}

TEST_F(SentinelClient, LeavesThePrimaryAtOnceWhenASwitchIsTold) {
  other_.set_run_id("run-2");
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until([&] { return sentinels_[2].count("SUBSCRIBE") == 1; }));
  name_.fill(other_.port());
  epoch_.fill(1);
  switch_to(other_.port());
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(connected_, (std::vector<std::string>{"run-1", "run-2"}));
  // The others tell it, too, and it stays where it is.
  switch_to(other_.port());
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(lost_.size(), 1U);
}

TEST_F(SentinelClient, ComesBackToTheTruePrimaryAfterASwitchThatWasALie) {
  make_replica(other_);
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until([&] { return sentinels_[0].count("SUBSCRIBE") == 1; }));
  switch_to(other_.port());
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(connected_, (std::vector<std::string>{"run-1", "run-1"}));
}

TEST_F(SentinelClient, HearsOfASwitchThatItMissedWhenASentinelComesBack) {
  other_.set_run_id("run-2");
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until([&] { return sentinels_[1].count("SUBSCRIBE") == 1; }));
  name_.fill(other_.port());
  epoch_.fill(1);
  sentinels_[1].drop();
  ASSERT_TRUE(until_connected(2));
  EXPECT_EQ(connected_.back(), "run-2");
}

TEST_F(SentinelClient, StaysWhenASentinelComesBackThatIsBehind) {
  epoch_.fill(5);
  start_with_sentinels();
  ASSERT_TRUE(until_connected());
  ASSERT_TRUE(until([&] { return sentinels_[1].count("SUBSCRIBE") == 1; }));
  name_[1] = other_.port();
  epoch_[1] = 4;
  sentinels_[1].drop();
  ASSERT_TRUE(until([&] { return sentinels_[1].count("SUBSCRIBE") == 2; }));
  command({"GET", "k"});
  ASSERT_TRUE(until_answered(1));
  EXPECT_TRUE(lost_.empty());
  EXPECT_EQ(other_.connections(), 0U);
}

}  // namespace
}  // namespace weir::store::redis
