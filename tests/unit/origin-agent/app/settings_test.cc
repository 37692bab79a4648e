#include "origin-agent/app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/config/v1/config.pb.h"

namespace weir::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

config::v1::OriginAgentConfig config(const std::string& rtmp,
                                     const std::string& controlplane = "127.0.0.1:7400") {
  config::v1::OriginAgentConfig c;
  c.add_controlplane(controlplane);
  auto* origin = c.add_origins();
  origin->set_id("o1");
  origin->set_type("process");
  origin->set_rtmp(rtmp);
  return c;
}

std::string error_of(const config::v1::OriginAgentConfig& c) {
  const auto settings = make_settings(c, "host-1");
  if (settings) return "none";
  EXPECT_EQ(settings.error().code, boost::system::errc::invalid_argument);
  return settings.error().message;
}

TEST(SettingsTest, AnOriginIsReadWithItsDefaults) {
  const auto settings = make_settings(config("127.0.0.1:1936"), "host-1");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->id, AgentId("host-1"));
  const OriginSettings& origin = settings->origins.at(0);
  EXPECT_EQ(origin.spec.endpoints.at(0).address, "127.0.0.1:1936");
  EXPECT_EQ(origin.local_rtmp, "127.0.0.1:1936");
  EXPECT_EQ(origin.cores, 1);
  EXPECT_FALSE(origin.spec.lists_streams);
}

TEST(SettingsTest, TheClientAddressModeIsToldAndProbedWith) {
  auto c = config("127.0.0.1:1936");
  EXPECT_EQ(make_settings(c, "h")->origins[0].client_address, ClientAddressMode::kNone);
  c.mutable_origins(0)->set_client_address("srs-prefix");
  c.mutable_origins(0)->set_http("127.0.0.1:8080");
  const auto settings = make_settings(c, "h");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->origins[0].client_address, ClientAddressMode::kSrsPrefix);
  EXPECT_EQ(settings->origins[0].spec.endpoints[0].client_address, ClientAddressMode::kSrsPrefix);
  EXPECT_EQ(settings->origins[0].spec.endpoints[1].client_address, ClientAddressMode::kNone);
}

TEST(SettingsTest, AWildcardIsReplacedByTheAdvertisedAddressAndProbedLocally) {
  for (const char* wildcard : {":1936", "0.0.0.0:1936", "*:1936", "[::]:1936"}) {
    auto c = config(wildcard, "10.0.0.9:7400");
    c.set_advertise("10.0.0.1");
    const auto settings = make_settings(c, "h");
    ASSERT_TRUE(settings) << wildcard << ": " << settings.error().message;
    EXPECT_EQ(settings->origins[0].spec.endpoints[0].address, "10.0.0.1:1936");
    EXPECT_THAT(settings->origins[0].local_rtmp,
                wildcard[0] == '[' ? "[::1]:1936" : "127.0.0.1:1936");
  }
}

TEST(SettingsTest, AWildcardNeedsAnAddressUnlessAllIsLocal) {
  EXPECT_THAT(error_of(config(":1936", "10.0.0.9:7400")), HasSubstr("--advertise"));
  const auto local = make_settings(config(":1936"), "h");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->origins[0].spec.endpoints[0].address, "127.0.0.1:1936");
}

TEST(SettingsTest, ALoopbackEndpointWithARemoteControlPlaneNamesBoth) {
  EXPECT_THAT(error_of(config("127.0.0.1:1936", "10.0.0.9:7400")),
              AllOf(HasSubstr("127.0.0.1:1936"), HasSubstr("10.0.0.9:7400")));
  auto c = config("10.0.0.1:1936", "127.0.0.1:7400");
  c.add_controlplane("cp2.example:7400");
  c.mutable_origins(0)->set_http("localhost:80");
  EXPECT_THAT(error_of(c), AllOf(HasSubstr("localhost:80"), HasSubstr("cp2.example:7400")));
}

TEST(SettingsTest, AnOriginWithoutIdIsNamedAfterItsEndpoint) {
  auto c = config("[2001:db8::1]:1936");
  c.mutable_origins(0)->clear_id();
  const auto settings = make_settings(c, "h");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->origins[0].spec.id, OriginId("2001:db8::1:1936"));
}

