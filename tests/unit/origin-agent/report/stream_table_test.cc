#include "origin-agent/report/stream_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ReportedStream stream(std::string key, std::string tag = "", double rate = 1e6,
                      std::uint32_t players = 0) {
  return {std::move(key), std::move(tag), rate, 0, players};
}

std::vector<std::string> keys(const OriginReport& report) {
  std::vector<std::string> result;
  for (const auto& s : report.streams) result.push_back(s.key);
  return result;
}

OriginReport filled(StreamTable& table, bool complete) {
  OriginReport report;
  table.fill(report, complete);
  return report;
}

TEST(StreamTableTest, ACompleteListNamesEverythingEachTime) {
  StreamTable table;
  table.update({stream("v/a/1"), stream("v/a/2")});
  EXPECT_THAT(keys(filled(table, true)), ElementsAre("v/a/1", "v/a/2"));
  const OriginReport again = filled(table, true);
  EXPECT_TRUE(again.streams_complete);
  EXPECT_THAT(keys(again), ElementsAre("v/a/1", "v/a/2"));
}

TEST(StreamTableTest, ADeltaNamesOnlyNewsAndEndsOnce) {
  StreamTable table;
  table.update({stream("v/a/1"), stream("v/a/2")});
  filled(table, true);
  table.update({stream("v/a/2"), stream("v/a/3")});
  const OriginReport delta = filled(table, false);
  EXPECT_FALSE(delta.streams_complete);
  EXPECT_THAT(keys(delta), ElementsAre("v/a/3"));
  EXPECT_THAT(delta.ended_streams, ElementsAre("v/a/1"));
  const OriginReport idle = filled(table, false);
  EXPECT_THAT(idle.streams, IsEmpty());
  EXPECT_THAT(idle.ended_streams, IsEmpty());
}

TEST(StreamTableTest, AnotherTagOrPlayerCountIsNews) {
  StreamTable table;
  table.update({stream("v/a/1", "weir:f/s/1.1")});
  filled(table, true);
  table.update({stream("v/a/1", "weir:f/s/1.2")});
  EXPECT_THAT(keys(filled(table, false)), ElementsAre("v/a/1"));
  table.update({stream("v/a/1", "weir:f/s/1.2", 1e6, 1)});
  EXPECT_THAT(keys(filled(table, false)), ElementsAre("v/a/1"));
}

TEST(StreamTableTest, TheBreathingOfAnEncoderIsNotNewsButAStepIs) {
  StreamTable table;
  table.update({stream("v/a/1", "", 4e6)});
  filled(table, true);
  table.update({stream("v/a/1", "", 4.3e6)});
  EXPECT_THAT(keys(filled(table, false)), IsEmpty());
  table.update({stream("v/a/1", "", 6e6)});
  EXPECT_THAT(keys(filled(table, false)), ElementsAre("v/a/1"));
}

TEST(StreamTableTest, SlowDriftIsToldOnceItAddedUp) {
  StreamTable table;
  table.update({stream("v/a/1", "", 4e6)});
  filled(table, true);
  std::size_t told = 0;
  for (double rate = 4e6; rate < 6e6; rate += 50e3) {
    table.update({stream("v/a/1", "", rate)});
    told += filled(table, false).streams.size();
  }
  EXPECT_GE(told, 3U);
}

TEST(StreamTableTest, MoreStreamsThanCanBeReportedAreCutOff) {
  StreamTable table;
  std::vector<ReportedStream> many(kReportedStreamsMax + 5);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].key = "v/a/" + std::to_string(i);
  table.update(std::move(many));
  EXPECT_EQ(filled(table, true).streams.size(), kReportedStreamsMax);
}

}  // namespace
}  // namespace weir::agent
