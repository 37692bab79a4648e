#include "common/telemetry/log.h"

#include <gtest/gtest.h>

#include "common/telemetry/log_format.h"

namespace weir::log {
namespace {

using std::chrono::milliseconds;

const WallTime kTime = WallTime(milliseconds(1'767'323'045'678));

Line line(std::string_view message, std::span<const Field> fields = {}) {
  return {.time = kTime,
          .level = Level::kWarning,
          .component = "relay",
          .message = message,
          .fields = fields};
}

TEST(LogFormat, TextHasTimeLevelComponentMessageAndFields) {
  const std::vector<Field> fields{{"session", "ab12"}, {"why", "took too long"}};
  EXPECT_EQ(format_line(Format::kText, line("slow", fields)),
            "2026-01-02T03:04:05.678Z warning relay: slow session=ab12 why=\"took too long\"");
}

TEST(LogFormat, JsonIsOneObject) {
  const std::vector<Field> fields{{"session", "ab12"}};
  EXPECT_EQ(format_line(Format::kJson, line("slow", fields)),
            R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","component":"relay",)"
            R"("message":"slow","session":"ab12"})");
}

TEST(LogFormat, FieldsCannotHideStandardKeys) {
  const std::vector<Field> fields{{"level", "x"}};
  EXPECT_NE(format_line(Format::kJson, line("m", fields)).find(R"("field_level":"x")"),
            std::string::npos);
}

TEST(LogFormat, ClientsCannotForgeLines) {
  const std::vector<Field> fields{{"stream", "x\nerror: y"}};
  for (const Format format : {Format::kText, Format::kJson}) {
    const std::string text = format_line(format, line("a\r\nb\x1b[2J", fields));
    EXPECT_EQ(text.find_first_of("\r\n\x1b"), std::string::npos) << text;
  }
}

TEST(JsonQuote, EscapesWhatJsonForbids) {
  EXPECT_EQ(json_quote("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_quote("\n\t\x01\x7f"), R"("\n\u0009\u0001\u007f")");
  EXPECT_EQ(json_quote("übung 🎥"), "\"übung 🎥\"");
  EXPECT_EQ(json_quote(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonQuote, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_quote("\xff"), R"("\ufffd")");
  EXPECT_EQ(json_quote("a\xc3"), R"("a\ufffd")");                    // cut off
  EXPECT_EQ(json_quote("\xc0\x80"), R"("\ufffd\ufffd")");            // overlong
  EXPECT_EQ(json_quote("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");  // surrogate
  EXPECT_EQ(json_quote("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
}

TEST(Redaction, CutsQueriesOffNames) {
  EXPECT_EQ(redact_stream_name("live"), "live");
  EXPECT_EQ(redact_stream_name("live?token=s3cret"), "live?…");
  EXPECT_EQ(redact_stream_name("live#s3cret"), "live?…");
  EXPECT_EQ(redact_stream_name("live%3Ftoken=s3cret"), "live?…");
  EXPECT_EQ(redact_stream_name("live%3ftoken=s3cret"), "live?…");
  EXPECT_EQ(redact_stream_name("100%"), "100%");
}

TEST(Redaction, CutsUserInformationAndQueriesOffUrls) {
  EXPECT_EQ(redact_url("rtmp://user:s3cret@h:1935/live?token=s3cret"), "rtmp://h:1935/live?…");
  EXPECT_EQ(redact_url("rtmp://h/live/a@b"), "rtmp://h/live/a@b");
  EXPECT_EQ(redact_url("redis://:s3cret@h"), "redis://h");
  EXPECT_EQ(redact_url("rtmp://h?x=@"), "rtmp://h?…");
}

TEST(Levels, WordsRoundTrip) {
  for (const Level level :
       {Level::kTrace, Level::kDebug, Level::kInfo, Level::kWarning, Level::kError})
    EXPECT_EQ(parse_level(to_string(level)), level);
  EXPECT_FALSE(parse_level("loud").has_value());
  EXPECT_FALSE(parse_format("xml").has_value());
}

TEST(Logger, WritesItsFieldsToStderrAboveTheLevelOnly) {
  const Logger base("relay");
  const Logger session = base.with("session", 7);
  configure(Format::kJson, Level::kInfo);
  ::testing::internal::CaptureStderr();
  session.debug("hidden");
  session.info("shown {}", 1);
  base.info("plain");
  const std::string text = ::testing::internal::GetCapturedStderr();
  configure(Format::kText, Level::kInfo);
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find(R"("message":"shown 1","session":"7"})"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("message":"plain"})"), std::string::npos) << text;
}

TEST(Every, LetsOneThroughPerIntervalAndCountsTheRest) {
  Every every(std::chrono::seconds(1));
  const MonotonicTime start{};
  EXPECT_TRUE(every.allow(start));
  EXPECT_FALSE(every.allow(start + milliseconds(500)));
  EXPECT_FALSE(every.allow(start + milliseconds(999)));
  EXPECT_TRUE(every.allow(start + milliseconds(1000)));
  EXPECT_EQ(every.take_suppressed(), 2U);
  EXPECT_EQ(every.take_suppressed(), 0U);
}

}  // namespace
}  // namespace weir::log
