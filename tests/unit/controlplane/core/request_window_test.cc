#include "controlplane/core/request_window.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::core {
namespace {

using namespace std::chrono_literals;

class Window : public ::testing::Test {
 protected:
  /// True = the caller goes ahead.
  bool enter(const std::string& id) {
    return window
        .enter(
            id, [this](Answer<int> answer) { answers.push_back(std::move(answer)); }, now)
        .has_value();
  }

  RequestWindow<int> window;
  MonotonicTime now{1h};
  std::vector<Answer<int>> answers;
};

TEST_F(Window, ARepeatWaitsForTheFirstThatIsStillUnderWayAndGetsItsAnswer) {
  EXPECT_TRUE(enter("a"));
  EXPECT_FALSE(enter("a"));
  now += 800ms;
  EXPECT_FALSE(enter("a"));
  EXPECT_TRUE(answers.empty());
  window.finish("a", Answer<int>(7));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(std::get<int>(answers[0]), 7);
  EXPECT_EQ(std::get<int>(answers[1]), 7);
}

TEST_F(Window, ARepeatOfAnErrorThatWasWaitedForGetsItAndALaterOneGoesAhead) {
  EXPECT_TRUE(enter("a"));
  EXPECT_FALSE(enter("a"));
  window.finish("a", Answer<int>(CoreError{Reason::kBusyRetry, "busy", "", {}, {}}));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(std::get<CoreError>(answers[0]).reason, Reason::kBusyRetry);
  EXPECT_TRUE(enter("a"));
}

TEST_F(Window, ASuccessIsKeptForSixtySecondsFromItsOwnRequest) {
  EXPECT_TRUE(enter("a"));
  window.finish("a", Answer<int>(CoreError{Reason::kBusyRetry, "busy", "", {}, {}}));
  now += 50s;
  EXPECT_TRUE(enter("a"));
  window.finish("a", Answer<int>(3));
  now += 59s;
  EXPECT_FALSE(enter("a"));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(std::get<int>(answers[0]), 3);
  now += 1s;
  EXPECT_TRUE(enter("a"));
}

TEST_F(Window, WithoutAnIdNothingIsARepeat) {
  EXPECT_TRUE(enter(""));
  EXPECT_TRUE(enter(""));
  EXPECT_EQ(window.size(), 0U);
}

}  // namespace
}  // namespace weir::core
