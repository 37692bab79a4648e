#include "origin-agent/app/origin_registry.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin-agent/app/limits.h"
#include "origin-agent/report/limits.h"
#include "tests/support/manual_clock.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Notes what is wanted of it.
class FakeHost final : public OriginHost {
 public:
  std::size_t add(OriginSettings settings) override {
    origins[next] = std::move(settings);
    return next++;
  }
  void change(std::size_t origin, OriginSettings settings) override {
    origins.at(origin) = std::move(settings);
    ++changes;
  }
  void announced(std::size_t origin, const ProcessIdentity& life) override {
    lives.push_back(fmt::format("{} {}", origin, to_text(life)));
  }
  void hinted(std::size_t origin) override { hints.push_back(origin); }
  std::optional<ProcessIdentity> certain_life(std::size_t origin) const override {
    const auto found = lives_there.find(origin);
    return found == lives_there.end() ? std::nullopt : std::optional(found->second);
  }
  void retire(std::size_t origin) override { retired.insert(origin); }
  bool remove(std::size_t origin) override {
    if (unsaid.contains(origin)) return false;
    origins.erase(origin);
    return true;
  }
  void save() override { ++saves; }

  std::string ids() const {
    std::string all;
    for (const auto& [number, settings] : origins) all += settings.spec.id.str() + " ";
    return all;
  }

  std::map<std::size_t, OriginSettings> origins;
  std::map<std::size_t, ProcessIdentity> lives_there;
  std::set<std::size_t> retired;
  std::set<std::size_t> unsaid;
  std::vector<std::string> lives;
  std::vector<std::size_t> hints;
  int changes = 0;
  int saves = 0;
  std::size_t next = 0;
};

Registration srs_at(std::uint16_t port, const std::string& server = "vid-1",
                    const std::string& service = "one", const std::string& peer = "127.0.0.1") {
  Registration registration;
  registration.peer = peer;
  srs::Heartbeat& heartbeat = registration.heartbeat;
  heartbeat.server = server;
  heartbeat.service = service;
  heartbeat.pid = 100;
  heartbeat.ip = peer == "127.0.0.1" ? "10.0.0.1" : peer;
  heartbeat.rtmp = {{"", port, srs::Transport::kTcp}};
  heartbeat.http = {{"", static_cast<std::uint16_t>(port + 1), srs::Transport::kTcp}};
  heartbeat.api = {{"", static_cast<std::uint16_t>(port + 2), srs::Transport::kTcp}};
  return registration;
}

class OriginRegistryTest : public ::testing::Test {
 protected:
  OriginRegistryTest() {
    options_.defaults.forget_after = 600s;
    options_.defaults.capacity.cores = 1;
  }

  OriginRegistry& registry() {
    if (!registry_) registry_.emplace(options_, host_, clock_);
    return *registry_;
  }
  std::string hear(const Registration& registration) {
    const auto outcome = registry().registered(registration);
    return outcome ? std::string(to_string(*outcome)) : outcome.error().message;
  }
  void pass(Duration by) {
    const MonotonicTime end = clock_.now() + by;
    while (clock_.now() < end) {
      clock_.advance(std::min<Duration>(kSweepInterval, end - clock_.now()));
      registry().sweep();
    }
  }

  RegistryOptions options_;
  testing::ManualClock clock_;
  FakeHost host_;
  std::optional<OriginRegistry> registry_;
};

TEST_F(OriginRegistryTest, ANewServerIsWatchedAndHeardAgainItChangesNothing) {
  EXPECT_EQ(hear(srs_at(1935)), "added");
  ASSERT_THAT(host_.origins, SizeIs(1));
  const OriginSettings& settings = host_.origins.at(0);
  EXPECT_EQ(settings.spec.id, OriginId("vid-1:1935"));
  EXPECT_EQ(settings.spec.claimed_id, OriginId("vid-1"));
  EXPECT_EQ(settings.life.service, "one");
  for (int i = 0; i < 5; ++i) {
    pass(9s);
    EXPECT_EQ(hear(srs_at(1935)), "known");
  }
  EXPECT_EQ(host_.changes, 0);
  EXPECT_THAT(host_.lives, IsEmpty());
  EXPECT_EQ(host_.saves, 1);
}

