#include "tests/support/history/checker.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::history {
namespace {

using ::testing::HasSubstr;

/// A history written down line by line; each line is one millisecond after the one before, unless
/// it is told to be later.
class Story {
 public:
  Story& at(std::int64_t milliseconds) {
    now_ = milliseconds * 1'000;
    return *this;
  }
  Story& event(Event event) {
    now_ += 1'000;
    event.time = now_;
    if (event.since == 0 && (event.kind == Kind::kAcquire || event.kind == Kind::kLookup))
      event.since = now_ - 900;
    checker_.add(event, {0, ++line_});
    return *this;
  }
  Story& acquired(std::string_view holder, std::uint64_t generation, std::uint64_t counter,
                  std::string_view origin = "o1", std::int64_t since = 0) {
    return event({.kind = Kind::kAcquire,
                  .since = since,
                  .who = holder,
                  .replica = holder.substr(0, 2),  // each forwarder asks a replica of its own
                  .stream = "s",
                  .holder = holder,
                  .origin = origin,
                  .incarnation = "i1",
                  .epoch = {generation, counter},
                  .outcome = kOk});
  }
  Story& refused(std::string_view who, std::string_view holder, std::uint64_t generation,
                 std::uint64_t counter) {
    return event({.kind = Kind::kAcquire,
                  .who = who,
                  .replica = "r2",
                  .stream = "s",
                  .holder = holder,
                  .epoch = {generation, counter},
                  .outcome = "STREAM_HELD"});
  }
  Story& accepted(std::string_view holder, std::uint64_t generation, std::uint64_t counter,
                  std::string_view origin = "o1") {
    return event({.kind = Kind::kHold,
                  .stream = "s",
                  .holder = holder,
                  .origin = origin,
                  .epoch = {generation, counter}});
  }
  Story& ended(std::string_view holder, std::string_view why = "left") {
    return event({.kind = Kind::kEnd, .stream = "s", .holder = holder, .outcome = why});
  }
  Story& looked_up(std::string_view replica, std::string_view holder, std::uint64_t generation,
                   std::uint64_t counter, std::string_view origin = "o1") {
    return event({.kind = Kind::kLookup,
                  .replica = replica,
                  .stream = "s",
                  .holder = holder,
                  .origin = origin,
                  .epoch = {generation, counter},
                  .outcome = kOk});
  }
  Story& not_found(std::int64_t since = 0) {
    return event({.kind = Kind::kLookup,
                  .since = since,
                  .replica = "r2",
                  .stream = "s",
                  .outcome = "PLACEMENT_NOT_FOUND"});
  }
  Story& told(std::string_view who, std::uint64_t attach, std::string_view holder,
              std::uint64_t generation, std::uint64_t counter) {
    return event({.kind = Kind::kTold,
                  .who = who,
                  .number = attach,
                  .stream = "s",
                  .holder = holder,
                  .origin = "o1",
                  .epoch = {generation, counter},
                  .outcome = "route"});
  }
  Story& generation(std::string_view who, std::uint64_t attach, std::uint64_t value) {
    return event({.kind = Kind::kGeneration, .who = who, .number = attach, .generation = value});
  }
  Story& loss(std::uint32_t raises = 1) {
    return event({.kind = Kind::kFault, .outcome = "flushall", .loses = true, .raises = raises});
  }
  Story& line(Kind kind, std::string_view who, std::int64_t since = 0) {
    return event({.kind = kind, .since = since, .who = who});
  }

  Report finish() { return checker_.finish(); }
  std::int64_t now() const { return now_; }

