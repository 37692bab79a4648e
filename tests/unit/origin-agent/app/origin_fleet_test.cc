#include "origin-agent/app/origin_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "origin-agent/source/limits.h"
#include "tests/support/manual_executor.h"

namespace weir::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

/// An SRS whose life and facts the test sets.
class FakeSource final : public OriginSource {
 public:
  FakeSource(Executor& executor, ProcessIdentity& life, std::vector<std::string>& asked,
             std::string name)
      : executor_(executor), life_(life), asked_(asked), name_(std::move(name)) {}

  void observe(const std::optional<ProcessIdentity>&, Callback<void(Observation)> done) override {
    asked_.push_back(name_);
    executor_.run_after(
        1ms, [this, guard = std::weak_ptr<int>(alive_), done = std::move(done)]() mutable {
          if (guard.expired()) return;
          Observation observation;
          observation.process = life_;
          observation.connections_max = 300;
          observation.software = "SRS/7.0.18";
          done(std::move(observation));
        });
  }
  void probe(Callback<void(probe::ProbeResult)> done) override {
    executor_.run_after(
        1ms, [done = std::move(done)]() mutable { done({probe::Outcome::kAnswered, 1ms, ""}); });
  }

 private:
  Executor& executor_;
  ProcessIdentity& life_;
  std::vector<std::string>& asked_;
  const std::string name_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

class NoProcesses final : public ProcessTable {
 public:
  std::unique_ptr<ExitWatch> watch_exit(const ProcessIdentity&, Callback<void()>) override {
    return nullptr;
  }
  std::optional<ProcessUsage> usage(const ProcessIdentity&) override { return std::nullopt; }
  bool is_alive(const ProcessIdentity&) override { return false; }
};

class FakeLink final : public AttachLink {
 public:
  void open(std::size_t, bool, AttachLinkListener& l) override { listener = &l; }
  void send(const UpMessage& message) override { sent.push_back(message); }
  void close() override {}
  void ask_freshness(std::size_t, Callback<void(std::optional<bool>)>) override {}

  template <class Message>
  std::vector<Message> all() const {
    std::vector<Message> found;
    for (const UpMessage& message : sent)
      if (const auto* m = std::get_if<Message>(&message)) found.push_back(*m);
    return found;
  }

  std::vector<UpMessage> sent;
  AttachLinkListener* listener = nullptr;
};

class OriginFleetTest : public ::testing::Test, public DriverObserver {
 protected:
  OriginFleetTest() {
    ReporterConfig config;
    config.endpoints = 1;
    driver_.emplace(Reporter(std::move(config), {}, random_), link_, executor_, clock_, epochs_,
                    *this);
    fleet_.emplace(FleetSurroundings{*driver_, processes_, executor_, clock_, metrics_,
                                     [this](const OriginSettings& settings) {
                                       return std::make_unique<FakeSource>(executor_, life_, asked_,
                                                                           settings.local_rtmp);
                                     },
                                     1 << 30});
    driver_->start();
    fleet_->start();
    link_.listener->link_received(Welcome{"r", 1, {}, {}});
  }
  ~OriginFleetTest() override {
    fleet_.reset();
    driver_->stop();
  }

  static OriginSettings srs(const std::string& local = "127.0.0.1:1935") {
    OriginSettings settings;
    settings.spec.id = OriginId("vid-1:1935");
    settings.spec.kind = OriginKind::kSrs;
    settings.spec.endpoints = {{EndpointProtocol::kRtmp, "10.0.0.1:1935"}};
    settings.local_rtmp = local;
    return settings;
  }
  /// The control plane takes it in.
  std::size_t added() {
    const std::size_t origin = fleet_->add(srs());
    executor_.advance(100ms);
    link_.listener->link_received(
        Accepted{srs().spec.id, OriginId("vid-1"), to_text(life_), IncarnationId("i1"), ""});
    return origin;
  }

  /// The replica goes on beating.
  void pass(Duration by) {
    for (const MonotonicTime end = clock_.now() + by; clock_.now() < end;) {
      executor_.advance(200ms);
      link_.listener->link_received(ReplicaHeartbeat{1});
      link_.listener->link_received(Ack{~std::uint64_t{0}});
    }
  }

  void state_changed(const SavedState&) override {}
  void attached_changed(bool) override {}
  void origin_answering(std::size_t origin, bool a) override { metrics_.answering(origin, a); }
  void verdict_given(std::size_t, VerdictReason) override {}
  void load_sampled(std::size_t origin, const LoadSample& l) override { metrics_.load(origin, l); }
  void facts_found(std::size_t origin, const FoundFacts& facts) override {
    fleet_->facts_found(origin, facts);
  }

