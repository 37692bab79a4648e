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
    return kept;
  }

  static core::KeptRecords records() {
    const WallTime then{std::chrono::microseconds(1'767'225'600'123'456)};
    const std::string bytes("\0\n\xff", 3);
    return {1'767'225'600'000'001,
            {{store::RecordKind::kPolicy, "default", "adopt=none\n", {7, 1}, then},
             {store::RecordKind::kPin, "v/live/\"a\"", "o1", {7, 2}, then},
             {store::RecordKind::kCordon, "o1", "", {7, 3}, then},
             {store::RecordKind::kDrain, "o1", bytes, {7, 4}, then},
             {store::RecordKind::kWeight, "o1", "2.5", {7, 5}, then},
             {store::RecordKind::kToken, "t1", std::nullopt, {7, 6}, then},
             {store::RecordKind::kSigningKey, "k1", "secret", {7, 7}, then}}};
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

TEST_F(StateFileOnDisk, ReadsBackRecordsAndKeepsThemFromOthers) {
  ASSERT_TRUE(StateFile(directory).save(records()));
  const auto loaded = StateFile(directory).load_records();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, records());
  EXPECT_EQ(std::filesystem::status(directory / "records.bin").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(StateFileOnDisk, NoFileMeansNoRecords) {
  const auto loaded = StateFile(directory).load_records();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, core::KeptRecords{});
}

TEST_F(StateFileOnDisk, ADamagedRecordIsAnErrorWhereverTheDamageIs) {
  ASSERT_TRUE(StateFile(directory).save(records()));
  const auto path = directory / "records.bin";
  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto damaged = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    const auto loaded = StateFile(directory).load_records();
    return !loaded && loaded.error().message.find("records.bin") != std::string::npos;
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_TRUE(damaged(flipped)) << "a bit of byte " << at;
    EXPECT_TRUE(damaged(whole.substr(0, at))) << "cut to " << at;
  }
  EXPECT_FALSE(damaged(whole));
}

TEST_F(StateFileOnDisk, CordonsOfAVersionWithoutRecordsAreTakenOver) {
  std::ofstream(directory / "controlplane.json")
      << R"({"generation": "17", "cordons": {"o1": "disk"}})";
  const auto loaded = StateFile(directory).load_records();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->generation, 17U);
  ASSERT_EQ(loaded->records.size(), 1U);
  EXPECT_EQ(loaded->records[0].kind, store::RecordKind::kCordon);
  EXPECT_EQ(loaded->records[0].name, "o1");
  EXPECT_EQ(loaded->records[0].value, "disk");
}

TEST_F(StateFileOnDisk, LeavesNoOtherFileBehind) {
  StateFile file(directory);
  ASSERT_TRUE(file.save(state()));
  ASSERT_TRUE(file.save(core::KeptState{}));
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