 private:
  Checker checker_{{"h"}};
  std::int64_t now_ = 0;
  std::uint32_t line_ = 0;
};

void expect_clean(Report report) {
  for (const auto& violation : report.shown) ADD_FAILURE() << violation.text;
  EXPECT_EQ(0U, report.violation_count());
}

void expect_one(const Report& report, Rule rule, const std::string& where) {
  ASSERT_EQ(1U, report.violation_count())
      << (report.shown.size() < 2 ? std::string() : report.shown[1].text);
  EXPECT_EQ(rule, report.shown[0].rule) << report.shown[0].text;
  EXPECT_THAT(report.shown[0].text, HasSubstr(where));
}

// --- what is allowed

TEST(HistoryChecker, AcceptsAStreamThatIsPublishedRefusedToAnotherAndPublishedAgain) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1).refused("f2/b", "f1/a", 1, 1);
  story.looked_up("r2", "f1/a", 1, 1).told("f2", 1, "f1/a", 1, 1).ended("f1/a");
  story.acquired("f2/c", 1, 2).accepted("f2/c", 1, 2).told("f2", 1, "f2/c", 1, 2);
  const Report report = story.finish();
  expect_clean(report);
  EXPECT_EQ(1U, report.streams);
  EXPECT_EQ(2U, report.epochs);
  EXPECT_EQ(2U, report.held);
}

TEST(HistoryChecker, AcceptsTheSameAnswerTwiceAndAnotherOriginBeforeAnyAcceptedIt) {
  Story story;
  story.acquired("f1/a", 1, 1).acquired("f1/a", 1, 1).acquired("f1/a", 1, 2, "o2");
  story.accepted("f1/a", 1, 2, "o2").looked_up("r1", "f1/a", 1, 2, "o2");
  expect_clean(story.finish());
}

TEST(HistoryChecker, AcceptsAnswersThatCrossEachOther) {
  Story story;
  // b's epoch is older, but nothing says that it was bound after a's had been seen.
  story.at(100).acquired("f1/a", 1, 2).ended("f1/a");
  story.acquired("f2/b", 1, 1, "o1", 90'000).ended("f2/b");
  expect_clean(story.finish());
}

TEST(HistoryChecker, AcceptsATakeoverOfAnIdleHolder) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1).line(Kind::kIdle, "");
  story.event({.kind = Kind::kIdle, .since = story.now(), .holder = "f1/a"});
  story.at(3'000).acquired("f2/b", 1, 2).ended("f1/a", why::kTakenOver);
  const Report report = story.finish();
  expect_clean(report);
  EXPECT_EQ(1U, report.displaced[static_cast<std::size_t>(Cause::kIdle)]);
}

TEST(HistoryChecker, AcceptsATakeoverWhileTheForwarderWasCutOff) {
  Story story;
  story.line(Kind::kAttach, "f1").acquired("f1/a", 1, 1).accepted("f1/a", 1, 1);
  story.at(5'000).acquired("f2/b", 1, 2);
  story.at(6'000).line(Kind::kDetach, "f1", 10'000).ended("f1/a", why::kClaimRefused);
  const Report report = story.finish();
  expect_clean(report);
  EXPECT_EQ(1U, report.displaced[static_cast<std::size_t>(Cause::kCutOff)]);
}

TEST(HistoryChecker, AcceptsThatAReportedDeathMovesAStream) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1);
  story.event({.kind = Kind::kLife, .origin = "o1", .incarnation = "i1", .outcome = "dead"});
  story.acquired("f2/b", 1, 2, "o2");
  expect_clean(story.finish());
}

TEST(HistoryChecker, AcceptsWhatALossTakesWithIt) {
  Story story;
  story.generation("f1", 1, 1).acquired("f1/a", 1, 1).told("f2", 1, "f1/a", 1, 1).loss();
  story.not_found().generation("f1", 1, 2).ended("f1/a");
  story.acquired("f2/b", 2, 1).told("f2", 1, "f2/b", 2, 1);
  const Report report = story.finish();
  expect_clean(report);
  EXPECT_EQ(1U, report.raises_allowed);
  EXPECT_EQ((std::vector<std::uint64_t>{1, 2}), report.generations);
}

