#include "controlplane/cli/text.h"

#include <gtest/gtest.h>

#include "controlplane/cli/base64.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

TEST(DurationText, GrowsCoarserWithLength) {
  EXPECT_EQ(duration_text(milliseconds(0)), "0ms");
  EXPECT_EQ(duration_text(milliseconds(999)), "999ms");
  EXPECT_EQ(duration_text(milliseconds(1250)), "1.2s");
  EXPECT_EQ(duration_text(std::chrono::seconds(310)), "5m10s");
  EXPECT_EQ(duration_text(std::chrono::minutes(192)), "3h12m");
  EXPECT_EQ(duration_text(std::chrono::hours(52)), "2d4h");
  EXPECT_EQ(duration_text(milliseconds(-5)), "0ms");  // clocks of two hosts differ
}

TEST(RateText, KeepsThreeDigits) {
  EXPECT_EQ(rate_text(0), "0");
  EXPECT_EQ(rate_text(950), "950");
  EXPECT_EQ(rate_text(640'000), "640k");
  EXPECT_EQ(rate_text(4'000'000), "4.0M");
  EXPECT_EQ(rate_text(2.5e9), "2.5G");
}

TEST(Words, AreTheEnumeratorsWithoutTheirPrefix) {
  EXPECT_EQ(word(api::ORIGIN_KIND_NGINX_RTMP), "nginx-rtmp");
  EXPECT_EQ(word(api::PLACEMENT_STATE_UNSPECIFIED), "");
  EXPECT_EQ(word(static_cast<api::PlacementState>(99)), "unknown");
}

TEST(StreamNames, AreAcceptedWithAndWithoutVhost) {
  EXPECT_EQ(*stream_key_of("live/x"), "__defaultVhost__/live/x");
  EXPECT_EQ(*stream_key_of("a.example/live/x"), "a.example/live/x");
  EXPECT_FALSE(stream_key_of("x").has_value());
}

TEST(ParseDuration, TakesANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("90s"), milliseconds(90'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5w", "5s5"})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
}

TEST(Base64, RoundTripsEveryLength) {
  EXPECT_EQ(base64_encode("light w"), "bGlnaHQgdw==");
  std::string bytes;
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_FALSE(base64_decode("a").has_value());
  EXPECT_FALSE(base64_decode("ab!d").has_value());
}

}  // namespace
}  // namespace weir::cli
