#include "origin-agent/app/srs_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin-agent/app/own_address.h"

namespace weir::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kTcp = srs::Transport::kTcp;
constexpr auto kUdp = srs::Transport::kUdp;

Registration full() {
  Registration registration;
  registration.peer = "::ffff:127.0.0.1";
  srs::Heartbeat& heartbeat = registration.heartbeat;
  heartbeat.server = "vid-A_1";
  heartbeat.service = "s1";
  heartbeat.pid = 7;
  heartbeat.ip = "10.0.0.5";
  heartbeat.rtmp = {{"", 1935, kTcp}, {"", 19350, kTcp}};
  heartbeat.http = {{"192.0.2.7", 8080, kTcp}};
  heartbeat.api = {{"", 1985, kTcp}};
  heartbeat.srt = {{"", 10080, kUdp}};
  heartbeat.rtc = {{"", 8000, kTcp}, {"", 8001, kUdp}};
  return registration;
}

std::string endpoints(const OriginSettings& settings) {
  std::string all;
  for (const OriginEndpoint& endpoint : settings.spec.endpoints)
    all += std::to_string(static_cast<int>(endpoint.protocol)) + "=" + endpoint.address + " ";
  return all;
}

TEST(SrsSettingsTest, EachProtocolHasOneEndpointAndLocalAddressesAreTheSendersOwn) {
  const auto settings = registered_settings(full(), {}, {}, nullptr);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(endpoints(*settings),
            "0=10.0.0.5:1935 1=192.0.2.7:8080 2=10.0.0.5:10080 3=10.0.0.5:8001 ");
  EXPECT_EQ(settings->spec.kind, OriginKind::kSrs);
  EXPECT_TRUE(settings->spec.lists_streams);
  EXPECT_EQ(settings->spec.claimed_id, OriginId("vid-a-1")) << "in letters that ids have";
  EXPECT_EQ(settings->local_rtmp, "127.0.0.1:1935");
  EXPECT_EQ(settings->api->host, "127.0.0.1");
  EXPECT_EQ(settings->api->port, 1985);
  EXPECT_EQ(settings->life, (ProcessIdentity{7, 0, "s1"}));
}

TEST(SrsSettingsTest, WildcardsAreAdvertisedFirstThenAsSrsGuessesThenAsHeard) {
  Registration registration = full();
  EXPECT_EQ(registered_settings(registration, {}, {"198.51.100.1", ""}, nullptr)
                ->spec.endpoints[0]
                .address,
            "198.51.100.1:1935");
  for (const char* useless : {"", "127.0.0.1", "0.0.0.0", "not an address"}) {
    registration.heartbeat.ip = useless;
    registration.peer = "172.17.0.4";
    EXPECT_EQ(registered_settings(registration, {}, {}, nullptr)->spec.endpoints[0].address,
              "172.17.0.4:1935")
        << useless;
  }
  registration.heartbeat.ip.clear();
  registration.peer = "127.0.0.1";
  EXPECT_EQ(registered_settings(registration, {}, {}, nullptr)->spec.endpoints[0].address,
            "127.0.0.1:1935")
      << "everybody is on this host";
  const auto remote = registered_settings(registration, {}, {"", "10.0.0.9:7400"}, nullptr);
  ASSERT_FALSE(remote);
  EXPECT_THAT(remote.error().message, AllOf(HasSubstr("127.0.0.1:1935"), HasSubstr("10.0.0.9:7400"),
                                            HasSubstr("--advertise")));
}

TEST(SrsSettingsTest, AContainerIsAskedAtItsOwnAddress) {
  Registration registration = full();
  registration.peer = "172.17.0.4";
  const auto settings = registered_settings(registration, {}, {}, nullptr);
  EXPECT_EQ(settings->local_rtmp, "172.17.0.4:1935");
  EXPECT_EQ(settings->api->host, "172.17.0.4");
}

TEST(SrsSettingsTest, AServerWithoutApiIsWatchedLikeAnyOther) {
  Registration registration = full();
  registration.heartbeat.api.clear();
  const auto settings = registered_settings(registration, {}, {}, nullptr);
  EXPECT_EQ(settings->spec.kind, OriginKind::kGeneric);
  EXPECT_FALSE(settings->spec.lists_streams);
  EXPECT_FALSE(settings->api);
}

