#include "origin-agent/report/reporter.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/endpoints/limits.h"
#include "origin-agent/report/limits.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using endpoints::Failure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const ProcessIdentity kProcess{100, 7000};
const ProcessIdentity kSecond{200, 9000};

/// A reporter with two origins and three replicas, and what it did.
class ReporterTest : public ::testing::Test {
 protected:
  void make(SavedState saved = {}, std::size_t endpoints = 3) {
    ReporterConfig config;
    config.agent = AgentId("agent-1");
    config.instance = "run-1";
    config.endpoints = endpoints;
    config.origins.resize(2);
    config.origins[0].id = OriginId("o1");
    config.origins[0].lists_streams = true;
    config.origins[1].id = OriginId("o2");
    reporter_.emplace(std::move(config), std::move(saved), random_);
    collect();
  }

  void collect() {
    for (ReporterAction& action : reporter_->take_actions()) {
      if (auto* open = std::get_if<OpenLink>(&action)) {
        opened_.push_back(open->endpoint);
        anew_ = open->anew;
      }
      if (auto* ask = std::get_if<AskFreshness>(&action)) asked_.push_back(ask->endpoint);
      if (std::holds_alternative<CloseLink>(action)) ++closed_;
      if (std::holds_alternative<SaveState>(action)) ++saves_;
      if (auto* up = std::get_if<SendUp>(&action)) sent_.push_back(std::move(up->message));
    }
  }

  void pass(Duration by) {
    const MonotonicTime end = now_ + by;
    while (reporter_->next_wakeup() <= end) {
      now_ = std::max(now_, reporter_->next_wakeup());
      reporter_->tick(now_);
      collect();
      if (beating_ && reporter_->attached()) {
        reporter_->received(now_, ReplicaHeartbeat{1, stale_});
        collect();
      }
    }
    now_ = end;
  }

  void receive(const DownMessage& message) {
    reporter_->received(now_, message);
    collect();
  }

  /// Both origins run and answer; the replica knows them.
  void attach() {
    see(0, kProcess);
    see(1, kSecond);
    receive(Welcome{"r1", 1, {}, {}});
    accept(0, kProcess, "i1");
    accept(1, kSecond, "i2");
    reporter_->load_read(0, LoadSample{});
    reporter_->load_read(1, LoadSample{});
  }

  void see(std::size_t origin, const ProcessIdentity& process) {
    reporter_->process_seen(now_, origin, process);
    collect();
  }
  void fail(std::size_t origin, VerdictReason reason) {
    reporter_->process_failed(now_, origin, reason, now_);
    collect();
  }
  void accept(std::size_t origin, const ProcessIdentity& process, const char* incarnation) {
    const OriginId id(origin == 0 ? "o1" : "o2");
    receive(Accepted{id, id, to_text(process), IncarnationId(incarnation), ""});
  }

  template <class Message>
  std::vector<Message> sent() const {
    std::vector<Message> found;
    for (const UpMessage& message : sent_)
      if (const auto* m = std::get_if<Message>(&message)) found.push_back(*m);
    return found;
  }

  MonotonicTime now_{1000h};
  SeededRandom random_{1};
  std::optional<Reporter> reporter_;
  std::vector<std::size_t> opened_;
  std::vector<UpMessage> sent_;
  int closed_ = 0;
  int saves_ = 0;
  std::vector<std::size_t> asked_;
  bool anew_ = false;
  bool beating_ = true;
  bool stale_ = false;
};

TEST_F(ReporterTest, TheHelloWaitsUntilEveryOriginWasLookedAt) {
  make();
  pass(10s);
  EXPECT_THAT(opened_, IsEmpty());
  see(0, kProcess);
  EXPECT_THAT(opened_, IsEmpty());
  reporter_->process_absent(now_, 1);
  collect();
  ASSERT_THAT(opened_, ElementsAre(0));
  const Hello hello = sent<Hello>().at(0);
  ASSERT_EQ(hello.origins.size(), 2U);
  EXPECT_EQ(hello.origins[0].process, "100.7000");
  EXPECT_TRUE(hello.origins[0].probe_answered);
  EXPECT_EQ(hello.origins[1].process, "");
  EXPECT_FALSE(hello.origins[1].probe_answered);
}

