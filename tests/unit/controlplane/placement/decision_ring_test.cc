#include "controlplane/placement/decision_ring.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::placement {
namespace {

DecisionRecord record(const std::string& stream, const std::string& verdict) {
  DecisionRecord made;
  made.stream = parse_stream_key("live/" + stream).value();
  made.verdict = verdict;
  made.winner = OriginId("o1");
  return made;
}

std::string found(const DecisionRing& ring, const std::string& stream) {
  std::string text;
  for (const auto* kept : ring.find(parse_stream_key("live/" + stream).value())) {
    text += kept->verdict + " ";
  }
  return text;
}

TEST(DecisionRing, FindsTheRecordsOfAStreamNewestFirst) {
  DecisionRing ring(10);
  ring.add(record("a", "1"));
  ring.add(record("b", "2"));
  ring.add(record("a", "3"));
  EXPECT_EQ(found(ring, "a"), "3 1 ");
  EXPECT_EQ(found(ring, "b"), "2 ");
  EXPECT_EQ(found(ring, "c"), "");
}

TEST(DecisionRing, ForgetsTheOldestWhenFull) {
  DecisionRing ring(3);
  for (const auto* stream : {"a", "b", "a", "c", "b"}) ring.add(record(stream, stream));
  EXPECT_EQ(ring.size(), 3U);
  EXPECT_EQ(found(ring, "a"), "a ");
  EXPECT_EQ(found(ring, "b"), "b ");
  ring.add(record("d", "d"));
  EXPECT_EQ(found(ring, "a"), "");
  for (int i = 0; i < 20; ++i) ring.add(record("d", std::to_string(i)));
  EXPECT_EQ(found(ring, "d"), "19 18 17 ");
  EXPECT_EQ(found(ring, "c"), "");
}

TEST(DecisionRing, ARecordWithoutAWinnerReplacesOneWithoutAndNoOther) {
  DecisionRing ring(10);
  const auto none = [](const std::string& verdict) {
    DecisionRecord made = record("a", verdict);
    made.winner = OriginId();
    return made;
  };
  ring.add(record("a", "1"));
  ring.add(none("2"));
  ring.add(record("b", "3"));
  ring.add(none("4"));
  EXPECT_EQ(found(ring, "a"), "4 1 ");
  EXPECT_EQ(ring.size(), 3U);
  ring.add(record("a", "5"));
  ring.add(none("6"));
  EXPECT_EQ(found(ring, "a"), "6 5 4 1 ");
}

TEST(DecisionRing, SetsTheEpochOfTheNewestRecordOnce) {
  DecisionRing ring(3);
  ring.add(record("a", "1"));
  const StreamKey key = parse_stream_key("live/a").value();
  ring.set_epoch(key, Epoch{7, 1});
  ring.set_epoch(key, Epoch{7, 2});
  EXPECT_EQ(ring.find(key)[0]->epoch, (Epoch{7, 1}));
  ring.set_epoch(parse_stream_key("live/z").value(), Epoch{7, 3});
}

}  // namespace
}  // namespace weir::placement
