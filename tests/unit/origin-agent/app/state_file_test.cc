#include "origin-agent/app/state_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::agent {
namespace {

class StateFileTest : public ::testing::Test {
 protected:
  StateFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-state-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~StateFileTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

SavedState sample() {
  SavedState state;
  state.generation_seen = 12;
  state.origins[OriginId("o1")] = {"1.2", IncarnationId("i1")};
  return state;
}

TEST_F(StateFileTest, WhatWasWrittenIsReadAndNothingElseIsLeft) {
  const StateFile file(directory_);
  EXPECT_EQ(*file.read(), SavedState()) << "no file yet";
  ASSERT_TRUE(file.write(SavedState()));
  ASSERT_TRUE(file.write(sample()));
  EXPECT_EQ(*file.read(), sample());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(StateFileTest, ADamagedFileIsNamed) {
  const StateFile file(directory_);
  std::ofstream(file.path()) << "weir-origin-agent-state 1\nnonsense\n";
  const auto state = file.read();
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message, ::testing::HasSubstr(file.path()));
}

TEST_F(StateFileTest, ADirectoryThatIsGoneIsAnErrorAndNoDirectoryIsNone) {
  std::filesystem::remove_all(directory_);
  EXPECT_FALSE(StateFile(directory_).write(sample()));
  const StateFile none("");
  EXPECT_TRUE(none.write(sample()));
  EXPECT_EQ(*none.read(), SavedState());
}

}  // namespace
}  // namespace weir::agent
