#include "origin-agent/source/origin_monitor.h"

#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"
#include "tests/support/manual_executor.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ProcessIdentity kFirst{10, 1000};
const ProcessIdentity kRespawned{11, 5000};

/// An origin whose process and answers the test sets.
class FakeSource final : public OriginSource {
 public:
  FakeSource(Executor& executor, const Clock& clock) : executor_(executor), clock_(clock) {}

  void observe(const std::optional<ProcessIdentity>&, Callback<void(Observation)> done) override {
    ++looks;
    executor_.run_after(look_time, [this, done = std::move(done)]() mutable {
      Observation observation;
      observation.process = process;
      if (process) observation.streams = streams;
      observation.connections_max = connections_max;
      observation.software = software;
      if (process && names_itself && !frozen) observation.answered_at = clock_.now();
      observation.taken_over = taken_over;
      observation.resting = resting;
      done(std::move(observation));
    });
  }
  void probe(Callback<void(probe::ProbeResult)> done) override {
    ++probes;
    const Duration time = frozen ? Duration(kProbeTimeout) : Duration(1ms);
    const probe::Outcome outcome = frozen     ? probe::Outcome::kTimedOut
                                   : refusing ? probe::Outcome::kRefused
                                   : full     ? probe::Outcome::kTurnedAway
                                              : probe::Outcome::kAnswered;
    executor_.run_after(time, [outcome, time, done = std::move(done)]() mutable {
      done({outcome, time, "because"});
    });
  }

  std::optional<ProcessIdentity> process;
  std::vector<ReportedStream> streams;
  std::optional<std::uint32_t> connections_max;
  std::string software;
  Duration look_time = 1ms;
  bool frozen = false;
  bool refusing = false;
  bool full = false;
  bool names_itself = false;  ///< it has an API that answers
  bool taken_over = false;
  bool resting = false;
  int looks = 0;
  int probes = 0;

 private:
  Executor& executor_;
  const Clock& clock_;
};

class FakeProcesses final : public ProcessTable {
 public:
  std::unique_ptr<ExitWatch> watch_exit(const ProcessIdentity& process,
                                        Callback<void()> gone) override {
    struct Watch final : ExitWatch {};
    exits_[process] = std::move(gone);
    return std::make_unique<Watch>();
  }
  std::optional<ProcessUsage> usage(const ProcessIdentity&) override {
    ++readings;
    return ProcessUsage{1, 1 << 20, 5, 1024};
  }
  bool is_alive(const ProcessIdentity& process) override { return !dead.contains(process); }

  void kill(const ProcessIdentity& process) {
    dead[process] = true;
    if (const auto exit = exits_.extract(process); !exit.empty()) exit.mapped()();
  }

  std::map<ProcessIdentity, bool> dead;
  int readings = 0;

 private:
  std::map<ProcessIdentity, Callback<void()>> exits_;
};

class Notes final : public MonitorListener {
 public:
  explicit Notes(const Clock& clock) : clock_(clock), start_(clock.now()) {}
  void process_seen(std::size_t, const ProcessIdentity& p) override { note("seen", p.pid); }
  void process_unanswered(std::size_t, const ProcessIdentity& p) override {
    note("unanswered", p.pid);
  }
  void process_absent(std::size_t, const std::string&) override { ++absent; }
  void process_failed(std::size_t, VerdictReason reason, MonotonicTime,
                      const std::string&) override {
    note(reason == VerdictReason::kProcessGone ? "gone" : "probes failed", 0);
  }
  void streams_read(std::size_t, std::vector<ReportedStream> s) override { streams = std::move(s); }
  void load_read(std::size_t, const LoadSample& sample) override { load = sample; }
  void facts_found(std::size_t, const FoundFacts& f) override { facts.push_back(f); }

  std::vector<std::string> lines;
  Duration last{};  ///< when the last line was written, since the start
  int absent = 0;
  std::vector<ReportedStream> streams;
  LoadSample load;
  std::vector<FoundFacts> facts;

 private:
  void note(const char* what, int pid) {
    lines.push_back(pid == 0 ? std::string(what) : fmt::format("{} {}", what, pid));
    last = clock_.now() - start_;
  }
  const Clock& clock_;
  const MonotonicTime start_;
};

class OriginMonitorTest : public ::testing::Test {
 protected:
  void start() {
    monitor_.emplace(MonitorFacts{.memory_bytes = 1 << 30}, source_, processes_, executor_, clock_,
                     notes_);
    monitor_->start();
  }
  Duration since(MonotonicTime start) const { return clock_.now() - start; }

