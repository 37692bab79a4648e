#include "dataplane/routing/session_table.h"

#include <gtest/gtest.h>

namespace weir::routing {
namespace {

SessionInfo session(const char* id, Intent intent = Intent::kPublish,
                    SessionInfo::State state = SessionInfo::State::kWaiting) {
  SessionInfo info;
  info.id = SessionId(id);
  info.stream = parse_stream_key("live/a").value();
  info.intent = intent;
  info.state = state;
  return info;
}

TEST(SessionTableTest, ChangesBetweenTwoMessagesAreOneEntry) {
  SessionTable table;
  table.upsert(session("s1"));
  table.upsert(session("s1", Intent::kPublish, SessionInfo::State::kConnecting));
  table.upsert(session("s1", Intent::kPublish, SessionInfo::State::kActive));
  const SessionChanges changes = table.take_changes(10);
  ASSERT_EQ(changes.upserted.size(), 1U);
  EXPECT_EQ(changes.upserted[0].info.state, SessionInfo::State::kActive);
  EXPECT_FALSE(table.has_changes());
}

TEST(SessionTableTest, AnEndIsToldEvenOfASessionThatWasNeverTold) {
  SessionTable table;
  table.upsert(session("s1"));
  EXPECT_TRUE(table.end(SessionId("s1"), "gone"));
  const SessionChanges changes = table.take_changes(10);
  EXPECT_TRUE(changes.upserted.empty());
  ASSERT_EQ(changes.ended.size(), 1U);
  EXPECT_EQ(changes.ended[0].reason, "gone");
  EXPECT_FALSE(table.end(SessionId("s1"), "again"));
  EXPECT_FALSE(table.has_changes());
}

TEST(SessionTableTest, OneMessageIsBoundedAndTheRestFollows) {
  SessionTable table;
  for (int i = 0; i < 25; ++i) table.upsert(session(std::to_string(i).c_str()));
  EXPECT_EQ(table.take_changes(10).upserted.size(), 10U);
  EXPECT_EQ(table.take_changes(10).upserted.size(), 10U);
  EXPECT_TRUE(table.has_changes());
  EXPECT_EQ(table.take_changes(10).upserted.size(), 5U);
}

TEST(SessionTableTest, TheCompleteListReplacesPendingChanges) {
  SessionTable table;
  table.upsert(session("s1"));
  table.upsert(session("s2", Intent::kPlay));
  table.end(SessionId("s2"), "gone");
  EXPECT_EQ(table.take_complete().size(), 1U);
  EXPECT_FALSE(table.has_changes());
}

TEST(SessionTableTest, PublishersAreFoundByStreamUntilTheyEnd) {
  SessionTable table;
  table.upsert(session("s1"));
  table.upsert(session("s2"));
  table.upsert(session("s3", Intent::kPlay));
  EXPECT_EQ(table.publishers_of(parse_stream_key("live/a").value()).size(), 2U);
  table.end(SessionId("s1"), "gone");
  const auto left = table.publishers_of(parse_stream_key("live/a").value());
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0]->info.id, SessionId("s2"));
}

TEST(SessionTableTest, CountsFollowIntentAndState) {
  SessionTable table;
  table.upsert(session("s1"));
  table.upsert(session("s2", Intent::kPlay, SessionInfo::State::kActive));
  EXPECT_EQ(table.count(Intent::kPublish, SessionInfo::State::kWaiting), 1U);
  table.upsert(session("s1", Intent::kPublish, SessionInfo::State::kActive));
  EXPECT_EQ(table.count(Intent::kPublish, SessionInfo::State::kWaiting), 0U);
  EXPECT_EQ(table.count(Intent::kPublish, SessionInfo::State::kActive), 1U);
  table.end(SessionId("s2"), "gone");
  EXPECT_EQ(table.count(Intent::kPlay, SessionInfo::State::kActive), 0U);
}

TEST(SessionTableTest, AnAcquiredEpochIsKnownBeforeTheSessionSaysSo) {
  SessionTable table;
  table.upsert(session("s1"));
  table.note_epoch(SessionId("s1"), Epoch{1, 4});
  const auto ended = table.end(SessionId("s1"), "gone");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->info.epoch, (Epoch{1, 4}));
}

}  // namespace
}  // namespace weir::routing