TEST_F(OriginRegistryTest, TwoOfOneImageAreBothUsableWhicheverComesFirst) {
  hear(srs_at(19352));
  hear(srs_at(19351));
  EXPECT_EQ(host_.ids(), "vid-1:19352 vid-1:19351 ");
  for (const auto& [number, settings] : host_.origins)
    EXPECT_EQ(settings.spec.claimed_id, OriginId("vid-1"));
  // Of containers the port is the same one.
  hear(srs_at(19351, "vid-1", "one", "172.17.0.3"));
  EXPECT_EQ(host_.origins.at(2).spec.id, OriginId("vid-1:172.17.0.3:19351"));
}

TEST_F(OriginRegistryTest, ARestartIsLookedAtAtOnceAndStaysTheSameOrigin) {
  hear(srs_at(1935));
  EXPECT_EQ(hear(srs_at(1935, "vid-1", "two")), "changed");
  EXPECT_THAT(host_.lives, ElementsAre("0 two.100"));
  EXPECT_THAT(host_.origins, SizeIs(1));
  registry().answering(0, true);
  EXPECT_EQ(registry().saved().at(OriginId("vid-1:1935")).service, "two");
}

TEST_F(OriginRegistryTest, OtherPortsOfTheSameServerAreToldOn) {
  hear(srs_at(1935));
  Registration moved = srs_at(1935);
  moved.heartbeat.api = {{"", 1985, srs::Transport::kTcp}};
  EXPECT_EQ(hear(moved), "changed");
  EXPECT_EQ(host_.origins.at(0).api->port, 1985);
  EXPECT_THAT(host_.lives, IsEmpty()) << "it is the same life";
}

TEST_F(OriginRegistryTest, AHeartbeatEndsNoOriginThatAnswers) {
  hear(srs_at(1935));
  registry().answering(0, true);
  host_.lives_there[0] = {100, 7000, "one"};
  EXPECT_THAT(hear(srs_at(1935, "vid-2")), HasSubstr("'vid-1:1935' answers at 10.0.0.1:1935"));
  Registration without_api = srs_at(1935);
  without_api.heartbeat.api.clear();
  EXPECT_THAT(hear(without_api), HasSubstr("answers at 10.0.0.1:1935"));
  EXPECT_THAT(host_.retired, IsEmpty());
  EXPECT_THAT(host_.hints, ElementsAre(0, 0)) << "a look tells whether it is true";
  registry().admit_successors();
  EXPECT_EQ(host_.ids(), "vid-1:1935 ") << "it still answers";
  EXPECT_EQ(hear(srs_at(1935)), "known");
}

TEST_F(OriginRegistryTest, WhoWasRefusedHasThePlaceAsSoonAsItIsFree) {
  hear(srs_at(1935));
  registry().answering(0, true);
  host_.lives_there[0] = {100, 0, "one"};
  hear(srs_at(1935, "vid-2"));
  host_.lives_there.clear();
  registry().answering(0, false);
  registry().admit_successors();
  EXPECT_THAT(host_.retired, ElementsAre(0));
  EXPECT_EQ(host_.origins.at(1).spec.id, OriginId("vid-2:1935"));
  registry().answering(1, true);
  host_.lives_there[1] = {100, 0, "one"};
  hear(srs_at(1935, "vid-3"));
  pass(kSuccessorKept + 1s);
  registry().answering(1, false);
  registry().admit_successors();
  EXPECT_THAT(host_.retired, ElementsAre(0)) << "that was long ago";
}

TEST_F(OriginRegistryTest, ASuccessorWithoutRoomDoesNotEndTheOneBefore) {
  hear(srs_at(1935));
  registry().answering(0, true);
  for (int i = 1; i < static_cast<int>(kOriginsMax); ++i) {
    hear(srs_at(static_cast<std::uint16_t>(10000 + 3 * i), fmt::format("vid-x{}", i)));
    registry().answering(static_cast<std::size_t>(i), true);
  }
  registry().answering(0, false);
  EXPECT_THAT(hear(srs_at(1935, "vid-2")), HasSubstr("as many as it can"));
  EXPECT_THAT(host_.retired, IsEmpty());
  pass(kGivesWayAfter);
  EXPECT_EQ(hear(srs_at(1935, "vid-2")), "added");
}