  testing::ManualClock clock_;
  testing::ManualExecutor executor_{clock_};
  FakeSource source_{executor_, clock_};
  FakeProcesses processes_;
  Notes notes_{clock_};
  std::optional<OriginMonitor> monitor_;
};

TEST_F(OriginMonitorTest, AProcessIsToldOnceItAnsweredAProbe) {
  source_.process = kFirst;
  start();
  executor_.advance(10ms);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  executor_.advance(60s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  EXPECT_NEAR(source_.looks, 61, 2);
  EXPECT_NEAR(source_.probes, 58, 2);
}

TEST_F(OriginMonitorTest, WhoAnswersLooksIsProbedLessOften) {
  source_.process = kFirst;
  source_.names_itself = true;
  start();
  executor_.advance(60s);
  EXPECT_NEAR(source_.probes, 30, 2);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  const MonotonicTime closed = clock_.now();
  source_.refusing = true;
  while (notes_.lines.size() < 2 && since(closed) < 10s) executor_.advance(10ms);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "probes failed"))
      << "its API lives, its listener is dead";
  EXPECT_LT(since(closed), 4s);
}

TEST_F(OriginMonitorTest, FiguresOfAnOriginThatRestsAreNotRead) {
  source_.process = kFirst;
  start();
  executor_.advance(3s);
  const int read = processes_.readings;
  EXPECT_GE(read, 3);
  source_.resting = true;
  executor_.advance(2s);
  const int resting_from = processes_.readings;
  executor_.advance(10s);
  EXPECT_EQ(processes_.readings, resting_from);
  source_.resting = false;
  executor_.advance(3s);
  EXPECT_GE(processes_.readings, resting_from + 2) << "and are as soon as somebody comes";
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10")) << "it is watched all the same";
}

TEST_F(OriginMonitorTest, WhoAnswersLooksIsJudgedWithinFourSecondsAsWell) {
  source_.process = kFirst;
  source_.names_itself = true;
  start();
  for (int i = 0; i < 80; ++i) {
    executor_.advance(3s + i * 25ms);
    notes_.lines.clear();
    const MonotonicTime stopped = clock_.now();
    source_.frozen = true;
    while (notes_.lines.empty() && since(stopped) < 10s) executor_.advance(5ms);
    EXPECT_THAT(notes_.lines, ElementsAre("probes failed"));
    EXPECT_LT(since(stopped), 4s);
    EXPECT_GT(since(stopped), 1800ms) << "three probes, not one";
    source_.frozen = false;
    executor_.advance(2s);
  }
}

TEST_F(OriginMonitorTest, AnExitIsToldAtOnceAndTheRespawnedProcessSoonAfter) {
  source_.process = kFirst;
  start();
  executor_.advance(5300ms);
  source_.process = kRespawned;
  processes_.kill(kFirst);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone"));
  executor_.advance(100ms);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 11"));
}

TEST_F(OriginMonitorTest, AStaleAnswerOfADeadProcessIsNotBelieved) {
  source_.process = kFirst;
  start();
  executor_.advance(5300ms);
  processes_.kill(kFirst);
  executor_.advance(1s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone"));
}

TEST_F(OriginMonitorTest, AFrozenProcessIsJudgedWithinFourSecondsWheneverItFroze) {
  source_.process = kFirst;
  start();
  for (int i = 0; i < 40; ++i) {
    executor_.advance(3s + i * 25ms);
    notes_.lines.clear();
    const MonotonicTime stopped = clock_.now();
    source_.frozen = true;
    while (notes_.lines.empty() && since(stopped) < 10s) executor_.advance(1ms);
    EXPECT_THAT(notes_.lines, ElementsAre("probes failed"));
    EXPECT_LT(since(stopped), 4s);
    EXPECT_GT(since(stopped), 2s) << "three probes, not one";
    executor_.advance(10s);
    EXPECT_THAT(notes_.lines, ElementsAre("probes failed")) << "told once";
    source_.frozen = false;
    executor_.advance(2s);
    EXPECT_THAT(notes_.lines, ElementsAre("probes failed", "seen 10"));
  }
}

TEST_F(OriginMonitorTest, AFullProcessThatClosesAtOnceIsNeverJudged) {
  source_.process = kFirst;
  start();
  executor_.advance(3s);
  notes_.lines.clear();
  source_.full = true;
  executor_.advance(20s);
  EXPECT_THAT(notes_.lines, IsEmpty());
  source_.full = false;
  source_.frozen = true;
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("probes failed"));
}

