#include "origin-agent/client/report_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/endpoints/limits.h"
#include "origin-agent/client/limits.h"
#include "tests/support/manual_executor.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const ProcessIdentity kProcess{10, 1000};

class FakeLink final : public AttachLink {
 public:
  void open(std::size_t endpoint, bool, AttachLinkListener& l) override {
    opened.push_back(endpoint);
    listener = &l;
  }
  void send(const UpMessage& message) override { sent.push_back(message); }
  void close() override { listener = nullptr; }
  void ask_freshness(std::size_t endpoint, Callback<void(std::optional<bool>)> answer) override {
    asked.emplace_back(endpoint, std::move(answer));
  }

  std::vector<std::size_t> opened;
  std::vector<UpMessage> sent;
  AttachLinkListener* listener = nullptr;
  std::vector<std::pair<std::size_t, Callback<void(std::optional<bool>)>>> asked;
};

class Observed final : public DriverObserver {
 public:
  void state_changed(const SavedState& s) override {
    state = s;
    ++saves;
  }
  void attached_changed(bool a) override { attached.push_back(a); }
  void origin_answering(std::size_t, bool a) override { answering = a; }
  void verdict_given(std::size_t, VerdictReason) override { ++verdicts; }
  void load_sampled(std::size_t, const LoadSample&) override {}
  void facts_found(std::size_t, const FoundFacts& f) override { facts = f; }

  SavedState state;
  int saves = 0;
  FoundFacts facts;
  std::vector<bool> attached;
  bool answering = false;
  int verdicts = 0;
};

class ReportDriverTest : public ::testing::Test {
 protected:
  ReportDriverTest() {
    ReporterConfig config;
    config.endpoints = 2;
    config.origins.resize(1);
    config.origins[0].id = OriginId("o1");
    driver_.emplace(Reporter(std::move(config), {}, random_), link_, executor_, clock_, epochs_,
                    observed_);
    driver_->start();
  }
  void attach() {
    driver_->process_seen(0, kProcess);
    link_.listener->link_received(Welcome{"r", 3, {}, {}});
    link_.listener->link_received(
        Accepted{OriginId("o1"), OriginId("o1"), to_text(kProcess), IncarnationId("i1"), ""});
  }

  testing::ManualClock clock_;
  testing::ManualExecutor executor_{clock_};
  SeededRandom random_{1};
  FakeLink link_;
  EpochTable epochs_;
  Observed observed_;
  std::optional<ReportDriver> driver_;
};

TEST_F(ReportDriverTest, TheFirstAnswerOpensTheLinkAndTheWelcomeAttaches) {
  EXPECT_THAT(link_.opened, ElementsAre());
  attach();
  EXPECT_THAT(link_.opened, SizeIs(1));
  EXPECT_THAT(observed_.attached, ElementsAre(true));
  executor_.advance(kSaveDelay);
  EXPECT_EQ(observed_.state.origins.at(OriginId("o1")).incarnation, IncarnationId("i1"));
  EXPECT_EQ(observed_.state.generation_seen, 3U);
}

TEST_F(ReportDriverTest, AnOriginThatShowsNothingIsNotWaitedForLong) {
  executor_.advance(3s);
  EXPECT_THAT(link_.opened, Not(IsEmpty()));
}

TEST_F(ReportDriverTest, AReplicaThatFallsSilentIsLeftByItself) {
  attach();
  executor_.advance(1s);
  ASSERT_THAT(link_.opened, SizeIs(2));
  EXPECT_NE(link_.opened[0], link_.opened[1]);
  EXPECT_THAT(observed_.attached, ElementsAre(true, false));
}

TEST_F(ReportDriverTest, AVerdictIsSentInsideTheCallThatBringsIt) {
  attach();
  link_.sent.clear();
  driver_->process_failed(0, VerdictReason::kProcessGone, clock_.now(), "it exited");
  ASSERT_EQ(link_.sent.size(), 1U);
  EXPECT_EQ(std::get<Verdict>(link_.sent[0]).incarnation, IncarnationId("i1"));
  EXPECT_EQ(observed_.verdicts, 1);
}

TEST_F(ReportDriverTest, ALostLinkIsOpenedToTheNextReplica) {
  attach();
  link_.listener->link_closed("gone", endpoints::Failure::kBroken);
  executor_.advance(endpoints::kMoveSpread);
  ASSERT_THAT(link_.opened, SizeIs(2));
  EXPECT_NE(link_.opened[0], link_.opened[1]);
}

TEST_F(ReportDriverTest, AStaleReplicaIsLeftWhenAnotherSaysThatItIsNot) {
  attach();
  link_.listener->link_received(ReplicaHeartbeat{3, true});
  executor_.advance(endpoints::kFresherAskedMin);
  ASSERT_THAT(link_.asked, SizeIs(1));
  EXPECT_NE(link_.asked[0].first, link_.opened[0]);
  link_.asked[0].second(false);
  executor_.advance(1ms);
  EXPECT_THAT(link_.opened, ElementsAre(1 - link_.asked[0].first, link_.asked[0].first));
}

TEST_F(ReportDriverTest, EpochsAreLearntForFencing) {
  attach();
  link_.listener->link_received(StreamEpoch{"v/a/s", Epoch{3, 9}, "s9"});
  EXPECT_TRUE(epochs_.fences("v/a/s", "weir:f/s/3.8"));
}

TEST_F(ReportDriverTest, ABurstOfChangesIsSavedOnceAndTheLastBeforeTheEnd) {
  attach();
  executor_.advance(kSaveDelay);
  EXPECT_EQ(observed_.saves, 1);
  driver_->process_failed(0, VerdictReason::kProcessGone, clock_.now(), "it exited");
  driver_->stop();
  EXPECT_EQ(observed_.saves, 2);
  EXPECT_EQ(observed_.state.origins.at(OriginId("o1")).process, "gone");
}

TEST_F(ReportDriverTest, AnOriginThatComesLaterIsReportedAndForgottenWithItsRemoval) {
  attach();
  OriginSpec spec;
  spec.id = OriginId("o2");
  const std::size_t added = driver_->add_origin(spec);
  EXPECT_EQ(added, 1U);
  driver_->process_seen(added, ProcessIdentity{11, 2000});
  EXPECT_EQ(std::get<OriginSeen>(link_.sent.back()).spec->id, OriginId("o2"));
  link_.listener->link_received(
      Accepted{OriginId("o2"), OriginId("o2"), "11.2000", IncarnationId("i2"), ""});
  executor_.advance(kSaveDelay);
  EXPECT_EQ(observed_.state.origins.size(), 2U);
  driver_->process_failed(added, VerdictReason::kProcessGone, clock_.now(), "it exited");
  driver_->remove_origin(added);
  executor_.advance(kSaveDelay);
  EXPECT_EQ(observed_.state.origins.size(), 1U);
  EXPECT_EQ(driver_->add_origin(spec), 2U) << "a number is never used again";
}

TEST_F(ReportDriverTest, AfterStopNothingIsDone) {
  attach();
  driver_->stop();
  link_.sent.clear();
  executor_.advance(10s);
  EXPECT_TRUE(link_.sent.empty());
  EXPECT_EQ(link_.opened.size(), 1U);
}

}  // namespace
}  // namespace weir::agent