TEST_F(ReporterTest, AnOriginThatNeverAnswersDoesNotHoldTheOthers) {
  make();
  see(0, kProcess);
  reporter_->first_looks_over(now_);
  collect();
  EXPECT_THAT(opened_, ElementsAre(0));
}

TEST_F(ReporterTest, ReportsGoEachIntervalWithRisingSequenceOnceAccepted) {
  make();
  attach();
  pass(3500ms);
  const auto reports = sent<Report>();
  ASSERT_EQ(reports.size(), 4U) << "one soon after the acceptance, then each second";
  for (std::size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(reports[i].sequence, i + 1);
  EXPECT_EQ(reports[3].window, Duration(1s));
  EXPECT_EQ(reports[0].origins[0].incarnation, IncarnationId("i1"));
}

TEST_F(ReporterTest, TheServerSetsTheInterval) {
  make();
  attach();
  receive(Welcome{"r1", 1, 200ms, {}});
  sent_.clear();
  pass(2s);
  EXPECT_NEAR(static_cast<double>(sent<Report>().size()), 10, 1);
  receive(Welcome{"r1", 1, 1ns, {}});
  pass(500ms);
  sent_.clear();
  pass(1s);
  EXPECT_LE(sent<Report>().size(), 10U) << "an absurd interval is clamped";
}

TEST_F(ReporterTest, SomethingIsSentEveryHalfSecondHoweverLongTheInterval) {
  make();
  attach();
  receive(Welcome{"r1", 1, 60s, {}});
  pass(2s);
  sent_.clear();
  pass(5s);
  EXPECT_GE(sent_.size(), 9U);
}

TEST_F(ReporterTest, TheFirstReportAndEachSnapshotAreCompleteAndOthersAreChanges) {
  make();
  attach();
  receive(Welcome{"r1", 1, 1s, 10s});
  reporter_->streams_read(0, {{"v/a/s", "", 1e6, 0, 0}});
  pass(25s);
  std::vector<std::uint64_t> complete;
  for (const Report& report : sent<Report>())
    if (report.origins.at(0).streams_complete) complete.push_back(report.sequence);
  ASSERT_EQ(complete.size(), 3U);
  EXPECT_EQ(complete[0], 1U);
  const auto reports = sent<Report>();
  EXPECT_THAT(reports[2].origins[0].streams, IsEmpty());
  EXPECT_EQ(reports[2].origins[0].stream_readings, 1U) << "all of one reading";
  reporter_->streams_read(0, {});
  sent_.clear();
  pass(1s);
  EXPECT_THAT(sent<Report>().at(0).origins[0].ended_streams, ElementsAre("v/a/s"));
  EXPECT_EQ(sent<Report>().at(0).origins[0].stream_readings, 2U);
}

TEST_F(ReporterTest, ReplicaSilentForSevenHundredMillisecondsIsLeftForTheNext) {
  make();
  attach();
  pass(2s);
  beating_ = false;
  reporter_->received(now_, ReplicaHeartbeat{1});
  collect();
  sent_.clear();
  pass(endpoints::kReplicaSilenceMax - 1ms);
  EXPECT_EQ(closed_, 0);
  pass(2ms);
  EXPECT_EQ(closed_, 1);
  pass(endpoints::kMoveSpread);
  ASSERT_THAT(opened_, SizeIs(2));
  EXPECT_NE(opened_[0], opened_[1]);
  const Hello hello = sent<Hello>().at(0);
  EXPECT_EQ(hello.origins[0].incarnation, IncarnationId("i1"));
}

TEST_F(ReporterTest, TheOthersAreTriedAtOnceAndAfterAllComesAGrowingBoundedPause) {
  make();
  see(0, kProcess);
  see(1, kSecond);
  Duration longest{};
  for (int i = 0; i < 60; ++i) {
    reporter_->link_closed(now_, Failure::kBroken);
    collect();
    const Duration pause = reporter_->next_wakeup() - now_;
    if (i < 2) {
      EXPECT_LE(pause, Duration::zero());
    }
    EXPECT_LE(pause, Duration(endpoints::kRetryDelayMax));
    longest = std::max(longest, pause);
    pass(std::max(pause, Duration::zero()));
  }
  EXPECT_EQ(opened_.size(), 61U);
  EXPECT_EQ((std::set<std::size_t>(opened_.begin(), opened_.begin() + 3).size()), 3U);
  EXPECT_GT(longest, Duration(100ms));
}

TEST_F(ReporterTest, AReplicaThatShutsDownIsLeftAtOnceAndItsConnectionToo) {
  make({}, 2);
  attach();
  pass(5s);
  reporter_->link_closed(now_, Failure::kLeaving);
  pass(endpoints::kHandoverSpread);
  ASSERT_THAT(opened_, SizeIs(2));
  EXPECT_NE(opened_[0], opened_[1]);
  EXPECT_FALSE(anew_);
  receive(Welcome{"r2", 1, {}, {}});
  pass(5s);
  reporter_->link_closed(now_, Failure::kLeaving);
  pass(endpoints::kHandoverSpread);
  ASSERT_THAT(opened_, SizeIs(3));
  EXPECT_TRUE(anew_) << "it has ended its connections since";
}

TEST_F(ReporterTest, AStaleReplicaIsLeftOnlyForOneThatIsNot) {
  make();
  attach();
  stale_ = true;
  receive(ReplicaHeartbeat{1, true});
  pass(5s);
  EXPECT_GE(asked_.size(), 4U);
  EXPECT_THAT(opened_, SizeIs(1));
  EXPECT_THAT(asked_, ::testing::Not(::testing::Contains(opened_[0])));
  const std::size_t other = asked_.back();
  for (const std::size_t endpoint : asked_) {
    reporter_->freshness_told(now_, endpoint, true);
    reporter_->freshness_told(now_, endpoint, std::nullopt);
  }
  collect();
  EXPECT_EQ(closed_, 0);
  reporter_->freshness_told(now_, other, false);
  collect();
  EXPECT_EQ(closed_, 1);
  EXPECT_THAT(opened_, ElementsAre(opened_[0], other));
  EXPECT_EQ(sent<Hello>().back().origins.size(), 2U);
}

TEST_F(ReporterTest, HellosCountTheAttachStreamsOfTheRun) {
  make();
  attach();
  for (int i = 0; i < 3; ++i) {
    reporter_->link_closed(now_, Failure::kBroken);
    pass(1s);
  }
  std::uint64_t last = 0;
  for (const Hello& hello : sent<Hello>()) EXPECT_EQ(hello.attach, ++last);
  EXPECT_GE(last, 4U);
}

TEST_F(ReporterTest, AVerdictGoesOutAtOnceWithTheAgeOfItsEvidence) {
  make();
  attach();
  sent_.clear();
  reporter_->process_failed(now_, 0, VerdictReason::kProcessGone, now_ - 5ms);
  collect();
  const Verdict verdict = sent<Verdict>().at(0);
  EXPECT_EQ(verdict.origin, OriginId("o1"));
  EXPECT_EQ(verdict.incarnation, IncarnationId("i1"));
  EXPECT_EQ(verdict.evidence_age, Duration(5ms));
  pass(1s);
  EXPECT_EQ(sent<Report>().at(0).origins.size(), 1U) << "a dead origin is not reported on";
}

TEST_F(ReporterTest, AVerdictIsSaidAgainAfterAReattachWhileStillTrue) {
  make();
  attach();
  fail(0, VerdictReason::kProcessGone);
  reporter_->link_closed(now_, Failure::kBroken);
  collect();
  sent_.clear();
  pass(endpoints::kWelcomeWithin / 2);
  ASSERT_EQ(sent<Verdict>().size(), 1U);
  EXPECT_EQ(sent<Verdict>()[0].incarnation, IncarnationId("i1"));
  EXPECT_EQ(sent<Hello>().at(0).origins[0].process, "");
  // A new life makes it history.
  receive(Welcome{"r2", 1, {}, {}});
  see(0, kSecond);
  accept(0, kSecond, "i3");
  reporter_->link_closed(now_, Failure::kBroken);
  sent_.clear();
  pass(1s);
  EXPECT_THAT(sent<Verdict>(), IsEmpty());
}

TEST_F(ReporterTest, AVerdictWhileDetachedWaitsForTheNextReplica) {
  make();
  attach();
  reporter_->link_closed(now_, Failure::kBroken);
  fail(0, VerdictReason::kProcessGone);
  pass(endpoints::kWelcomeWithin / 2);
  ASSERT_EQ(sent<Verdict>().size(), 1U);
}

TEST_F(ReporterTest, ARespawnedWorkerIsOfferedWithoutAnIncarnation) {
  make();
  attach();
  fail(0, VerdictReason::kProcessGone);
  sent_.clear();
  see(0, kSecond);
  const OriginSeen seen = sent<OriginSeen>().at(0);
  EXPECT_EQ(seen.process, to_text(kSecond));
  EXPECT_TRUE(seen.incarnation.empty());
}

TEST_F(ReporterTest, AThawedProcessIsOfferedAsANewLife) {
  make();
  attach();
  fail(0, VerdictReason::kProbesFailed);
  sent_.clear();
  see(0, kProcess);
  EXPECT_TRUE(sent<OriginSeen>().at(0).incarnation.empty());
  // A late confirmation of the dead life does not revive it.
  accept(0, kProcess, "i1");
  pass(2s);
  EXPECT_EQ(sent<Report>().at(0).origins.size(), 1U);
  accept(0, kProcess, "i9");
  reporter_->load_read(0, LoadSample{});
  sent_.clear();
  pass(1s);
  EXPECT_EQ(sent<Report>().at(0).origins.at(0).incarnation, IncarnationId("i9"));
}

TEST_F(ReporterTest, AProcessGoneBeforeItWasNamedIsJudgedOnceItIs) {
  make();
  see(0, kProcess);
  see(1, kSecond);
  receive(Welcome{"r1", 1, {}, {}});
  fail(0, VerdictReason::kProcessGone);
  EXPECT_THAT(sent<Verdict>(), IsEmpty());
  accept(0, kProcess, "i1");
  ASSERT_EQ(sent<Verdict>().size(), 1U);
  EXPECT_EQ(sent<Verdict>()[0].incarnation, IncarnationId("i1"));
}

TEST_F(ReporterTest, ARejectedOriginIsOfferedAgainLaterAndLater) {
  make();
  see(0, kProcess);
  see(1, kSecond);
  receive(Welcome{"r1", 1, {}, {}});
  sent_.clear();
  for (int i = 0; i < 3; ++i) {
    receive(Accepted{OriginId("o1"), OriginId("o1"), to_text(kProcess), IncarnationId(), "no"});
    pass(kRejectedRetryInitial * (1 << i) - 1ms);
    EXPECT_EQ(sent<OriginSeen>().size(), static_cast<std::size_t>(i));
    pass(1ms);
    EXPECT_EQ(sent<OriginSeen>().size(), static_cast<std::size_t>(i + 1));
  }
}

TEST_F(ReporterTest, ARestartedAgentKnowsTheLivesItReported) {
  make();
  attach();
  const SavedState saved = reporter_->saved_state();
  EXPECT_EQ(saved.generation_seen, 1U);
  EXPECT_GT(saves_, 0);
  sent_.clear();
  opened_.clear();
  make(saved);
  see(0, kProcess);
  see(1, kSecond);
  const Hello hello = sent<Hello>().at(0);
  EXPECT_EQ(hello.generation_seen, 1U);
  EXPECT_EQ(hello.origins[0].incarnation, IncarnationId("i1"));
  EXPECT_EQ(hello.origins[1].incarnation, IncarnationId("i2"));
}

TEST_F(ReporterTest, ARestartedAgentJudgesWhatWentWhileItWasAway) {
  SavedState saved;
  saved.origins[OriginId("o1")] = {"99.1", IncarnationId("i1")};
  make(saved);
  reporter_->process_absent(now_, 0);
  see(1, kSecond);
  ASSERT_EQ(sent<Verdict>().size(), 1U);
  EXPECT_EQ(sent<Verdict>()[0].incarnation, IncarnationId("i1"));
  EXPECT_TRUE(sent<Hello>().at(0).origins[0].incarnation.empty());
}

TEST_F(ReporterTest, AFrozenOriginAtTheStartIsKnownButNotOffered) {
  SavedState saved;
  saved.origins[OriginId("o1")] = {to_text(kProcess), IncarnationId("i1")};
  make(saved);
  reporter_->process_unanswered(now_, 0, kProcess);
  see(1, kSecond);
  const OriginSeen seen = sent<Hello>().at(0).origins[0];
  EXPECT_EQ(seen.incarnation, IncarnationId("i1"));
  EXPECT_FALSE(seen.probe_answered);
  receive(Welcome{"r1", 1, {}, {}});
  fail(0, VerdictReason::kProbesFailed);
  EXPECT_EQ(sent<Verdict>().at(0).incarnation, IncarnationId("i1"));
  EXPECT_EQ(reporter_->saved_state().origins.at(OriginId("o1")).process, "gone");
}

TEST_F(ReporterTest, AnOriginAddedWhileAttachedIsOfferedOnceItAnswers) {
  make();
  attach();
  OriginSpec spec;
  spec.id = OriginId("o3");
  const std::size_t added = reporter_->add_origin(spec);
  EXPECT_FALSE(reporter_->looked_at_all());
  EXPECT_TRUE(reporter_->was_ready()) << "one that comes later does not undo it";
  sent_.clear();
  see(added, ProcessIdentity{300, 1});
  EXPECT_TRUE(reporter_->looked_at_all());
  ASSERT_EQ(sent<OriginSeen>().size(), 1U);
  EXPECT_EQ(sent<OriginSeen>()[0].spec->id, OriginId("o3"));
  receive(Accepted{spec.id, spec.id, "300.1", IncarnationId("i3"), ""});
  reporter_->load_read(added, LoadSample{});
  pass(1s);
  EXPECT_EQ(sent<Report>().back().origins.back().incarnation, IncarnationId("i3"));
}

TEST_F(ReporterTest, AnOriginWithoutOthersAttachesByItself) {
  make();
  reporter_->remove_origin(now_, 0);
  reporter_->remove_origin(now_, 1);
  collect();
  ASSERT_THAT(opened_, SizeIs(1)) << "nothing is left to be looked at";
  EXPECT_THAT(sent<Hello>().at(0).origins, IsEmpty());
}

TEST_F(ReporterTest, ChangedFactsAreToldAtOnceAndUnchangedOnesNot) {
  make();
  attach();
  sent_.clear();
  OriginSpec spec = reporter_->spec(0);
  reporter_->change_origin(now_, 0, spec);
  collect();
  EXPECT_THAT(sent<OriginSeen>(), IsEmpty());
  spec.capacity.connections = 500;
  reporter_->change_origin(now_, 0, spec);
  collect();
  ASSERT_EQ(sent<OriginSeen>().size(), 1U);
  EXPECT_EQ(sent<OriginSeen>()[0].spec->capacity.connections, 500U);
  EXPECT_EQ(sent<OriginSeen>()[0].incarnation, IncarnationId("i1")) << "it is the same life";
}

TEST_F(ReporterTest, ARemovedOriginIsInNoReportAndNoHello) {
  make();
  attach();
  fail(0, VerdictReason::kProcessGone);
  receive(Ack{1});
  EXPECT_FALSE(reporter_->has_unsaid_verdict(0));
  reporter_->remove_origin(now_, 0);
  EXPECT_EQ(reporter_->origin_count(), 1U);
  EXPECT_FALSE(reporter_->saved_state().origins.contains(OriginId("o1")));
  collect();
  ASSERT_EQ(sent<Forgotten>().size(), 1U);
  EXPECT_EQ(sent<Forgotten>()[0].origin, OriginId("o1"));
  EXPECT_TRUE(std::holds_alternative<Forgotten>(sent_.back())) << "after the verdict";
  accept(0, kProcess, "i9");
  sent_.clear();
  pass(1s);
  EXPECT_EQ(sent<Report>().at(0).origins.size(), 1U);
  reporter_->link_closed(now_, Failure::kBroken);
  pass(1s);
  EXPECT_EQ(sent<Hello>().at(0).origins.size(), 1U);
}

TEST_F(ReporterTest, AnOriginRemovedWhileDetachedIsLeftOutOfTheNextHelloOnly) {
  make();
  attach();
  reporter_->link_closed(now_, Failure::kBroken);
  reporter_->remove_origin(now_, 0);
  collect();
  EXPECT_THAT(sent<Forgotten>(), IsEmpty());
}

TEST_F(ReporterTest, AVerdictThatNobodyHeardIsKnownAsSuch) {
  make();
  attach();
  reporter_->link_closed(now_, Failure::kBroken);
  fail(0, VerdictReason::kProcessGone);
  EXPECT_TRUE(reporter_->has_unsaid_verdict(0));
  pass(250ms);
  receive(Welcome{"r2", 1, {}, {}});
  EXPECT_TRUE(reporter_->has_unsaid_verdict(0)) << "said, and perhaps to one that is frozen";
  pass(2s);
  receive(Ack{sent<Report>().back().sequence});
  EXPECT_FALSE(reporter_->has_unsaid_verdict(0));
}

TEST_F(ReporterTest, AVerdictSaidToAFrozenReplicaIsSaidToTheNext) {
  make();
  attach();
  pass(2s);
  beating_ = false;
  fail(0, VerdictReason::kProcessGone);
  ASSERT_EQ(sent<Verdict>().size(), 1U);
  const MonotonicTime found_out = now_;
  while (sent<Verdict>().size() == 1 && now_ - found_out < 2s) pass(1ms);
  ASSERT_EQ(sent<Verdict>().size(), 2U);
  EXPECT_EQ(sent<Verdict>()[1].incarnation, IncarnationId("i1"));
  EXPECT_LE(now_ - found_out - sent<Verdict>()[1].evidence_age, Duration(1ms)) << "of the first";
}

TEST_F(ReporterTest, ASuccessorIsAVerdictOnTheLifeBeforeIt) {
  make();
  attach();
  sent_.clear();
  see(0, kSecond);
  ASSERT_EQ(sent<Verdict>().size(), 1U);
  EXPECT_EQ(sent<Verdict>()[0].incarnation, IncarnationId("i1"));
  EXPECT_EQ(sent<Verdict>()[0].reason, VerdictReason::kProcessGone);
  EXPECT_EQ(sent<OriginSeen>().at(0).process, to_text(kSecond));
}

TEST_F(ReporterTest, TheHighestGenerationIsRemembered) {
  make();
  attach();
  receive(ReplicaHeartbeat{50});
  receive(ReplicaHeartbeat{20});
  EXPECT_EQ(reporter_->saved_state().generation_seen, 50U);
}

TEST_F(ReporterTest, StreamsAreToldInTheHelloWhenTheAdapterKnowsThem) {
  make();
  reporter_->streams_read(0, {{"v/a/s", "weir:f/s/1.1", 1e6, 0, 2}});
  see(0, kProcess);
  see(1, kSecond);
  const Hello hello = sent<Hello>().at(0);
  EXPECT_TRUE(hello.origins[0].streams_known);
  EXPECT_EQ(hello.origins[0].streams.at(0).tag, "weir:f/s/1.1");
  EXPECT_FALSE(hello.origins[1].streams_known);
}

}  // namespace
}  // namespace weir::agent