TEST_F(OriginRegistryTest, AnotherServerHasTheAddressOfOneThatIsGone) {
  hear(srs_at(1935));
  registry().answering(0, true);
  registry().answering(0, false);
  EXPECT_EQ(hear(srs_at(1935, "vid-2")), "added");
  EXPECT_THAT(host_.retired, ElementsAre(0));
  EXPECT_EQ(host_.origins.at(1).spec.id, OriginId("vid-2:1935"));
  host_.unsaid = {0};
  pass(kSweepInterval);
  EXPECT_TRUE(host_.origins.contains(0)) << "its end was not heard yet";
  host_.unsaid.clear();
  pass(kSweepInterval);
  EXPECT_EQ(host_.ids(), "vid-2:1935 ");
  EXPECT_EQ(hear(srs_at(1935, "vid-2")), "known") << "the address is the successor's";
}

TEST_F(OriginRegistryTest, TwoBehindOneAdvertisedAddressAreAnErrorForTheSecond) {
  options_.around.advertise = "192.0.2.1";
  hear(srs_at(1935, "vid-1", "one", "172.17.0.2"));
  registry().answering(0, true);
  EXPECT_THAT(hear(srs_at(1935, "vid-2", "one", "172.17.0.3")), HasSubstr("192.0.2.1:1935"));
  EXPECT_THAT(host_.retired, IsEmpty());
  registry().answering(0, false);
  EXPECT_EQ(hear(srs_at(1935, "vid-2", "one", "172.17.0.3")), "added");
}

TEST_F(OriginRegistryTest, ClonesBehindOneAdvertisedAddressAreNotTakenForOneServer) {
  options_.around.advertise = "192.0.2.1";
  hear(srs_at(1935, "vid-1", "one", "172.17.0.2"));
  registry().answering(0, true);
  host_.lives_there[0] = {100, 0, "one"};
  EXPECT_THAT(hear(srs_at(1935, "vid-1", "two", "172.17.0.3")), HasSubstr("192.0.2.1:1935"));
  EXPECT_THAT(host_.lives, IsEmpty());
  EXPECT_EQ(host_.origins.at(0).local_rtmp, "172.17.0.2:1935");
  // The same life over another path is the same server, a restarted one as well.
  EXPECT_EQ(hear(srs_at(1935, "vid-1", "one", "172.17.0.9")), "changed");
  host_.lives_there[0] = {100, 0, "three"};
  EXPECT_EQ(hear(srs_at(1935, "vid-1", "three", "172.17.0.2")), "changed");
  EXPECT_EQ(hear(srs_at(1935, "vid-1", "three", "172.17.0.9")), "changed");
  EXPECT_EQ(host_.origins.at(0).local_rtmp, "172.17.0.2:1935");
  registry().answering(0, false);
  EXPECT_EQ(hear(srs_at(1935, "vid-1", "two", "172.17.0.3")), "changed") << "it moved";
  EXPECT_EQ(host_.origins.at(0).local_rtmp, "172.17.0.3:1935");
}

TEST_F(OriginRegistryTest, ALoopbackAddressWithARemoteControlPlaneIsRefusedWithTheReason) {
  options_.around.remote_controlplane = "10.0.0.9:7400";
  Registration local = srs_at(1935);
  local.heartbeat.ip = "127.0.0.1";
  const std::string why = hear(local);
  EXPECT_THAT(why, HasSubstr("vid-1"));
  EXPECT_THAT(why, HasSubstr("127.0.0.1:1935"));
  EXPECT_THAT(why, HasSubstr("10.0.0.9:7400"));
  EXPECT_THAT(host_.origins, IsEmpty());
}

TEST_F(OriginRegistryTest, SilenceIsNoDeathAndADeadOneIsForgottenAfterAWhile) {
  hear(srs_at(1935));
  registry().answering(0, true);
  pass(24h);
  EXPECT_THAT(host_.origins, SizeIs(1)) << "it answers, whether it says so or not";
  registry().answering(0, false);
  pass(599s);
  EXPECT_THAT(host_.origins, SizeIs(1));
  pass(10s);
  EXPECT_THAT(host_.origins, IsEmpty());
  EXPECT_THAT(registry().saved(), IsEmpty());
  EXPECT_EQ(hear(srs_at(1935)), "added");
}

TEST_F(OriginRegistryTest, OneThatIsHeardButNeverAnswersStaysAndGoesSoonAfterItsLastWord) {
  hear(srs_at(1935));
  for (int i = 0; i < 100; ++i) {
    pass(9s);
    hear(srs_at(1935));
  }
  EXPECT_THAT(host_.origins, SizeIs(1));
  pass(kUnprovenKept + kSweepInterval);
  EXPECT_THAT(host_.origins, IsEmpty());
}