TEST(SettingsTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(error_of({}), HasSubstr("--controlplane"));
  auto no_origins = config("127.0.0.1:1");
  no_origins.clear_origins();
  EXPECT_THAT(error_of(no_origins), HasSubstr("--origin"));
  EXPECT_THAT(error_of(config("")), AllOf(HasSubstr("o1"), HasSubstr("rtmp is missing")));
  EXPECT_THAT(error_of(config("127.0.0.1")), HasSubstr("o1"));
  EXPECT_THAT(error_of(config("127.0.0.1:0")), HasSubstr("names no port"));
  EXPECT_THAT(error_of(config("127.0.0.1:1936", "nowhere")), HasSubstr("'nowhere'"));
  auto upper = config("127.0.0.1:1936");
  upper.mutable_origins(0)->set_id("Origin 1");
  EXPECT_THAT(error_of(upper), HasSubstr("lower-case"));
  auto twice = config("127.0.0.1:1936");
  *twice.add_origins() = twice.origins(0);
  EXPECT_THAT(error_of(twice), HasSubstr("two origins have the id 'o1'"));
}

TEST(SettingsTest, NginxNeedsItsStatisticsPageAndOthersHaveNone) {
  auto c = config("127.0.0.1:1936");
  c.mutable_origins(0)->set_type("nginx-rtmp");
  EXPECT_THAT(error_of(c), HasSubstr("stat is missing"));
  c.mutable_origins(0)->set_stat("ftp://x/");
  EXPECT_THAT(error_of(c), HasSubstr("http://"));
  c.mutable_origins(0)->set_stat("http://127.0.0.1:8936/stat");
  c.mutable_origins(0)->set_control("http://127.0.0.1:8936/control");
  const auto settings = make_settings(c, "h");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->origins[0].spec.kind, OriginKind::kNginxRtmp);
  EXPECT_EQ(settings->origins[0].stat->port, 8936);
  c.mutable_origins(0)->set_type("process");
  EXPECT_THAT(error_of(c), HasSubstr("type=nginx-rtmp"));
}

TEST(SettingsTest, AnAgentMayHaveOnlyOriginsThatRegister) {
  config::v1::OriginAgentConfig c;
  c.add_controlplane("127.0.0.1:7400");
  EXPECT_THAT(error_of(c), AllOf(HasSubstr("--origin"), HasSubstr("--srs-register")));
  c.mutable_srs()->set_listen("127.0.0.1:12025");
  c.mutable_srs()->set_max_connections(300);
  c.mutable_srs()->set_forget_after_s(60);
  const auto settings = make_settings(c, "h");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->origins.empty());
  EXPECT_EQ(settings->srs.capacity.connections, 300U);
  EXPECT_EQ(settings->srs.forget_after, std::chrono::seconds(60));
}

TEST(SettingsTest, AnSrsWithItsApiIsWatchedAtOnceAndOneWithoutOnceItRegisters) {
  auto c = config("127.0.0.1:1935");
  c.mutable_origins(0)->set_type("srs");
  EXPECT_THAT(error_of(c), AllOf(HasSubstr("api is missing"), HasSubstr("srs.listen")));
  c.mutable_srs()->set_listen(":12025");
  c.mutable_srs()->set_look_interval_ms(2000);
  auto later = make_settings(c, "h");
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_TRUE(later->origins.empty());
  ASSERT_EQ(later->srs_overrides.size(), 1U);
  EXPECT_TRUE(later->srs_overrides[0].takes_registered_hosts);
  c.mutable_origins(0)->set_api("http://127.0.0.1:1985");
  const auto now = make_settings(c, "h");
  ASSERT_TRUE(now) << now.error().message;
  ASSERT_EQ(now->origins.size(), 1U);
  EXPECT_EQ(now->origins[0].api->port, 1985);
  EXPECT_EQ(now->origins[0].spec.kind, OriginKind::kSrs);
  EXPECT_EQ(now->origins[0].look_interval, std::chrono::seconds(2));
  EXPECT_TRUE(now->origins[0].spec.lists_streams);
}

TEST(SettingsTest, AnEntryForARegisteringSrsNeedsNoReachableHost) {
  auto c = config("0.0.0.0:1935", "10.0.0.9:7400");
  c.mutable_srs()->set_listen("127.0.0.1:12025");
  c.mutable_origins(0)->set_type("srs");
  ASSERT_TRUE(make_settings(c, "h"));
  c.mutable_origins(0)->set_rtmp("127.0.0.1:1935");
  ASSERT_TRUE(make_settings(c, "h"));
  c.mutable_origins(0)->set_http("127.0.0.1:8080");
  EXPECT_THAT(error_of(c), HasSubstr("127.0.0.1:8080")) << "what it says is told to forwarders";
}

TEST(SettingsTest, TheApiBelongsToSrs) {
  auto c = config("127.0.0.1:1935");
  c.mutable_origins(0)->set_api("http://127.0.0.1:1985");
  EXPECT_THAT(error_of(c), HasSubstr("type=srs"));
}

}  // namespace
}  // namespace weir::agent
