// What origins are called and which are turned away: ids that two ask for, endpoints that nobody
// else reaches.

#include <algorithm>

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "tests/unit/controlplane/core/core_harness.h"

namespace weir::core::testing {
namespace {

/// As two machines cloned from one image: another name for the agent, one id for the cluster.
OriginSeen clone(const std::string& own, const std::string& claimed, const std::string& address,
                 const std::string& process, IncarnationId incarnation = {}) {
  auto seen = CoreHarness::seen(claimed, address, process, std::move(incarnation));
  seen.own = OriginId(own);
  return seen;
}

class OriginNames : public ::testing::Test {
 protected:
  static std::optional<OriginAccepted> accepted(const std::shared_ptr<FakeAgentLink>& link,
                                                const std::string& own) {
    std::optional<OriginAccepted> last;
    for (const auto& each : link->all<OriginAccepted>()) {
      if (each.origin == OriginId(own)) last = each;
    }
    return last;
  }
  std::string id_of(const std::shared_ptr<FakeAgentLink>& link, const std::string& own) {
    const auto found = accepted(link, own);
    return found ? found->accepted_origin.str() : "(not answered)";
  }
  OriginSeen known(const std::string& own, const std::string& address, const std::string& process) {
    return clone(own, "vid-x1", address, process, accepted(agent, own)->incarnation);
  }
  void start_both() {
    agent = h.attach_agent("a1", {clone("vid-x1", "vid-x1", "192.0.2.1:19350", "p1"),
                                  clone("vid-x1:19352", "vid-x1", "192.0.2.1:19352", "p2")});
    h.settle_with({}, {agent});
  }
  int events(const std::string& type) {
    const auto types = h.event_types();
    return static_cast<int>(std::count(types.begin(), types.end(), type));
  }

  CoreHarness h;
  std::shared_ptr<FakeAgentLink> agent;
};

TEST_F(OriginNames, TwoClonesOnOneHostAreBothUsableAndAnEventSaysSo) {
  start_both();
  EXPECT_EQ(id_of(agent, "vid-x1"), "vid-x1");
  EXPECT_EQ(id_of(agent, "vid-x1:19352"), "vid-x1-2");
  EXPECT_EQ(h.state("vid-x1"), model::OriginState::kAlive);
  EXPECT_EQ(h.state("vid-x1-2"), model::OriginState::kAlive);
  EXPECT_EQ(events("ORIGIN_ID_TAKEN"), 1);
  std::set<std::string> used;
  for (int i = 0; i < 4; ++i) {
    const auto& got = h.acquire("live/s" + std::to_string(i), "f1", "s" + std::to_string(i));
    ASSERT_TRUE(got.ok());
    used.insert(got.value().route.placement.origin.str());
  }
  EXPECT_EQ(used, (std::set<std::string>{"vid-x1", "vid-x1-2"}));
}

TEST_F(OriginNames, TwoClonesOnTwoHostsAreBothUsable) {
  agent = h.attach_agent("a1", {clone("vid-x1", "vid-x1", "192.0.2.1:1935", "p1")});
  auto other = h.attach_agent("a2", {clone("vid-x1", "vid-x1", "192.0.2.2:1935", "p1b")});
  h.settle_with({}, {agent, other});
  EXPECT_EQ(id_of(agent, "vid-x1"), "vid-x1");
  EXPECT_EQ(id_of(other, "vid-x1"), "vid-x1-2");
  EXPECT_EQ(h.state("vid-x1"), model::OriginState::kAlive);
  EXPECT_EQ(h.state("vid-x1-2"), model::OriginState::kAlive);
  EXPECT_EQ(events("ORIGIN_ID_TAKEN"), 1);
}

TEST_F(OriginNames, AReportAndAVerdictOfOneCloneAreNotAboutTheOther) {
  start_both();
  LoadReport report;
  OriginReport of;
  of.origin = OriginId("vid-x1:19352");
  of.incarnation = h.incarnation("vid-x1-2");
  of.load.players = 7;
  report.origins = {of};
  h.tell(agent, report);
  const auto load = [&](const char* id) {
    return std::get<OriginInfo>(h.core->listing().origin(OriginId(id))).load;
  };
  EXPECT_FALSE(load("vid-x1"));
  ASSERT_TRUE(load("vid-x1-2"));
  EXPECT_EQ(load("vid-x1-2")->players, 7U);
  h.tell(agent, OriginVerdict{OriginId("vid-x1:19352"), h.incarnation("vid-x1-2"),
                              VerdictReason::kProcessGone, 1ms});
  EXPECT_EQ(h.state("vid-x1"), model::OriginState::kAlive);
  EXPECT_EQ(h.state("vid-x1-2"), model::OriginState::kDead);
}

TEST_F(OriginNames, ClonesKeepTheirIdsWhenTheirAgentRestarts) {
  start_both();
  const auto first = known("vid-x1", "192.0.2.1:19350", "p1");
  const auto second = known("vid-x1:19352", "192.0.2.1:19352", "p2");
  h.core->agents().closed(agent);
  agent = h.attach_agent("a1", {second, first}, "run2");
  h.advance_with({}, {agent}, 1s);
  EXPECT_EQ(id_of(agent, "vid-x1"), "vid-x1");
  EXPECT_EQ(id_of(agent, "vid-x1:19352"), "vid-x1-2");
}

TEST_F(OriginNames, ClonesKeepTheirIdsWhenTheOriginsRestart) {
  start_both();
  for (const char* id : {"vid-x1", "vid-x1-2"}) {
    const char* own = std::string_view(id) == "vid-x1" ? "vid-x1" : "vid-x1:19352";
    h.tell(agent,
           OriginVerdict{OriginId(own), h.incarnation(id), VerdictReason::kProcessGone, 1ms});
  }
  h.tell(agent, clone("vid-x1:19352", "vid-x1", "192.0.2.1:19352", "p4"));
  h.tell(agent, clone("vid-x1", "vid-x1", "192.0.2.1:19350", "p3"));
  h.advance_with({}, {agent}, 2s);
  EXPECT_EQ(id_of(agent, "vid-x1"), "vid-x1");
  EXPECT_EQ(id_of(agent, "vid-x1:19352"), "vid-x1-2");
  EXPECT_EQ(h.state("vid-x1"), model::OriginState::kAlive);
  EXPECT_EQ(h.state("vid-x1-2"), model::OriginState::kAlive);
}

TEST_F(OriginNames, ClonesKeepTheirIdsWhenTheControlPlaneRestartsWhateverTheOrder) {
  start_both();
  const auto first = known("vid-x1", "192.0.2.1:19350", "p1");
  const auto second = known("vid-x1:19352", "192.0.2.1:19352", "p2");
  const auto incarnation = second.incarnation;
  h.restart();
  agent = h.attach_agent("a1", {second, first});
  h.settle_with({}, {agent});
  EXPECT_EQ(id_of(agent, "vid-x1"), "vid-x1");
  EXPECT_EQ(id_of(agent, "vid-x1:19352"), "vid-x1-2");
  EXPECT_EQ(accepted(agent, "vid-x1:19352")->incarnation, incarnation);
}

TEST_F(OriginNames, WhoKnowsItsIncarnationComesBeforeACloneThatIsNew) {
  start_both();
  const auto second = known("vid-x1:19352", "192.0.2.1:19352", "p2");
  const auto first = known("vid-x1", "192.0.2.1:19350", "p1");
  h.restart();
  agent = h.attach_agent("a1",
                         {clone("vid-x1:19354", "vid-x1", "192.0.2.1:19354", "p9"), second, first});
  h.settle_with({}, {agent});
  EXPECT_EQ(id_of(agent, "vid-x1"), "vid-x1");
  EXPECT_EQ(id_of(agent, "vid-x1:19352"), "vid-x1-2");
  EXPECT_EQ(id_of(agent, "vid-x1:19354"), "vid-x1-3");
}

class RejectedOrigins : public ::testing::Test {
 protected:
  static Options remote() {
    Options options = CoreHarness::default_options();
    options.listener_is_loopback = false;
    return options;
  }
  void attach(std::vector<OriginSeen> origins) {
    link->peer_address = "ipv4:192.0.2.7:51000";
    AgentHello hello;
    hello.agent = AgentId("a1");
    hello.instance = "run1";
    hello.origins = std::move(origins);
    h.tell(link, hello);
  }
  bool warned(const std::string& text) {
    const auto warnings = h.status().warnings;
    return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
      return warning.find(text) != std::string::npos;
    });
  }
  int events(const std::string& type) {
    const auto types = h.event_types();
    return static_cast<int>(std::count(types.begin(), types.end(), type));
  }