  testing::ManualClock clock_;
  testing::ManualExecutor executor_{clock_};
  SeededRandom random_{1};
  FakeLink link_;
  EpochTable epochs_;
  NoProcesses processes_;
  metrics::Registry registry_;
  AgentMetrics metrics_{registry_};
  ProcessIdentity life_{100, 0, "one"};
  std::vector<std::string> asked_;
  std::optional<ReportDriver> driver_;
  std::optional<OriginFleet> fleet_;
};

TEST_F(OriginFleetTest, AnSrsIsGivenLessConnectionsThanItsOwnLimit) {
  OriginSettings settings = srs();
  for (const auto& [limit, told] : {std::pair{10U, 5U}, {100U, 84U}, {4000U, 3800U}}) {
    settings.spec.capacity.connections = limit;
    settings.spec.id = OriginId("o" + std::to_string(limit));
    const std::size_t origin = fleet_->add(settings);
    EXPECT_EQ(driver_->reporter().spec(origin).capacity.connections, told);
  }
  settings.spec.kind = OriginKind::kGeneric;
  settings.spec.id = OriginId("other");
  EXPECT_EQ(driver_->reporter().spec(fleet_->add(settings)).capacity.connections, 4000U);
}

TEST_F(OriginFleetTest, AnOriginIsOfferedWithWhatWasFoundOutAboutIt) {
  added();
  const OriginSeen seen = link_.all<OriginSeen>().back();
  EXPECT_EQ(seen.process, "one.100");
  EXPECT_EQ(seen.spec->capacity.connections, 284U) << "room is left below its own limit";
  EXPECT_EQ(seen.spec->software, "SRS/7.0.18");
  EXPECT_THAT(registry_.expose(),
              HasSubstr("weir_agent_origin_answering{origin=\"vid-1:1935\"} 1"));
}

TEST_F(OriginFleetTest, OtherAddressesAreAskedFromThenOnInTheSameLife) {
  const std::size_t origin = added();
  const std::size_t offers = link_.all<OriginSeen>().size();
  fleet_->change(origin, srs("127.0.0.1:1936"));
  asked_.clear();
  pass(3s);
  EXPECT_THAT(asked_, ::testing::Each("127.0.0.1:1936"));
  EXPECT_GE(asked_.size(), 3U);
  EXPECT_EQ(link_.all<OriginSeen>().size(), offers) << "forwarders are told nothing new";
  OriginSettings moved = srs("127.0.0.1:1936");
  moved.spec.endpoints[0].address = "10.0.0.2:1935";
  fleet_->change(origin, moved);
  EXPECT_EQ(link_.all<OriginSeen>().back().spec->endpoints[0].address, "10.0.0.2:1935");
  EXPECT_TRUE(link_.all<Verdict>().empty());
}

TEST_F(OriginFleetTest, AnAnnouncedLifeIsLookedAtAtOnceAndEndsTheOneBefore) {
  const std::size_t origin = added();
  pass(5s);
  life_ = {101, 0, "two"};
  fleet_->announced(origin, life_);
  executor_.advance(5ms);
  ASSERT_EQ(link_.all<Verdict>().size(), 1U);
  EXPECT_EQ(link_.all<Verdict>()[0].incarnation, IncarnationId("i1"));
  EXPECT_EQ(link_.all<OriginSeen>().back().process, "two.101");
}

TEST_F(OriginFleetTest, ARetiredOriginIsJudgedAndLeavesNothingBehind) {
  const std::size_t origin = added();
  fleet_->retire(origin);
  ASSERT_EQ(link_.all<Verdict>().size(), 1U);
  EXPECT_EQ(link_.all<Verdict>()[0].reason, VerdictReason::kProcessGone);
  pass(2s);
  asked_.clear();
  EXPECT_TRUE(fleet_->remove(origin));
  pass(5s);
  EXPECT_TRUE(asked_.empty());
  EXPECT_THAT(registry_.expose(), Not(HasSubstr("vid-1")));
  EXPECT_EQ(fleet_->size(), 0U);
}

TEST_F(OriginFleetTest, WhoseEndNobodyHeardIsKept) {
  const std::size_t origin = added();
  link_.listener->link_closed("gone", endpoints::Failure::kBroken);
  fleet_->retire(origin);
  EXPECT_FALSE(fleet_->remove(origin));
  executor_.advance(200ms);
  link_.listener->link_received(Welcome{"r", 1, {}, {}});
  EXPECT_FALSE(fleet_->remove(origin)) << "said, and perhaps to one that is frozen";
  link_.listener->link_received(Ack{1});
  EXPECT_TRUE(fleet_->remove(origin));
}

}  // namespace
}  // namespace weir::agent
