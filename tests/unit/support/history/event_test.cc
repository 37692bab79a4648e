#include "tests/support/history/event.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/history/reader.h"
#include "tests/support/history/recorder.h"
#include "tests/support/manual_clock.h"

namespace weir::history {
namespace {

Event full_event() {
  return {.kind = Kind::kAcquire,
          .time = 1'234,
          .since = 1'200,
          .wall = 1'700'000'000'000'000,
          .who = "f1/a",
          .number = 3,
          .replica = "127.0.0.1:7400",
          .stream = "__defaultVhost__/live/a\"b\\c",
          .holder = "f1/s1",
          .origin = "o1",
          .incarnation = "o1.1.1",
          .epoch = {9'007'199'254'740'991, 2},
          .revision = {5, 0},
          .outcome = "OK",
          .generation = 18'446'744'073'709'551'615U,
          .loses = true,
          .raises = 1};
}

TEST(HistoryEvent, ComesBackFromItsLineAsItWas) {
  std::string line;
  encode(full_event(), line);
  ASSERT_EQ('\n', line.back());
  line.pop_back();
  std::string scratch;
  const auto read = decode(line, scratch);
  ASSERT_TRUE(read);
  std::string again;
  encode(*read, again);
  EXPECT_EQ(line + "\n", again);
  EXPECT_EQ(full_event().stream, read->stream);
  EXPECT_EQ(full_event().epoch, read->epoch);
  EXPECT_TRUE(read->loses);
}

TEST(HistoryEvent, IsRefusedAtEveryTruncation) {
  std::string line;
  encode(full_event(), line);
  line.pop_back();
  std::string scratch;
  for (std::size_t length = 0; length < line.size(); ++length) {
    EXPECT_FALSE(decode(line.substr(0, length), scratch)) << length;
  }
}

TEST(HistoryEvent, NeedsAKnownKindAndATime) {
  std::string scratch;
  EXPECT_TRUE(decode(R"({"e":"hold","t":1})", scratch));
  EXPECT_TRUE(decode(R"({ "t": 1, "e": "hold", "later": "key" })", scratch));
  EXPECT_FALSE(decode(R"({"e":"hold"})", scratch));
  EXPECT_FALSE(decode(R"({"t":1})", scratch));
  EXPECT_FALSE(decode(R"({"e":"holds","t":1})", scratch));
  EXPECT_FALSE(decode(R"({"e":"hold","t":1x})", scratch));
  EXPECT_FALSE(decode(R"({"e":"hold","t":1,"ep":"1"})", scratch));
  EXPECT_FALSE(decode(R"({"e":"hold","t":1}{)", scratch));
}

class HistoryFilesTest : public ::testing::Test {
 protected:
  HistoryFilesTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-history-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~HistoryFilesTest() override { std::filesystem::remove_all(directory_); }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }

  std::string directory_;
};

TEST_F(HistoryFilesTest, RecordedByTwoProcessesAreReadInOrderOfTime) {
  testing::ManualClock clock;
  Recorder first(clock);
  Recorder second(clock);
  ASSERT_TRUE(first.open(path("a"), "load"));
  ASSERT_TRUE(second.open(path("b"), "driver"));
  for (int turn = 0; turn < 3; ++turn) {
    clock.advance(std::chrono::milliseconds(1));
    second.write({.kind = Kind::kFault, .outcome = "kill"});
    clock.advance(std::chrono::milliseconds(1));
    first.write({.kind = Kind::kHold, .holder = "f1/s"});
  }
  first.flush();
  second.flush();
  std::vector<Kind> kinds;
  std::int64_t last = 0;
  const auto read = read_histories({path("a"), path("b")}, [&](const Event& event, Place) {
    EXPECT_GE(event.time, last);
    last = event.time;
    if (event.kind != Kind::kBegin) kinds.push_back(event.kind);
  });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((std::vector{Kind::kFault, Kind::kHold, Kind::kFault, Kind::kHold, Kind::kFault,
                         Kind::kHold}),
            kinds);
}

TEST_F(HistoryFilesTest, NameFileAndLineOfWhatIsWrong) {
  put("bad", "{\"e\":\"hold\",\"t\":5}\nnonsense\n");
  put("back", "{\"e\":\"hold\",\"t\":5}\n{\"e\":\"hold\",\"t\":4}\n");
  const auto ignore = [](const Event&, Place) {};
  EXPECT_NE(std::string::npos,
            read_histories({path("bad")}, ignore).error().message.find("bad:2 is not an event"));
  EXPECT_NE(std::string::npos,
            read_histories({path("back")}, ignore).error().message.find("back:2 is earlier"));
  EXPECT_FALSE(read_histories({path("none")}, ignore));
}

TEST_F(HistoryFilesTest, MayEndInTheMiddleOfALine) {
  put("killed", "{\"e\":\"hold\",\"t\":5}\n{\"e\":\"ho");
  int seen = 0;
  ASSERT_TRUE(read_histories({path("killed")}, [&](const Event&, Place) { ++seen; }));
  EXPECT_EQ(1, seen);
}

}  // namespace
}  // namespace weir::history