TEST(HistoryChecker, AcceptsAQuestionAskedBeforeTheAnswerThatItContradicts) {
  Story story;
  story.at(100).acquired("f1/a", 1, 1).not_found(100'000).ended("f1/a").not_found();
  expect_clean(story.finish());
}

TEST(HistoryChecker, AcceptsAnEpochBoundByAnEarlierQuestionThatNobodyAnswered) {
  Story story;
  story.event({.kind = Kind::kAcquire, .who = "f2/b", .stream = "s", .outcome = "TIMED_OUT"});
  story.acquired("f1/a", 1, 9).ended("f1/a").acquired("f2/b", 1, 3);
  expect_clean(story.finish());
}

// --- (a)

TEST(HistoryChecker, RejectsOneEpochForTwoHolders) {
  Story story;
  story.acquired("f1/a", 1, 1).acquired("f2/b", 1, 1);
  expect_one(story.finish(), Rule::kTwoOwners, "f1/a on o1 (h:1), and f2/b on o1 (h:2)");
}

TEST(HistoryChecker, RejectsOneEpochOnTwoOrigins) {
  Story story;
  story.acquired("f1/a", 1, 1).looked_up("r2", "f1/a", 1, 1, "o2");
  expect_one(story.finish(), Rule::kTwoOwners, "f1/a on o1 (h:1), and f1/a on o2 (h:2)");
}

TEST(HistoryChecker, RejectsAPushThatNamesAnotherHolderForAnEpoch) {
  Story story;
  story.acquired("f1/a", 1, 1).told("f2", 1, "f2/b", 1, 1);
  expect_one(story.finish(), Rule::kTwoOwners, "epoch 1.1");
}

// --- (b)

TEST(HistoryChecker, RejectsAnEpochThatIsHandedOutLaterAndIsLower) {
  Story story;
  story.acquired("f1/a", 1, 5).ended("f1/a").acquired("f2/b", 1, 4);
  expect_one(story.finish(), Rule::kWentBack, "epoch 1.5 was seen (h:1), and 1.4");
}

TEST(HistoryChecker, RejectsALowerEpochAlsoAfterALoss) {
  Story story;
  story.acquired("f1/a", 2, 5).ended("f1/a").loss().acquired("f2/b", 1, 9);
  expect_one(story.finish(), Rule::kWentBack, "epoch 2.5 was seen");
}

TEST(HistoryChecker, RejectsAnOlderGenerationOnAnotherStream) {
  Story story;
  story.acquired("f1/a", 2, 1);
  story.event({.kind = Kind::kAcquire,
               .who = "f2/b",
               .replica = "r1",
               .stream = "other",
               .holder = "f2/b",
               .origin = "o1",
               .epoch = {1, 7},
               .outcome = kOk});
  expect_one(story.finish(), Rule::kWentBack, "generation 2 was seen (h:1), and 1.7 of other");
}

TEST(HistoryChecker, RejectsAPushThatGoesBackOnOneAttachStream) {
  Story story;
  story.told("f2", 1, "f1/b", 1, 2).told("f2", 1, "f1/a", 1, 1);
  expect_one(story.finish(), Rule::kWentBack, "f2 says epoch 1.2 of s (h:1), then 1.1 (h:2)");
  Story moved;
  moved.told("f2", 1, "f1/b", 1, 2).told("f2", 2, "f1/a", 1, 1);
  expect_clean(moved.finish());
}

TEST(HistoryChecker, RejectsAReplicaThatAnswersAnOlderEpochThanBefore) {
  Story story;
  story.looked_up("r1", "f1/b", 1, 2).looked_up("r1", "f1/a", 1, 1);
  expect_one(story.finish(), Rule::kWentBack, "r1 says epoch 1.2");
  Story another;
  another.looked_up("r1", "f1/b", 1, 2).looked_up("r2", "f1/a", 1, 1);
  expect_clean(another.finish());
}

TEST(HistoryChecker, RejectsAGenerationThatGoesBackOnOneAttachStream) {
  Story story;
  story.loss().generation("f1", 1, 1).generation("f1", 1, 2).generation("f1", 1, 1);
  expect_one(story.finish(), Rule::kWentBack, "f1 was told generation 2 (h:3), then 1");
}

TEST(HistoryChecker, RejectsMoreRaisesThanInjectedLosses) {
  Story story;
  story.generation("f1", 1, 1).loss().generation("f1", 1, 2).generation("f1", 1, 3);
  expect_one(story.finish(), Rule::kRaised, "generation 3 is raise 2 (h:4)");
  Story early;
  early.generation("f1", 1, 1).generation("f1", 1, 2).loss();
  expect_one(early.finish(), Rule::kRaised, "generation 2 is raise 1");
}

// --- (c)

TEST(HistoryChecker, RejectsAHeldStreamThatMovesToAnotherOrigin) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1).acquired("f2/b", 1, 2, "o2");
  expect_one(story.finish(), Rule::kDisplaced,
             "f1/a on o1 was given epoch 1.1 (h:1), was accepted there, and lost it");
}

