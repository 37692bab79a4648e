#include "origin-agent/source/srs/stream_listing.h"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {
namespace {

using Ids = std::set<std::string>;
using Step = StreamListing::Step;

std::string id(int number) {
  return fmt::format("vid-{:06}", number);
}

/// As SRS answers: from a position in a map, at least ten.
std::vector<ApiStream> page_of(const Ids& ids, std::size_t start, std::size_t count) {
  std::vector<ApiStream> page;
  std::size_t at = 0;
  for (const std::string& one : ids) {
    if (at >= start && at < start + std::max<std::size_t>(count, 10)) page.emplace_back().id = one;
    ++at;
  }
  return page;
}

Ids listed(StreamListing& listing) {
  Ids ids;
  for (const ApiStream& stream : listing.take())
    EXPECT_TRUE(ids.insert(stream.id).second) << stream.id << " is listed twice";
  return ids;
}

TEST(SrsStreamListing, OfAListThatHoldsStillIsTheList) {
  for (const int count : {0, 1, 9, 10, 11, 18, 19, 20, 100, 1234}) {
    Ids ids;
    for (int i = 0; i < count; ++i) ids.insert(id(i * 7));
    StreamListing listing(10);
    Step step = Step::kMore;
    while (step == Step::kMore) step = listing.add(page_of(ids, listing.start(), listing.count()));
    EXPECT_EQ(step, Step::kComplete) << count;
    EXPECT_EQ(listed(listing), ids) << count;
  }
}

TEST(SrsStreamListing, AnEntryThatLeavesAnEarlierPageHidesNobody) {
  Ids ids;
  for (int i = 0; i < 25; ++i) ids.insert(id(i));
  StreamListing listing(10);
  ASSERT_EQ(listing.add(page_of(ids, listing.start(), listing.count())), Step::kMore);
  ids.erase(id(0));
  ids.erase(id(1));
  ids.erase(id(2));
  Step step = Step::kMore;
  while (step == Step::kMore) step = listing.add(page_of(ids, listing.start(), listing.count()));
  ASSERT_EQ(step, Step::kComplete);
  const Ids found = listed(listing);
  EXPECT_TRUE(std::ranges::includes(found, ids));
}

TEST(SrsStreamListing, WhatRunsAllTheTimeIsAlwaysListed) {
  std::mt19937 random(4711);
  int complete = 0;
  for (int round = 0; round < 1000; ++round) {
    Ids ids;
    const int count = static_cast<int>(random() % 120);
    for (int i = 0; i < count; ++i) ids.insert(id(static_cast<int>(random() % 5000)));
    const Ids before = ids;
    Ids all_the_time = ids;
    StreamListing listing(10);
    Step step = Step::kMore;
    for (;;) {
      step = listing.add(page_of(ids, listing.start(), listing.count()));
      if (step != Step::kMore) break;
      for (unsigned change = random() % 7; change > 0; --change) {
        if (random() % 2 == 0 && !ids.empty()) {
          const auto gone = std::next(ids.begin(), static_cast<long>(random() % ids.size()));
          all_the_time.erase(*gone);
          ids.erase(gone);
        } else {
          ids.insert(id(static_cast<int>(random() % 5000)));
        }
      }
    }
    if (step != Step::kComplete) continue;
    ++complete;
    const Ids found = listed(listing);
    EXPECT_TRUE(std::ranges::includes(found, all_the_time)) << "round " << round;
  }
  EXPECT_GT(complete, 950);
}

TEST(SrsStreamListing, AListWithoutOrderIsOnlyTakenWhole) {
  std::vector<ApiStream> few(2);
  few[0].id = "b";
  few[1].id = "a";
  StreamListing one(10);
  EXPECT_EQ(one.add(few), Step::kComplete);
  std::vector<ApiStream> many(10);
  for (int i = 0; i < 10; ++i) many[static_cast<std::size_t>(i)].id = id(10 - i);
  StreamListing paged(10);
  EXPECT_EQ(paged.add(many), Step::kGivenUp);
}

TEST(SrsStreamListing, AServerThatIgnoresPositionsIsGivenUp) {
  Ids ids;
  for (int i = 0; i < 10; ++i) ids.insert(id(i));
  StreamListing same(10);
  Step step = Step::kMore;
  int pages = 0;
  while (step == Step::kMore && ++pages < 10'000) step = same.add(page_of(ids, 0, 10));
  EXPECT_EQ(step, Step::kGivenUp);
  StreamListing more(10);
  EXPECT_EQ(more.add(page_of(ids, 0, 10)), Step::kMore);
  std::vector<ApiStream> too_many(11);
  EXPECT_EQ(more.add(too_many), Step::kGivenUp);
}

TEST(SrsStreamListing, StreamsAreBounded) {
  StreamListing listing(kPageStreams);
  Step step = Step::kMore;
  std::size_t at = 0;
  while (step == Step::kMore && at < 10 * kStreamsMax) {
    std::vector<ApiStream> page;
    for (std::size_t i = 0; i < listing.count(); ++i)
      page.emplace_back().id = fmt::format("{:09}", listing.start() + i);
    at = listing.start();
    step = listing.add(std::move(page));
  }
  EXPECT_EQ(step, Step::kGivenUp);
  EXPECT_LE(listing.take().size(), kStreamsMax);
}

}  // namespace
}  // namespace weir::agent::srs