TEST_F(OriginMonitorTest, WhoClosesAtOnceForAServerThatIsGoneIsJudged) {
  const ProcessIdentity hidden{10, 0, "one"};
  source_.process = hidden;
  source_.names_itself = true;
  source_.full = false;
  start();
  executor_.advance(5s);
  source_.full = true;
  executor_.advance(20s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10")) << "its API says that it lives";
  source_.process.reset();
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "probes failed"));
}

TEST_F(OriginMonitorTest, WhatIsSeenToRunIsNotEndedByAnAnswerFromElsewhere) {
  source_.process = ProcessIdentity{10, 1000, "one"};
  start();
  executor_.advance(5s);
  EXPECT_EQ(monitor_->certain_life(), source_.process);
  source_.process = ProcessIdentity{77, 0, "other"};
  source_.taken_over = true;
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  source_.taken_over = false;
  processes_.kill(ProcessIdentity{10, 1000, "one"});
  executor_.advance(1s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 77"));
}

TEST_F(OriginMonitorTest, AProcessThatThisHostDoesNotShowIsGoneWhenAnotherServerAnswers) {
  source_.process = ProcessIdentity{10, 0, "one"};
  source_.names_itself = true;
  start();
  EXPECT_EQ(monitor_->certain_life(), std::nullopt);
  executor_.advance(5s);
  EXPECT_EQ(monitor_->certain_life(), source_.process);
  source_.process.reset();
  source_.taken_over = true;
  executor_.advance(1100ms);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone"));
  EXPECT_EQ(monitor_->certain_life(), std::nullopt);
}

TEST_F(OriginMonitorTest, TwoFailedProbesAreNoVerdict) {
  source_.process = kFirst;
  start();
  executor_.advance(5s);
  source_.refusing = true;
  executor_.advance(1700ms);
  source_.refusing = false;
  executor_.advance(10s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
}

TEST_F(OriginMonitorTest, AnOriginStartedAgainLaterIsTakenBack) {
  source_.process = kFirst;
  start();
  executor_.advance(5s);
  source_.process.reset();
  processes_.kill(kFirst);
  executor_.advance(60s);
  const int looks = source_.looks;
  executor_.advance(10s);
  EXPECT_LE(source_.looks - looks, 11) << "no longer eager";
  source_.process = kRespawned;
  executor_.advance(1100ms);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 11"));
}

TEST_F(OriginMonitorTest, AProcessThatDoesNotListenYetIsToldWhenItDoes) {
  source_.process = kFirst;
  source_.refusing = true;
  start();
  executor_.advance(150ms);
  EXPECT_THAT(notes_.lines, ElementsAre("unanswered 10"));
  source_.refusing = false;
  executor_.advance(150ms);
  EXPECT_EQ(notes_.lines.back(), "seen 10");
}

TEST_F(OriginMonitorTest, AReloadedServerIsANewLifeButTakingTurnsIsNot) {
  source_.process = kFirst;
  start();
  executor_.advance(5s);
  source_.process = ProcessIdentity{12, kFirst.start_ticks + 1};
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  source_.process = kRespawned;
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 11"));
}

TEST_F(OriginMonitorTest, AbsenceIsToldAndStreamsAndLoadOnlyOfTheWatchedProcess) {
  start();
  executor_.advance(50ms);
  EXPECT_GT(notes_.absent, 0);
  source_.process = kFirst;
  source_.streams = {{"v/a/s", "", 1e6, 0, 0}};
  executor_.advance(2s);
  EXPECT_EQ(notes_.streams.size(), 1U);
  EXPECT_EQ(notes_.load.streams, 1U);
  EXPECT_EQ(notes_.load.open_files_max, 1024U);
  EXPECT_EQ(notes_.load.probe_time, Duration(1ms));
}

TEST_F(OriginMonitorTest, AServerThatNamesItsLivesBeginsANewOneAtOnce) {
  source_.process = ProcessIdentity{10, 1000, "one"};
  start();
  executor_.advance(5s);
  source_.process = ProcessIdentity{10, 1000, {}};
  executor_.advance(2s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10")) << "a look that learnt less is no new life";
  source_.process = ProcessIdentity{10, 1000, "two"};
  executor_.advance(2s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 10"));
}

TEST_F(OriginMonitorTest, AProcessThatThisHostDoesNotShowIsJudgedByProbesAndByItsSuccessor) {
  const ProcessIdentity hidden{10, 0, "one"};
  processes_.dead[hidden] = true;  // what /proc says of that pid is about another process
  source_.process = hidden;
  start();
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  EXPECT_EQ(notes_.load.open_files_max, 0U) << "not asked of /proc";
  source_.process.reset();
  executor_.advance(5s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10")) << "an API that does not answer is no death";
  source_.process = ProcessIdentity{10, 0, "two"};
  executor_.advance(2s);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 10"));
}

TEST_F(OriginMonitorTest, WhatIsFoundOutAboutTheServerIsToldOnceForEachLife) {
  source_.process = kFirst;
  source_.connections_max = 500;
  start();
  executor_.advance(3s);
  source_.connections_max.reset();
  source_.software = "SRS/7";
  executor_.advance(3s);
  EXPECT_THAT(notes_.facts, ElementsAre(FoundFacts{500, ""}, FoundFacts{500, "SRS/7"}));
  processes_.kill(kFirst);
  source_.process = kRespawned;
  executor_.advance(3s);
  EXPECT_EQ(notes_.facts.back(), (FoundFacts{std::nullopt, "SRS/7"}));
}

TEST_F(OriginMonitorTest, ALookOutOfTurnSeesANewLifeAtOnce) {
  source_.process = ProcessIdentity{10, 0, "one"};
  start();
  executor_.advance(5100ms);
  source_.process = ProcessIdentity{12, 0, "two"};
  monitor_->look();
  executor_.advance(2ms);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone", "seen 12"));
  const int looks = source_.looks;
  executor_.advance(10s);
  EXPECT_NEAR(source_.looks - looks, 10, 1) << "the turns go on as before";
}

TEST_F(OriginMonitorTest, WhatIsHeardDuringALookIsLookedAtAfterIt) {
  source_.process = kFirst;
  source_.look_time = 50ms;
  start();
  executor_.advance(5s);
  const int looks = source_.looks;
  monitor_->look();
  executor_.advance(10ms);
  monitor_->look();
  monitor_->look();
  EXPECT_EQ(source_.looks, looks + 1);
  executor_.advance(41ms);
  EXPECT_EQ(source_.looks, looks + 2);
  executor_.advance(100ms);
  EXPECT_EQ(source_.looks, looks + 2);
}

TEST_F(OriginMonitorTest, AnotherSourceIsAskedOnAndWhatWasKnownStays) {
  source_.process = kFirst;
  start();
  executor_.advance(5s);
  FakeSource other(executor_, clock_);
  other.process = kFirst;
  monitor_->use(other);
  const int looks = source_.looks;
  executor_.advance(5s);
  EXPECT_EQ(source_.looks, looks);
  EXPECT_GE(other.looks, 5);
  EXPECT_GE(other.probes, 5);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10"));
  processes_.kill(kFirst);
  EXPECT_THAT(notes_.lines, ElementsAre("seen 10", "gone"));
}

TEST_F(OriginMonitorTest, HundredsOfOriginsAreNotAskedAtOneInstant) {
  constexpr int kOrigins = 100;
  source_.process = kFirst;
  std::vector<std::unique_ptr<OriginMonitor>> monitors;
  for (int i = 0; i < kOrigins; ++i) {
    MonitorFacts facts;
    facts.phase = static_cast<double>(i) / kOrigins;
    monitors.push_back(
        std::make_unique<OriginMonitor>(facts, source_, processes_, executor_, clock_, notes_));
    monitors.back()->start();
  }
  executor_.advance(10s);
  int most = 0;
  for (int step = 0; step < 50; ++step) {
    const int before = source_.looks + source_.probes;
    executor_.advance(20ms);
    most = std::max(most, source_.looks + source_.probes - before);
  }
  EXPECT_LE(most, 16) << "200 a second evenly are 4 in 20 ms";
}

TEST_F(OriginMonitorTest, ASlowLookIsNotDoubled) {
  source_.process = kFirst;
  source_.look_time = 5s;
  start();
  executor_.advance(60s);
  EXPECT_LE(source_.looks, 13);
}

TEST_F(OriginMonitorTest, NothingIsToldAfterItsEnd) {
  source_.process = kFirst;
  start();
  executor_.run_ready();
  monitor_.reset();
  executor_.advance(60s);
  EXPECT_THAT(notes_.lines, IsEmpty());
  EXPECT_EQ(source_.looks, 1);
}

}  // namespace
}  // namespace weir::agent