TEST_F(OriginRegistryTest, AFloodOfRegistrationsIsBoundedAndDoesNotPushOutWhoAnswers) {
  hear(srs_at(1935));
  registry().answering(0, true);
  for (int i = 1; i < 2000; ++i)
    hear(srs_at(static_cast<std::uint16_t>(10000 + 3 * i), fmt::format("fake-{}", i)));
  EXPECT_THAT(host_.origins, SizeIs(kOriginsMax));
  EXPECT_THAT(hear(srs_at(5000, "late")), HasSubstr("as many as it can"));
  pass(kGivesWayAfter);
  EXPECT_EQ(hear(srs_at(5000, "late")), "added") << "one that never answered gives way";
  EXPECT_THAT(host_.origins, SizeIs(kOriginsMax));
  EXPECT_TRUE(host_.origins.contains(0));
  pass(kUnprovenKept + kSweepInterval);
  EXPECT_EQ(host_.ids(), "vid-1:1935 ");
}

TEST_F(OriginRegistryTest, AConfiguredOriginIsTheOneThatRegistersFromItsPort) {
  OriginSettings configured;
  configured.spec.id = OriginId("o1");
  configured.spec.endpoints = {{EndpointProtocol::kRtmp, "10.0.0.1:1935"}};
  configured.local_rtmp = "127.0.0.1:1935";
  host_.add(configured);
  registry().configured(0, configured);
  EXPECT_EQ(hear(srs_at(1935)), "changed");
  EXPECT_EQ(hear(srs_at(1935)), "known");
  EXPECT_EQ(host_.ids(), "o1 ");
  EXPECT_EQ(host_.changes, 0) << "what is configured stays";
  EXPECT_EQ(hear(srs_at(1935, "vid-1", "two")), "changed");
  EXPECT_THAT(host_.lives, ElementsAre("0 one.100", "0 two.100"));
  pass(24h);
  EXPECT_EQ(host_.ids(), "o1 ");
  EXPECT_THAT(registry().saved(), IsEmpty());
}

TEST_F(OriginRegistryTest, AnEntryForItsPortOverridesWhatItRegistersWith) {
  OriginSettings entry;
  entry.spec.id = OriginId("o1");
  entry.spec.zone = "z";
  entry.spec.capacity.connections = 300;
  entry.cores = 2;
  entry.local_rtmp = "127.0.0.1:1935";
  entry.takes_registered_hosts = true;
  options_.overrides = {entry};
  options_.defaults.zone = "default";
  hear(srs_at(1935));
  hear(srs_at(1945, "vid-2"));
  EXPECT_EQ(host_.ids(), "o1 vid-2:1945 ");
  EXPECT_EQ(host_.origins.at(0).spec.claimed_id, OriginId("o1"));
  EXPECT_EQ(host_.origins.at(0).spec.zone, "z");
  EXPECT_EQ(host_.origins.at(0).spec.capacity.connections, 300U);
  EXPECT_EQ(host_.origins.at(0).spec.endpoints.at(0).address, "10.0.0.1:1935");
  EXPECT_EQ(host_.origins.at(0).cores, 2);
  EXPECT_EQ(host_.origins.at(0).spec.capacity.cores, 2);
  EXPECT_EQ(host_.origins.at(1).cores, 1);
  EXPECT_EQ(host_.origins.at(1).spec.zone, "default");
}

TEST_F(OriginRegistryTest, ARestartedAgentWatchesThemAgainUnderTheirNames) {
  hear(srs_at(1935));
  hear(srs_at(1935, "vid-1", "one", "172.17.0.3"));
  hear(srs_at(1945));
  EXPECT_THAT(registry().saved(), IsEmpty()) << "nobody knows whether there is a server at all";
  const int saves = host_.saves;
  for (const std::size_t origin : {0U, 1U}) registry().answering(origin, true);
  EXPECT_EQ(host_.saves, saves + 2);
  SavedState saved;
  saved.registered = registry().saved();
  saved.origins[OriginId("vid-1:1935")] = {"later.100", IncarnationId("i1")};
  saved.registered[OriginId("damaged")].rtmp = {"no address"};
  const std::string before = host_.ids();
  host_ = FakeHost();
  registry_.reset();
  registry().restore(saved);
  EXPECT_THAT(host_.origins, SizeIs(2));
  for (const auto& [number, settings] : host_.origins) {
    EXPECT_THAT(before, HasSubstr(settings.spec.id.str()));
    if (settings.spec.id == OriginId("vid-1:1935"))
      EXPECT_EQ(settings.life.service, "later") << "a restart that only the API told of";
  }
  EXPECT_EQ(hear(srs_at(1935)), "known");
  saved.registered.erase(OriginId("damaged"));
  EXPECT_EQ(registry().saved(), saved.registered);
}