TEST(SrsSettingsTest, DefaultsHoldUnlessTheEntrySaysOtherwise) {
  SrsDefaults defaults;
  defaults.zone = "z";
  defaults.labels = {{"a", "1"}, {"b", "1"}};
  defaults.capacity = {100, 5, 1, 500};
  defaults.client_address = ClientAddressMode::kSrsPrefix;
  OriginSettings entry;
  entry.spec.labels = {{"b", "2"}};
  entry.spec.capacity.streams = 7;
  entry.spec.endpoints = {{EndpointProtocol::kHttp, "203.0.113.1:80"}};
  const auto settings = registered_settings(full(), defaults, {}, &entry);
  EXPECT_EQ(settings->spec.zone, "z");
  EXPECT_EQ(settings->spec.labels, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(settings->spec.capacity, (Capacity{7, 5, 1, 500}));
  EXPECT_EQ(settings->spec.endpoints[0].client_address, ClientAddressMode::kSrsPrefix);
  EXPECT_EQ(settings->spec.endpoints[1].client_address, ClientAddressMode::kNone);
  EXPECT_EQ(settings->spec.endpoints[1].address, "203.0.113.1:80");
}

TEST(SrsSettingsTest, ARegistrationSurvivesTheStateFile) {
  SavedState state;
  state.registered[OriginId("vid-1:1935")] = to_saved(full());
  const auto read = decode_saved_state(encode(state));
  ASSERT_TRUE(read) << read.error().message;
  const auto registration = from_saved(read->registered.at(OriginId("vid-1:1935")));
  ASSERT_TRUE(registration) << registration.error().message;
  EXPECT_TRUE(is_same_registration(*registration, full()));
}

TEST(SrsSettingsTest, ASavedNameThatIsNoneIsNotTakenUpAgain) {
  SavedRegistration saved = to_saved(full());
  saved.service = "\xff";
  EXPECT_FALSE(from_saved(saved));
  saved = to_saved(full());
  saved.server = "a b";
  EXPECT_FALSE(from_saved(saved));
}

TEST(SrsSettingsTest, TheLifeOfASavedProcessIsRead) {
  EXPECT_EQ(parse_srs_life("k0p8.42"), (ProcessIdentity{42, 0, "k0p8"}));
  EXPECT_EQ(parse_srs_life("a.b.42"), (ProcessIdentity{42, 0, "a.b"}));
  for (const char* other : {"", "gone", ".5", "x.", "x.y"})
    EXPECT_EQ(parse_srs_life(other), ProcessIdentity()) << other;
}

TEST(SrsSettingsTest, AListenerThatNobodyElseReachesIsLeftOutUnlessItIsRtmp) {
  const Surroundings remote{"198.51.100.1", "10.0.0.9:7400"};
  Registration registration = full();
  registration.heartbeat.http = {{"127.0.0.1", 8080, kTcp}};
  const auto settings = registered_settings(registration, {}, remote, nullptr);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(endpoints(*settings), "0=198.51.100.1:1935 2=198.51.100.1:10080 3=198.51.100.1:8001 ");
  EXPECT_THAT(settings->left_out, AllOf(HasSubstr("http"), HasSubstr("127.0.0.1:8080")));
  EXPECT_EQ(registered_settings(full(), {}, remote, nullptr)->left_out, "");
  registration = full();
  registration.heartbeat.rtmp = {{"127.0.0.1", 1935, kTcp}};
  EXPECT_FALSE(registered_settings(registration, {}, remote, nullptr));
}

TEST(SrsSettingsTest, CredentialsGoToThisHostAlone) {
  const Surroundings around{
      "", "", [](const std::string& host) { return host == "10.0.0.5" || host == "127.0.0.1"; }};
  Registration registration = full();
  EXPECT_TRUE(registered_settings(registration, {}, around, nullptr)->api_gets_credentials);
  registration.heartbeat.api = {{"10.0.0.5", 1985, kTcp}};
  EXPECT_TRUE(registered_settings(registration, {}, around, nullptr)->api_gets_credentials);
  registration.heartbeat.api = {{"", 1985, kTcp}};
  registration.peer = "172.17.0.4";
  EXPECT_FALSE(registered_settings(registration, {}, around, nullptr)->api_gets_credentials);
  // What it says of itself makes no address one of this host.
  registration.heartbeat.ip = "192.0.2.9";
  registration.heartbeat.api = {{"192.0.2.9", 1985, kTcp}};
  const auto settings = registered_settings(registration, {}, around, nullptr);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->api_gets_credentials);
}

TEST(SrsSettingsTest, OnlyTheSendersOwnAddressesAreDialled) {
  const Surroundings around{"", "", [](const std::string& host) { return host == "10.0.0.1"; }};
  const auto taken = [&](const char* peer, const char* ip, const char* host,
                         const OriginSettings* entry = nullptr) {
    Registration registration = full();
    registration.peer = peer;
    registration.heartbeat.ip = ip;
    registration.heartbeat.rtmp = {{host, 1935, kTcp}};
    const bool rtmp = static_cast<bool>(registered_settings(registration, {}, around, entry));
    registration.heartbeat.rtmp = {{"", 1935, kTcp}};
    registration.heartbeat.api = {{host, 1985, kTcp}};
    EXPECT_EQ(static_cast<bool>(registered_settings(registration, {}, around, entry)), rtmp)
        << host;
    return rtmp;
  };
  EXPECT_TRUE(taken("127.0.0.1", "10.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(taken("127.0.0.1", "10.0.0.1", "10.0.0.1"));
  EXPECT_TRUE(taken("10.0.0.1", "10.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(taken("172.17.0.4", "", "172.17.0.4"));
  EXPECT_TRUE(taken("10.0.0.7", "172.17.0.4", "172.17.0.4")) << "behind a translation of addresses";
  EXPECT_FALSE(taken("10.0.0.7", "10.0.0.7", "127.0.0.1"));
  EXPECT_FALSE(taken("10.0.0.7", "127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(taken("10.0.0.7", "10.0.0.7", "10.0.0.8"));
  EXPECT_FALSE(taken("127.0.0.1", "10.0.0.1", "metadata.example"));
  OriginSettings entry;
  entry.local_rtmp = "10.0.0.8:1935";
  EXPECT_TRUE(taken("10.0.0.7", "10.0.0.7", "10.0.0.8", &entry));
}

TEST(OwnAddressTest, IsWhatThisMachineCanBind) {
  EXPECT_TRUE(is_own_address("127.0.0.1"));
  EXPECT_TRUE(is_own_address("127.1.2.3"));
  for (const char* other :
       {"", "0.0.0.0", "::", "localhost", "192.0.2.1", "2001:db8::1", "224.0.0.1", "127.0.0.1:80"})
    EXPECT_FALSE(is_own_address(other)) << other;
}

}  // namespace
}  // namespace weir::agent