TEST(HistoryChecker, RejectsAnotherOriginForAHolderWhomOneHadAccepted) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1).acquired("f1/a", 1, 2, "o2");
  expect_one(story.finish(), Rule::kDisplaced, "another origin for itself 1.2");
}

TEST(HistoryChecker, RejectsALossThatRestoringShouldHaveHealed) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1);
  story.at(10'000).loss().at(15'000).acquired("f2/b", 2, 1, "o2");
  expect_one(story.finish(), Rule::kDisplaced, "f2/b on o2");
}

TEST(HistoryChecker, RejectsATakeoverOfAHolderWhoFellSilentJustNow) {
  Story story;
  story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1);
  story.event({.kind = Kind::kIdle, .holder = "f1/a"});
  story.at(1'000).acquired("f2/b", 1, 2);
  expect_one(story.finish(), Rule::kDisplaced, "f1/a");
}

TEST(HistoryChecker, RejectsAShortCutAsAReason) {
  Story story;
  story.line(Kind::kAttach, "f1");
  story.at(5'000).acquired("f1/a", 1, 1).accepted("f1/a", 1, 1).line(Kind::kDetach, "f1");
  story.at(5'800).line(Kind::kAttach, "f1").acquired("f2/b", 1, 2);
  expect_one(story.finish(), Rule::kDisplaced, "f1/a");
}

TEST(HistoryChecker, RejectsASessionThatIsFencedThoughNobodyWasGivenItsStream) {
  for (const auto reason : {why::kFenced, why::kTakenOver, why::kClaimRefused, why::kDropped}) {
    Story story;
    story.acquired("f1/a", 1, 1).accepted("f1/a", 1, 1).ended("f1/a", reason);
    expect_one(story.finish(), Rule::kDisplaced, "it was ended (h:3)");
  }
}

// --- (d)

TEST(HistoryChecker, RejectsAnAcknowledgedBindThatNobodyKnows) {
  Story story;
  story.acquired("f1/a", 1, 1).not_found();
  expect_one(story.finish(), Rule::kVanished,
             "s epoch 1.1 was given to f1/a on o1 (h:1) and not given back");
}

TEST(HistoryChecker, RejectsAnAcknowledgedBindBehindAnOlderOne) {
  Story story;
  story.acquired("f2/b", 1, 1).ended("f2/b").acquired("f1/a", 1, 2).refused("f3/c", "f2/b", 1, 1);
  expect_one(story.finish(), Rule::kVanished, "STREAM_HELD under 1.1 (h:4)");
}

TEST(HistoryChecker, RejectsABindMadeAfterTheLossAndLostAllTheSame) {
  Story story;
  story.loss().at(10'000).acquired("f1/a", 1, 1).not_found();
  expect_one(story.finish(), Rule::kVanished, "f1/a");
}

TEST(HistoryChecker, JudgesManyEpochsOfOneStreamInTimeThatGrowsWithTheirNumber) {
  // One stream with many epochs is the worst shape; a quadratic checker would take minutes.
  Story story;
  for (std::uint64_t turn = 1; turn <= 50'000; ++turn) {
    const std::string holder = "f1/" + std::to_string(turn);
    story.acquired(holder, 1, turn).accepted(holder, 1, turn).looked_up("r1", holder, 1, turn);
    story.ended(holder);
  }
  const Report report = story.finish();
  expect_clean(report);
  EXPECT_EQ(200'000U, report.events);
}

}  // namespace
}  // namespace weir::history