TEST_F(OriginRegistryTest, ClonesOfOneEntryKeepTheirNamesWhenTheAgentRestarts) {
  OriginSettings entry;
  entry.spec.id = OriginId("z1");
  entry.local_rtmp = "0.0.0.0:1935";
  entry.takes_registered_hosts = true;
  options_.overrides = {entry};
  // The entry's own name goes to the first, and would come last in the file: z1, z1:1935, …
  hear(srs_at(1935, "vid-1", "one", "172.17.0.2"));
  hear(srs_at(1935, "vid-1", "two", "172.17.0.3"));
  hear(srs_at(1935, "vid-1", "three", "172.17.0.4"));
  std::map<std::string, OriginId> before;
  for (const auto& [number, settings] : host_.origins)
    before[settings.local_rtmp] = settings.spec.id;
  for (const std::size_t origin : {0U, 1U, 2U}) registry().answering(origin, true);
  SavedState saved;
  saved.registered = registry().saved();
  // The one with the entry's own name has been forgotten meanwhile.
  saved.registered.erase(OriginId("z1"));
  host_ = FakeHost();
  registry_.reset();
  registry().restore(saved);
  ASSERT_THAT(host_.origins, SizeIs(2));
  for (const auto& [number, settings] : host_.origins)
    EXPECT_EQ(settings.spec.id, before.at(settings.local_rtmp)) << settings.local_rtmp;
  // Another name in the configuration is taken up.
  options_.overrides[0].spec.id = OriginId("y1");
  host_ = FakeHost();
  registry_.reset();
  registry().restore(saved);
  EXPECT_EQ(host_.origins.at(0).spec.id, OriginId("y1"));
}

TEST_F(OriginRegistryTest, WhatIsKeptOfALongRegistrationIsWhatIsUsed) {
  Registration registration = srs_at(1935);
  srs::Heartbeat& heartbeat = registration.heartbeat;
  for (std::uint16_t i = 1; i < 16; ++i) {
    heartbeat.rtmp.push_back({"", static_cast<std::uint16_t>(20000 + i), srs::Transport::kTcp});
    heartbeat.api.push_back({"", static_cast<std::uint16_t>(21000 + i), srs::Transport::kTcp});
    heartbeat.rtc.push_back({"", static_cast<std::uint16_t>(22000 + i),
                             i % 2 == 0 ? srs::Transport::kUdp : srs::Transport::kTcp});
  }
  EXPECT_EQ(hear(registration), "added");
  EXPECT_EQ(hear(registration), "known");
  registry().answering(0, true);
  const SavedRegistration saved = registry().saved().at(OriginId("vid-1:1935"));
  EXPECT_THAT(saved.rtmp, SizeIs(kRtmpListenersKept));
  EXPECT_THAT(saved.api, ElementsAre("tcp://0.0.0.0:1937"));
  EXPECT_THAT(saved.rtc, ElementsAre("udp://0.0.0.0:22002"));
}

TEST_F(OriginRegistryTest, AHookIsForTheOriginThatItNames) {
  hear(srs_at(1935));
  hear(srs_at(1945, "vid-2", "b"));
  registry().hinted("vid-2", "b");
  registry().hinted("vid-2", "unknown");
  EXPECT_THAT(host_.hints, ElementsAre(1));
}

TEST_F(OriginRegistryTest, AHookOfAnUnknownServerMayBeOfTheConfiguredOnes) {
  OriginSettings configured;
  configured.spec.endpoints = {{EndpointProtocol::kRtmp, "10.0.0.1:1995"}};
  configured.local_rtmp = "127.0.0.1:1995";
  configured.spec.id = OriginId("mine");
  configured.api = HttpUrl{"127.0.0.1", 1985, "/"};
  registry().configured(7, configured);
  configured.spec.id = OriginId("nginx");
  configured.local_rtmp = "127.0.0.1:1996";
  configured.spec.endpoints = {{EndpointProtocol::kRtmp, "10.0.0.1:1996"}};
  configured.api.reset();
  registry().configured(8, configured);
  registry().hinted("vid-9", "never heard");
  EXPECT_THAT(host_.hints, ElementsAre(7));
}

}  // namespace
}  // namespace weir::agent
