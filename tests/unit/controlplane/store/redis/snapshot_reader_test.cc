// A snapshot is of one process and one generation: cursors of another one skip what they like.

#include "controlplane/store/redis/snapshot_reader.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/store/redis/script_caller.h"
#include "controlplane/store/redis/script_runner.h"

namespace weir::store::redis {
namespace {

class WaitingRunner final : public ScriptRunner {
 public:
  struct Asked {
    std::string table, cursor;
    Callback<void(Answer)> done;
  };
  void run(const Script&, std::vector<std::string> keys, std::vector<std::string> args,
           Callback<void(Answer)> done) override {
    asked.push_back({keys.back(), args.at(5), std::move(done)});
  }
  std::string trouble() const override { return {}; }

  /// A page without entries; what it was asked for.
  std::string answer(const std::string& run, const std::string& generation,
                     const std::string& revision, const std::string& next) {
    Asked first = std::move(asked.front());
    asked.pop_front();
    Reply page;
    page.kind = Reply::Kind::kArray;
    for (const std::string& word :
         {std::string("OK"), run, generation, revision, std::string("0"), next}) {
      Reply text;
      text.kind = Reply::Kind::kText;
      text.text = word;
      page.items.push_back(std::move(text));
    }
    Reply entries;
    entries.kind = Reply::Kind::kArray;
    page.items.push_back(std::move(entries));
    first.done(std::move(page));
    return first.table + " " + first.cursor;
  }

  std::deque<Asked> asked;
};

class SnapshotReader : public ::testing::Test {
 protected:
  void begin() {
    reading_ = read_snapshot(
        scripts_, [](Revision) {},
        [this](std::variant<SnapshotDraft, StoreError> outcome) {
          draft_ = std::get<SnapshotDraft>(std::move(outcome));
        });
  }
  std::string page(const std::string& run, const std::string& generation,
                   const std::string& revision, const std::string& next = "0") {
    return runner_.answer(run, generation, revision, next);
  }

  WaitingRunner runner_;
  ScriptCaller scripts_{runner_, "p:", {}};
  std::shared_ptr<void> reading_;
  std::optional<SnapshotDraft> draft_;
};

TEST_F(SnapshotReader, ReadsTheTablesPageByPage) {
  begin();
  EXPECT_EQ(page("a", "7", "1"), "p:{0}:origins 0");
  EXPECT_EQ(page("a", "7", "2"), "p:{0}:records 0");
  EXPECT_EQ(page("a", "7", "3", "17"), "p:{0}:placements 0");
  EXPECT_EQ(page("a", "7", "4"), "p:{0}:placements 17");
  ASSERT_TRUE(draft_);
  EXPECT_EQ(draft_->first, (Revision{7, 1}));
  EXPECT_EQ(draft_->last, (Revision{7, 4}));
}

TEST_F(SnapshotReader, BeginsAnewWhereAnotherRedisAnswers) {
  begin();
  page("a", "7", "1");
  page("a", "7", "2");
  page("a", "7", "3", "17");
  page("b", "7", "3", "99");
  EXPECT_EQ(page("b", "7", "3"), "p:{0}:origins 0");
  page("b", "7", "3");
  EXPECT_FALSE(draft_);
  EXPECT_EQ(page("b", "7", "4"), "p:{0}:placements 0");
  ASSERT_TRUE(draft_);
  EXPECT_EQ(draft_->first, (Revision{7, 3}));
  EXPECT_EQ(draft_->last, (Revision{7, 4}));
}

TEST_F(SnapshotReader, BeginsAnewWhereTheGenerationWasRaised) {
  begin();
  page("a", "7", "1");
  page("a", "8", "1");
  EXPECT_EQ(page("a", "8", "1"), "p:{0}:origins 0");
  EXPECT_EQ(page("a", "8", "1"), "p:{0}:records 0");
  page("a", "8", "1");
  ASSERT_TRUE(draft_);
  EXPECT_EQ(draft_->first.generation, 8U);
}

}  // namespace
}  // namespace weir::store::redis
