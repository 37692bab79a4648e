#include "dataplane/app/connect_profile.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/protocol/rtmp/command.h"
#include "weir/config/v1/config.pb.h"

namespace weir::forwarder {
namespace {

using ::testing::HasSubstr;

config::v1::ConnectProfileConfig plain() {
  config::v1::ConnectProfileConfig config;
  config.set_server_version("FMS/3,5,3,888");
  config.set_capabilities(127);
  return config;
}

std::string error_of(const config::v1::ConnectProfileConfig& config) {
  const auto profile = make_connect_profile(config);
  if (profile) return "none";
  EXPECT_EQ(profile.error().code, boost::system::errc::invalid_argument);
  return profile.error().message;
}

std::string listing(std::initializer_list<const char*> codes) {
  auto config = plain();
  for (const char* code : codes) config.add_four_cc_list(code);
  return error_of(config);
}

std::string video(const char* code, const char* mask) {
  auto config = plain();
  (*config.mutable_video_four_cc_info_map())[code] = mask;
  return error_of(config);
}

std::string capabilities(unsigned caps_ex) {
  auto config = plain();
  config.set_caps_ex(caps_ex);
  return error_of(config);
}

amf::Value property_of(const amf::Value& object, const char* name) {
  const auto property = amf::find_property(object, name);
  EXPECT_TRUE(property) << name;
  return property ? property->value : amf::Value{};
}

TEST(ConnectProfile, ClaimsNothingUnlessToldTo) {
  const auto profile = make_connect_profile(plain());
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->server_version, "FMS/3,5,3,888");
  EXPECT_EQ(profile->capabilities, 127);
  EXPECT_TRUE(profile->extra_properties.empty());
}

TEST(ConnectProfile, IsReadBackFromBothObjectsOfTheAnswer) {
  auto config = plain();
  for (const char* code : {"hvc1", "av01", "Opus"}) config.add_four_cc_list(code);
  (*config.mutable_video_four_cc_info_map())["*"] = "4";
  (*config.mutable_video_four_cc_info_map())["hvc1"] = "7";
  (*config.mutable_audio_four_cc_info_map())["Opus"] = "4";
  config.set_caps_ex(2 + 4);
  const auto profile = make_connect_profile(config);
  ASSERT_TRUE(profile) << profile.error().message;
  const auto payload = rtmp::connect_result(1, {.fms_version = profile->server_version,
                                                .capabilities = profile->capabilities,
                                                .extra_properties = profile->extra_properties});
  rtmp::Message message;
  message.header.type = rtmp::MessageType::kCommandAmf0;
  message.payload = payload;
  const auto answer = rtmp::parse_command(message);
  ASSERT_TRUE(answer);
  EXPECT_EQ(amf::string_property(*answer->argument(0), "fmsVer"), "FMS/3,5,3,888");
  EXPECT_EQ(rtmp::status_info(*answer)->code, rtmp::status::kConnectSuccess);
  for (const std::size_t index : {0, 1}) {
    const auto object = answer->argument(index);
    ASSERT_TRUE(object && object->has_properties());
    EXPECT_EQ(amf::number_property(*object, "capsEx"), 6);
    const auto map = property_of(*object, "videoFourCcInfoMap");
    EXPECT_EQ(amf::number_property(map, "*"), 4);
    EXPECT_EQ(amf::number_property(map, "hvc1"), 7);
    EXPECT_EQ(amf::number_property(property_of(*object, "audioFourCcInfoMap"), "Opus"), 4);
    const auto list = property_of(*object, "fourCcList");
    // Marker, count, then a marker, a length and a text each.
    const std::string raw(list.raw.begin(), list.raw.end());
    EXPECT_EQ(raw, std::string("\x0A\0\0\0\x03"
                               "\x02\0\x04Opus"
                               "\x02\0\x04"
                               "av01"
                               "\x02\0\x04hvc1",
                               26));
  }
}

TEST(ConnectProfile, UnknownCodecsAndMasksAreErrors) {
  EXPECT_THAT(listing({"hevc"}), HasSubstr("four_cc_list: 'hevc' is not known; allowed: *, av01"));
  EXPECT_THAT(listing({"hvc1", "hvc1"}), HasSubstr("twice"));
  EXPECT_THAT(listing({"*", "hvc1"}), HasSubstr("alone"));
  EXPECT_EQ(listing({"*"}), "none");
  EXPECT_THAT(video("Opus", "4"), HasSubstr("video_four_cc_info_map: 'Opus' is not known"));
  for (const char* mask : {"", "0", "8", "-1", "4x", "forward"})
    EXPECT_THAT(video("hvc1", mask), HasSubstr("is no mask")) << mask;
  EXPECT_EQ(video("*", "7"), "none");
  auto config = plain();
  config.set_server_version("bad\nversion");
  EXPECT_THAT(error_of(config), HasSubstr("server_version: write"));
}

TEST(ConnectProfile, ACapabilityWithoutTheOneThatCarriesItIsAnError) {
  EXPECT_THAT(capabilities(8), HasSubstr("add 4"));
  EXPECT_THAT(capabilities(11), HasSubstr("add 4"));
  EXPECT_EQ(capabilities(1), "none");
  EXPECT_EQ(capabilities(15), "none");
}

TEST(ConnectProfile, ListAndMapsMustSayTheSame) {
  auto config = plain();
  config.add_four_cc_list("hvc1");
  config.add_four_cc_list("Opus");
  (*config.mutable_video_four_cc_info_map())["av01"] = "4";
  EXPECT_THAT(error_of(config), HasSubstr("'hvc1' is not in video_four_cc_info_map"));
  (*config.mutable_video_four_cc_info_map())["hvc1"] = "4";
  EXPECT_EQ(error_of(config), "none");  // nothing is said of audio in a map
  (*config.mutable_audio_four_cc_info_map())["*"] = "4";
  EXPECT_EQ(error_of(config), "none");
  config.clear_four_cc_list();
  config.add_four_cc_list("*");
  EXPECT_THAT(error_of(config), HasSubstr("'*' is not in video_four_cc_info_map"));
}

}  // namespace
}  // namespace weir::forwarder