  CoreHarness h{remote()};
  std::shared_ptr<FakeAgentLink> link = std::make_shared<FakeAgentLink>();
};

TEST_F(RejectedOrigins, ALoopbackEndpointIsShownUntilItIsCorrected) {
  attach({CoreHarness::seen("o1", "127.0.0.1:19350", "p1")});
  EXPECT_EQ(h.status().origins_rejected, 1U);
  EXPECT_TRUE(warned("origin o1 of agent a1 is turned away: endpoint 127.0.0.1:19350"));
  EXPECT_EQ(events("ORIGIN_REJECTED"), 1);
  // Agents offer it again and again.
  h.tell(link, CoreHarness::seen("o1", "127.0.0.1:19350", "p1"));
  EXPECT_EQ(events("ORIGIN_REJECTED"), 1);
  h.tell(link, CoreHarness::seen("o1", "192.0.2.7:19350", "p1"));
  EXPECT_EQ(h.status().origins_rejected, 0U);
  EXPECT_FALSE(warned("turned away"));
  EXPECT_FALSE(link->last<OriginAccepted>()->incarnation.empty());
}

TEST_F(RejectedOrigins, AreForgottenWithTheirAgentsStreamAndNamedFiveAtMost) {
  std::vector<OriginSeen> origins;
  for (int i = 0; i < 8; ++i) {
    origins.push_back(
        CoreHarness::seen("o" + std::to_string(i), "127.0.0.1:" + std::to_string(19350 + i), "p"));
  }
  attach(std::move(origins));
  EXPECT_EQ(h.status().origins_rejected, 8U);
  EXPECT_TRUE(warned("origin o4 of agent a1"));
  EXPECT_FALSE(warned("origin o5 of agent a1"));
  EXPECT_TRUE(warned("3 more origins are turned away"));
  h.core->agents().closed(link);
  EXPECT_EQ(h.status().origins_rejected, 0U);
}

TEST_F(RejectedOrigins, AnOriginWithoutANameIsTurnedAwayAndKeptNowhere) {
  auto nameless = CoreHarness::seen("o1", "192.0.2.7:19350", "p1");
  nameless.own = OriginId();
  auto endless = CoreHarness::seen("o2", "192.0.2.7:19351", "p1");
  endless.own = OriginId(std::string(kTextBytesMax + 1, 'x'));
  attach({nameless, endless});
  for (const auto& answer : link->all<OriginAccepted>()) EXPECT_FALSE(answer.rejection.empty());
  EXPECT_EQ(h.status().origins_rejected, 1U);
}

}  // namespace
}  // namespace weir::core::testing
