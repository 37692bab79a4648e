// RecordBook and what stands in the values of records.

#include "controlplane/core/record_book.h"

#include <gtest/gtest.h>

#include "controlplane/core/limits.h"
#include "controlplane/core/record_values.h"
#include "controlplane/core/sha256.h"
#include "controlplane/store/limits.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using Kind = store::RecordKind;

store::Record book_record(std::string name, std::optional<std::string> value, Revision revision,
                          Kind kind = Kind::kCordon) {
  return {kind, std::move(name), std::move(value), revision, WallTime{1h}};
}

class RecordBooks : public ::testing::Test {
 protected:
  RecordBooks() {
    book.on_change([this](const RecordBook::Change& change) {
      told.push_back((change.before ? *change.before->value : "-") + ">" +
                     (change.after ? *change.after->value : "-"));
    });
  }
  RecordBook book;
  std::vector<std::string> told;
};

TEST_F(RecordBooks, TheHighestRevisionWinsInWhateverOrder) {
  book.learn(book_record("o1", "b", {1, 2}));
  book.learn(book_record("o1", "a", {1, 1}));
  EXPECT_EQ(book.find(Kind::kCordon, "o1")->value, "b");
  book.learn(book_record("o1", std::nullopt, {1, 3}));
  book.learn(book_record("o1", "b", {1, 2}));
  EXPECT_EQ(book.find(Kind::kCordon, "o1"), nullptr);
  EXPECT_EQ(book.all(Kind::kCordon).size(), 1U);
  EXPECT_EQ(book.living(Kind::kCordon), 0U);
  EXPECT_EQ(told, (std::vector<std::string>{"->b", "b>-"}));
}

TEST_F(RecordBooks, TheSameOrderUnderAnotherRevisionIsNoNewsButIsKept) {
  book.learn(book_record("o1", "a", {1, 1}));
  const auto changes = book.changes();
  book.learn(book_record("o1", "a", {2, 1}));
  EXPECT_EQ(told.size(), 1U);
  EXPECT_GT(book.changes(), changes);
}

TEST_F(RecordBooks, AnotherHistoryDoesNotTakeAnythingAway) {
  book.load({5, {book_record("o1", "kept", {5, 1}), book_record("o2", "old", {5, 2})}});
  told.clear();
  book.replace({book_record("o2", "new", {6, 4})}, {6, 9});
  EXPECT_EQ(book.find(Kind::kCordon, "o1")->value, "kept");
  EXPECT_EQ(book.find(Kind::kCordon, "o2")->value, "new");
  EXPECT_EQ(told, (std::vector<std::string>{"old>new"}));
  EXPECT_EQ(book.complete_in(), 5U);
}

TEST_F(RecordBooks, InTheSameHistoryWhatTheStoreLacksWasDeleted) {
  book.load({5, {book_record("o1", "lifted long ago", {5, 1}), book_record("o2", "b", {5, 2})}});
  told.clear();
  // Written by this replica a moment ago, after the store's reading was taken.
  book.learn(book_record("o3", "c", {5, 20}));
  book.replace({book_record("o2", "b", {5, 2})}, {5, 9});
  EXPECT_EQ(book.find(Kind::kCordon, "o1"), nullptr);
  EXPECT_NE(book.find(Kind::kCordon, "o2"), nullptr);
  EXPECT_NE(book.find(Kind::kCordon, "o3"), nullptr);
  EXPECT_EQ(told, (std::vector<std::string>{"->c", "lifted long ago>-"}));
}

TEST_F(RecordBooks, TombstonesGoAfterADay) {
  book.learn(book_record("o1", std::nullopt, {1, 1}));
  book.learn(book_record("o2", "x", {1, 2}));
  book.forget_old(WallTime{1h} + store::kTombstoneKept);
  EXPECT_EQ(book.all(Kind::kCordon).size(), 2U);
  book.forget_old(WallTime{1h} + store::kTombstoneKept + 1s);
  EXPECT_EQ(book.all(Kind::kCordon).size(), 1U);
}

TEST_F(RecordBooks, WhatIsKeptIsReadBack) {
  book.learn(book_record("o1", "x", {1, 1}));
  book.learn(book_record("p", "policy", {1, 2}, Kind::kPolicy));
  book.learn(book_record("t", std::nullopt, {1, 3}, Kind::kToken));
  book.set_complete_in(1);
  RecordBook other;
  other.load(book.kept());
  EXPECT_EQ(other.kept(), book.kept());
  EXPECT_EQ(other.changes(), 0U);
}

TEST(RecordValues, AreReadBackWhateverTheTextsHold) {
  for (const std::string text : {"", "plain", "a=b\nc\\n\\", "\n\n", "deadline_ms=1"}) {
    const DrainMark mark{WallTime{123'456ms}, text};
    EXPECT_EQ(decode_drain(encode(mark)), mark) << text;
    const TokenFacts token{Role::kScheduler, std::string(kTokenDigestDigits, 'f'), text};
    EXPECT_EQ(decode_token_facts(encode(token)), token) << text;
  }
  const DrainMark endless{std::nullopt, "x"};
  EXPECT_EQ(decode_drain(encode(endless)), endless);
  const PolicyRules all{SecondPublisher::kReject, Adopt::kNone, 5'000'000, 7};
  EXPECT_EQ(decode_policy(encode(all)), all);
  EXPECT_EQ(decode_policy(encode(PolicyRules{})), PolicyRules{});
  EXPECT_EQ(decode_weight(encode_weight(0.25)), 0.25);
}

TEST(RecordValues, WhatMakesNoSenseSaysNothing) {
  EXPECT_EQ(decode_policy("second_publisher=perhaps\nadopt\n=x\ndefault_origin_streams=-1\nnew=1"),
            PolicyRules{});
  for (const char* weight : {"", "0", "-1", "nan", "inf", "1e9", "2x"}) {
    EXPECT_EQ(decode_weight(weight), 1) << weight;
  }
  EXPECT_FALSE(decode_drain("deadline_ms=99999999999999999999\nreason=x").deadline);
  EXPECT_FALSE(decode_drain("deadline_ms=9223372036854775807").deadline);
  EXPECT_FALSE(decode_token_facts("role=king\nsha256=" + std::string(kTokenDigestDigits, 'a')));
  EXPECT_FALSE(decode_token_facts("role=viewer\nsha256=abc"));
}

TEST(Sha256, IsTheStandardOne) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace weir::core
