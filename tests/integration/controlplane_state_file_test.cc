// The control plane's --state-dir: what is written is read back, and nothing is lost by halves.

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "controlplane/app/state_file.h"

namespace weir::app {
namespace {

class StateFileOnDisk : public ::testing::Test {
 protected:
  StateFileOnDisk()
      : directory(std::filesystem::temp_directory_path() /
                  ("weir-state-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory);
  }
  ~StateFileOnDisk() override { std::filesystem::remove_all(directory); }

  static core::KeptState state() {
    core::KeptState kept;
    kept.generation = 1'767'225'600'000'001;
    model::OriginDescription origin;
    origin.id = OriginId("st1");
    origin.kind = model::OriginKind::kNginxRtmp;
    origin.endpoints = {{model::Protocol::kRtmp, "192.0.2.1:1935", ClientAddressMode::kProxyV1}};
    origin.zone = "east";
    origin.labels = {{"rack", "7"}};
    origin.capacity = {100, 5'000'000, 2, 0};
    kept.static_origins = {{origin, "static:abc", IncarnationId("st1.x.1")}};
    kept.cordons = {{OriginId("o1"), "disk \"sda\" fails"}};
    return kept;
  }

  std::filesystem::path directory;
};

TEST_F(StateFileOnDisk, NothingIsAnEmptyState) {
  const auto loaded = StateFile(directory).load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, core::KeptState{});
}

TEST_F(StateFileOnDisk, ReadsBackWhatWasSaved) {
  ASSERT_TRUE(StateFile(directory).save(state()));
  const auto loaded = StateFile(directory).load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, state());
}

TEST_F(StateFileOnDisk, LeavesNoOtherFileBehind) {
  StateFile file(directory);
  ASSERT_TRUE(file.save(state()));
  ASSERT_TRUE(file.save({}));
  const std::filesystem::directory_iterator files(directory);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(StateFileOnDisk, AFileThatMakesNoSenseIsAnErrorThatNamesIt) {
  std::ofstream(directory / "controlplane.json") << "{ half";
  const auto loaded = StateFile(directory).load();
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("controlplane.json"), std::string::npos);
}

TEST_F(StateFileOnDisk, ADirectoryThatIsGoneIsToldNotHidden) {
  StateFile file(directory / "missing");
  EXPECT_FALSE(file.save(state()));
}

}  // namespace
}  // namespace weir::app
