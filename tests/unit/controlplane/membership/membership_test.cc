// Liveness: each way to become suspect, dead and alive again, and each that must not kill.

#include "controlplane/membership/membership.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/membership/limits.h"

namespace weir::membership {
namespace {

using model::OriginState;

const AgentId kAgent("agent");
const ForwarderId kF1("f1");
const ForwarderId kF2("f2");
const ForwarderId kF3("f3");

/// Drives a Membership through time, doing for it what the core does: it ticks at each deadline,
/// and registers what is to be admitted under a fresh incarnation.
class World {
 public:
  explicit World(int forwarders = 2) {
    const std::vector<ForwarderId> all{kF1, kF2, kF3};
    for (int i = 0; i < forwarders; ++i) m.forwarder_attached(all[static_cast<std::size_t>(i)]);
  }

  void take(Effects effects) {
    for (auto& effect : effects) log.push_back(std::move(effect));
  }
  void attach(const std::vector<std::string>& ids, bool answered = true) {
    std::vector<SeenOrigin> seen;
    for (const auto& id : ids) seen.push_back({OriginId(id), true, answered});
    take(m.agent_attached(kAgent, seen, now));
    for (const auto& id : ids) {
      if (!m.status(OriginId(id))) reg(id, id + "-1", kAgent, answered);
    }
  }
  void reg(const std::string& id, const std::string& incarnation, const AgentId& agent,
           bool answered = true) {
    take(m.origin_registered({OriginId(id), IncarnationId(incarnation), agent, answered}, now));
  }
  void reg_static(const std::string& id) { reg(id, id + "-1", AgentId(), false); }

  /// Time passes; `agent_talks` each 500 ms; probes are answered unless named in `deaf` or `full`.
  void pass(Duration duration, bool agent_talks = true) {
    const MonotonicTime end = now + duration;
    while (now < end) {
      const MonotonicTime next = std::min(end, now + 500ms);
      while (m.next_deadline() && *m.next_deadline() <= next) {
        now = std::max(now, *m.next_deadline());
        answer_probes(m.tick(now));
      }
      now = next;
      if (agent_talks) take(m.agent_message(kAgent, now));
    }
    answer_probes(m.tick(now));
  }
  void answer_probes(Effects effects) {
    for (auto& effect : effects) {
      const auto* wanted = std::get_if<ProbeWanted>(&effect);
      log.push_back(effect);
      if (wanted == nullptr) continue;
      const bool is_deaf = deaf.contains(wanted->origin.str());
      const bool is_full = full.contains(wanted->origin.str());
      take(m.probe_result(wanted->origin,
                          is_deaf   ? ProbeOutcome::kFailed
                          : is_full ? ProbeOutcome::kTurnedAway
                                    : ProbeOutcome::kAnswered,
                          now));
    }
  }
  void fail_dial(const ForwarderId& forwarder, const std::string& incarnation,
                 DialOutcome outcome = DialOutcome::kTimedOut) {
    take(m.dial_result(forwarder, IncarnationId(incarnation), outcome, now));
  }
  void verdict(const std::string& id, Reason reason, const std::string& life = "-1") {
    take(m.agent_verdict(OriginId(id), IncarnationId(id + life), reason, 0ms, now));
  }

  OriginState state(const std::string& id) const { return m.status(OriginId(id))->state; }
  Reason reason(const std::string& id) const { return m.status(OriginId(id))->reason; }
  template <class E>
  int count() const {
    int n = 0;
    for (const auto& effect : log) n += std::holds_alternative<E>(effect) ? 1 : 0;
    return n;
  }

  Membership m;
  MonotonicTime now{std::chrono::hours(1)};
  Effects log;
  std::set<std::string> deaf;
  std::set<std::string> full;
};

// --- agents

TEST(Membership, AgentsOriginIsAliveWhenItsProbeWasAnswered) {
  World w;
  w.attach({"a"});
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  EXPECT_EQ(w.count<AdmitWanted>(), 1);
  w.attach({"a", "b"}, false);
  EXPECT_EQ(w.reason("b"), Reason::kNotProbedYet);
  EXPECT_EQ(w.state("b"), OriginState::kSuspect);
  w.take(w.m.origin_seen(kAgent, {OriginId("b"), true, true}, w.now));
  EXPECT_EQ(w.state("b"), OriginState::kAlive);
  w.take(w.m.origin_seen(kAgent, {OriginId("b"), true, false}, w.now));
  EXPECT_EQ(w.reason("b"), Reason::kProbeFailed);
}

TEST(Membership, SilenceOfTwoSecondsMakesSuspectAndAMessageAliveAgain) {
  World w;
  w.attach({"a"});
  w.pass(1900ms, false);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  w.pass(100ms, false);
  EXPECT_EQ(w.reason("a"), Reason::kAgentSilent);
  w.pass(1h, false);
  EXPECT_EQ(w.state("a"), OriginState::kSuspect) << "silence alone is never death";
  w.take(w.m.agent_message(kAgent, w.now));
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  w.pass(2s, false);
  EXPECT_EQ(w.reason("a"), Reason::kAgentSilent) << "silence is noticed a second time";
  EXPECT_EQ(w.count<DeclareDead>(), 0);
}

TEST(Membership, BrokenStreamMakesSuspectAtOnceAndReattachAlive) {
  World w;
  w.attach({"a"});
  w.take(w.m.agent_detached(kAgent, w.now));
  EXPECT_EQ(w.reason("a"), Reason::kAgentDetached);
  w.pass(1h, false);
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.attach({"a"});
  w.reg("a", "a-1", kAgent);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  EXPECT_EQ(w.count<DeclareDead>(), 0);
}

TEST(Membership, OriginMissingFromASnapshotIsSuspectForThirtySecondsThenProbed) {
  World w;
  w.attach({"a", "b"});
  w.attach({"b"});
  EXPECT_EQ(w.reason("a"), Reason::kMissing);
  EXPECT_EQ(w.state("b"), OriginState::kAlive);
  w.pass(29s);
  EXPECT_EQ(w.count<ProbeWanted>(), 0);
  w.pass(1s);
  EXPECT_GE(w.count<ProbeWanted>(), 1);
  EXPECT_EQ(w.state("a"), OriginState::kAlive) << "it answers: served like a static one";
  EXPECT_TRUE(w.m.status(OriginId("a"))->agent.empty());
  w.deaf.insert("a");
  w.pass(3s);
  EXPECT_EQ(w.reason("a"), Reason::kProbesFailed);
}

TEST(Membership, WhatItsAgentForgetsIsProbedUntilItIsDeadAndNoLonger) {
  World w;
  w.attach({"a", "b"});
  w.take(w.m.origin_forgotten(kAgent, OriginId("a"), w.now));
  w.take(w.m.origin_forgotten(AgentId("another"), OriginId("b"), w.now));
  EXPECT_EQ(w.reason("a"), Reason::kMissing);
  EXPECT_EQ(w.state("b"), OriginState::kAlive);
  w.deaf.insert("a");
  w.pass(kMissingKept + 5s);
  ASSERT_EQ(w.state("a"), OriginState::kDead);
  w.log.clear();
  w.pass(10s);
  EXPECT_EQ(w.count<ProbeWanted>(), 0) << "nobody would take it in again";
  w.take(w.m.origin_seen(kAgent, {OriginId("a"), true, true}, w.now));
  w.reg("a", "a-2", kAgent);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
}

TEST(Membership, WhatItsAgentForgetsDeadIsNotProbed) {
  World w;
  w.attach({"a"});
  w.verdict("a", Reason::kProcessGone);
  w.take(w.m.origin_forgotten(kAgent, OriginId("a"), w.now));
  w.attach({});
  w.pass(kMissingKept + 5s);
  EXPECT_EQ(w.count<ProbeWanted>(), 0);
}

TEST(Membership, AnOriginWhoseAddressAnotherHasIsDeadAtOnce) {
  World w;
  w.attach({"a", "b"});
  w.take(w.m.origin_replaced(OriginId("a"), w.now));
  EXPECT_EQ(w.state("a"), OriginState::kDead);
  EXPECT_EQ(w.reason("a"), Reason::kReplaced);
  EXPECT_EQ(w.count<DeclareDead>(), 1);
  w.take(w.m.origin_replaced(OriginId("a"), w.now));
  w.take(w.m.origin_replaced(OriginId("nobody"), w.now));
  EXPECT_EQ(w.count<DeclareDead>(), 1);
}

TEST(Membership, OriginThatItsAgentFindsNotRunningIsProbedAtOnce) {
  World w;
  w.attach({"a"});
  w.deaf.insert("a");
  w.take(w.m.agent_attached(kAgent, {{OriginId("a"), false, false}}, w.now));
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.pass(3s);
  EXPECT_EQ(w.state("a"), OriginState::kDead);
  w.take(w.m.origin_seen(kAgent, {OriginId("a"), true, true}, w.now));
  w.reg("a", "a-2", kAgent);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  EXPECT_EQ(w.m.status(OriginId("a"))->agent, kAgent);
}

TEST(Membership, VerdictKillsThatIncarnationOnceAndNoOther) {
  World w;
  w.attach({"a", "b"});
  w.verdict("a", Reason::kProcessGone, "-0");
  EXPECT_EQ(w.state("a"), OriginState::kAlive) << "a verdict on an earlier life";
  w.verdict("a", Reason::kProcessGone);
  w.verdict("a", Reason::kProcessGone);
  EXPECT_EQ(w.reason("a"), Reason::kProcessGone);
  EXPECT_EQ(w.state("b"), OriginState::kAlive);
  EXPECT_EQ(w.count<DeclareDead>(), 1);
  w.verdict("b", Reason::kProbesFailed);
  EXPECT_EQ(w.reason("b"), Reason::kProbesFailed);
}

TEST(Membership, DeadIncarnationNeverRevives) {
  World w;
  w.attach({"a"});
  w.verdict("a", Reason::kProbesFailed);
  w.reg("a", "a-1", kAgent);
  w.take(w.m.agent_message(kAgent, w.now));
  EXPECT_EQ(w.state("a"), OriginState::kDead);
  w.log.clear();
  w.take(w.m.origin_seen(kAgent, {OriginId("a"), true, false}, w.now));
  EXPECT_EQ(w.count<AdmitWanted>(), 0) << "taken back only after a successful probe";
  w.take(w.m.origin_seen(kAgent, {OriginId("a"), true, true}, w.now));
  EXPECT_EQ(w.count<AdmitWanted>(), 1);
  w.reg("a", "a-2", kAgent);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
}

TEST(Membership, OriginThatKeepsDyingIsTakenBackWithGrowingDelay) {
  World w;
  w.attach({"a"});
  std::vector<Duration> delays;
  for (int life = 1; life <= 9; ++life) {
    w.verdict("a", Reason::kProcessGone, "-" + std::to_string(life));
    const MonotonicTime died = w.now;
    w.log.clear();
    w.take(w.m.origin_seen(kAgent, {OriginId("a"), true, true}, w.now));
    while (w.count<AdmitWanted>() == 0) w.pass(500ms);
    delays.push_back(w.now - died);
    w.reg("a", "a-" + std::to_string(life + 1), kAgent);
    ASSERT_EQ(w.state("a"), OriginState::kAlive);
  }
  EXPECT_EQ(delays, (std::vector<Duration>{0s, 0s, 0s, 1s, 2s, 4s, 8s, 16s, 30s}));
  w.pass(kDeathsForgotten);
  w.verdict("a", Reason::kProcessGone, "-10");
  w.log.clear();
  w.take(w.m.origin_seen(kAgent, {OriginId("a"), true, true}, w.now));
  EXPECT_EQ(w.count<AdmitWanted>(), 1) << "old deaths are forgotten";
}

TEST(Membership, SecondProcessUnderOneIdFencesTheFirst) {
  World w;
  w.attach({"a"});
  w.reg("a", "a-2", kAgent);
  ASSERT_EQ(w.count<DeclareDead>(), 1);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  for (const auto& effect : w.log) {
    if (const auto* dead = std::get_if<DeclareDead>(&effect)) {
      EXPECT_EQ(dead->incarnation, IncarnationId("a-1"));
      EXPECT_EQ(dead->reason, Reason::kReplaced);
    }
  }
}

TEST(Membership, FrozenObserverKillsAndSuspectsNobody) {
  World w;
  w.attach({"a"});
  w.reg_static("s");
  w.pass(5s);
  ASSERT_EQ(w.state("s"), OriginState::kAlive);
  w.log.clear();
  w.now += 60s;  // this process was stopped: no tick, no message read, its probes timed out
  w.take(w.m.probe_result(OriginId("s"), ProbeOutcome::kFailed, w.now));
  w.answer_probes(w.m.tick(w.now));
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  EXPECT_EQ(w.state("s"), OriginState::kAlive);
  w.pass(5s);
  EXPECT_EQ(w.count<StateChanged>(), 0);
  w.pass(3s, false);
  EXPECT_EQ(w.reason("a"), Reason::kAgentSilent) << "real silence afterwards still counts";
}

// --- static origins

TEST(Membership, StaticOriginIsProbedEachSecondAndDiesOfThreeFailures) {
  World w;
  w.reg_static("s");
  EXPECT_EQ(w.reason("s"), Reason::kNotProbedYet);
  w.pass(10s);
  EXPECT_EQ(w.state("s"), OriginState::kAlive);
  EXPECT_NEAR(w.count<ProbeWanted>(), 11, 1);
  w.deaf.insert("s");
  w.pass(1s);
  EXPECT_EQ(w.reason("s"), Reason::kProbeFailed);
  w.pass(1s);
  EXPECT_EQ(w.state("s"), OriginState::kSuspect);
  w.pass(1s);
  EXPECT_EQ(w.reason("s"), Reason::kProbesFailed);
  EXPECT_EQ(w.count<DeclareDead>(), 1);
}

TEST(Membership, StaticOriginThatIsFullIsASuspectAndNeverDead) {
  World w;
  w.reg_static("s");
  w.pass(1s);
  w.full.insert("s");
  w.pass(10s);
  EXPECT_EQ(w.reason("s"), Reason::kProbeFailed);
  EXPECT_EQ(w.count<DeclareDead>(), 0);
  w.full.clear();
  w.pass(1s);
  EXPECT_EQ(w.state("s"), OriginState::kAlive);
  w.full.insert("s");
  w.pass(2s);
  w.full.clear();
  w.deaf.insert("s");
  w.pass(2s);
  EXPECT_EQ(w.count<DeclareDead>(), 1) << "one doubt and two failures";
}

TEST(Membership, FailuresInBetweenDoNotAddUp) {
  World w;
  w.reg_static("s");
  w.pass(1s);
  for (int i = 0; i < 10; ++i) {
    w.deaf.insert("s");
    w.pass(2s);
    w.deaf.clear();
    w.pass(1s);
  }
  EXPECT_EQ(w.count<DeclareDead>(), 0);
  EXPECT_EQ(w.state("s"), OriginState::kAlive);
}

TEST(Membership, DeadStaticOriginThatAnswersIsAdmittedAgain) {
  World w;
  w.reg_static("s");
  w.deaf.insert("s");
  w.pass(4s);
  ASSERT_EQ(w.state("s"), OriginState::kDead);
  w.deaf.clear();
  w.log.clear();
  w.pass(1s);
  EXPECT_EQ(w.count<AdmitWanted>(), 1);
  w.reg("s", "s-2", AgentId(), false);
  w.pass(1s);
  EXPECT_EQ(w.state("s"), OriginState::kAlive);
}

// --- dials

TEST(Membership, TwoForwardersKillAnOriginWhoseAgentIsSilent) {
  World w;
  w.attach({"a"});
  w.pass(2s, false);
  w.fail_dial(kF1, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.pass(500ms, false);
  w.fail_dial(kF2, "a-1", DialOutcome::kRefused);
  EXPECT_EQ(w.reason("a"), Reason::kDialsFailed);
}

TEST(Membership, AnOriginKilledByDialsWhileItsAgentWasCutOffIsTakenBackWhenItAnswers) {
  World w;
  w.attach({"a"});
  w.deaf.insert("a");
  w.pass(kSilence, false);
  w.fail_dial(kF1, "a-1");
  w.fail_dial(kF2, "a-1");
  ASSERT_EQ(w.state("a"), OriginState::kDead);
  w.log.clear();
  w.pass(3s, false);
  EXPECT_EQ(w.count<ProbeWanted>(), 0) << "its agent says nothing about it";
  w.pass(3s);
  EXPECT_GE(w.count<ProbeWanted>(), 2);
  EXPECT_EQ(w.count<AdmitWanted>(), 0) << "the agent was heard, the origin was not";
  w.deaf.clear();
  w.pass(2s);
  ASSERT_GE(w.count<AdmitWanted>(), 1);
  w.reg("a", "a-2", kAgent);
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  w.log.clear();
  w.pass(5s);
  EXPECT_EQ(w.count<ProbeWanted>(), 0) << "its agent's to probe again";
}

TEST(Membership, AVerdictThatComesAfterTheSilenceEndsTheQuestion) {
  World w;
  w.attach({"a"});
  w.pass(kSilence, false);
  w.fail_dial(kF1, "a-1");
  w.fail_dial(kF2, "a-1");
  ASSERT_EQ(w.state("a"), OriginState::kDead);
  w.take(w.m.agent_message(kAgent, w.now));
  w.verdict("a", Reason::kProcessGone);
  w.log.clear();
  w.pass(3s);
  EXPECT_EQ(w.count<ProbeWanted>(), 0);
}

TEST(Membership, EvidenceFromBeforeTheSilenceCountsWhenItSetsIn) {
  World w(1);
  w.attach({"a"});
  w.pass(1s, false);
  w.fail_dial(kF1, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
  w.pass(1s, false);
  EXPECT_EQ(w.reason("a"), Reason::kDialsFailed) << "a dead host: within 3 s";
}

TEST(Membership, BrokenAgentStreamLetsDialsDecideAtOnce) {
  World w(1);
  w.attach({"a"});
  w.fail_dial(kF1, "a-1");
  w.take(w.m.agent_detached(kAgent, w.now));
  EXPECT_EQ(w.reason("a"), Reason::kDialsFailed);
}

TEST(Membership, OneForwarderCutFromOneOriginOnlyLosesThatPair) {
  World w(3);
  w.attach({"a", "b"});
  for (int i = 0; i < 20; ++i) {
    w.fail_dial(kF1, "a-1");
    w.pass(1s);
    EXPECT_EQ(w.state("a"), OriginState::kAlive);
  }
  EXPECT_EQ(w.m.penalized(kF1, w.now), std::vector<IncarnationId>{IncarnationId("a-1")});
  EXPECT_TRUE(w.m.penalized(kF2, w.now).empty());
  EXPECT_EQ(w.m.penalized_forwarders(OriginId("a"), w.now), std::vector<ForwarderId>{kF1});
  w.pass(30s, false);
  w.fail_dial(kF1, "a-1");
  w.fail_dial(kF1, "a-1", DialOutcome::kReset);
  w.pass(3s, false);
  EXPECT_EQ(w.state("a"), OriginState::kSuspect) << "one of three, even with a silent agent";
}

TEST(Membership, DialsDoNotKillWhileTheAgentTalks) {
  World w;
  w.attach({"a"});
  for (int i = 0; i < 10; ++i) {
    w.fail_dial(kF1, "a-1");
    w.fail_dial(kF2, "a-1");
    w.pass(500ms);
  }
  EXPECT_EQ(w.state("a"), OriginState::kAlive);
}

TEST(Membership, DialsDoNotKillWhileAnyForwarderHasBytesFromIt) {
  World w(3);
  w.attach({"a"});
  w.pass(3s, false);
  w.m.forwarder_active(kF3, {IncarnationId("a-1")}, w.now);
  w.fail_dial(kF1, "a-1");
  w.fail_dial(kF2, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.pass(1900ms, false);
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.pass(100ms, false);
  EXPECT_EQ(w.reason("a"), Reason::kDialsFailed) << "weighed again when the bytes are old";
}

TEST(Membership, UnreachableFromThereIsNoEvidenceAgainstTheOrigin) {
  World w(1);
  w.attach({"a"});
  w.pass(2s, false);
  w.fail_dial(kF1, "a-1", DialOutcome::kUnreachable);
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  EXPECT_EQ(w.m.penalized(kF1, w.now).size(), 1U);
}

TEST(Membership, BeingTurnedAwayPenalisesThePairAndKillsNobody) {
  World w;
  w.attach({"a"});
  w.pass(2s, false);
  w.fail_dial(kF1, "a-1", DialOutcome::kTurnedAway);
  w.fail_dial(kF2, "a-1", DialOutcome::kTurnedAway);
  EXPECT_EQ(w.state("a"), OriginState::kSuspect) << "its agent is silent; it is full, not dead";
  EXPECT_EQ(w.m.penalized(kF1, w.now).size(), 1U);
  EXPECT_GT(w.m.error_rate(OriginId("a"), w.now), 0);
}

TEST(Membership, AnAnswerToOneForwarderRefutesTheOthers) {
  World w;
  w.attach({"a"});
  w.pass(2s, false);
  w.fail_dial(kF1, "a-1");
  w.take(w.m.dial_result(kF2, IncarnationId("a-1"), DialOutcome::kAnswered, w.now));
  w.fail_dial(kF2, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
}

TEST(Membership, OldFailuresAndThoseOfDepartedForwardersDoNotConvict) {
  World w(3);
  w.attach({"a"});
  w.pass(2s, false);
  w.fail_dial(kF1, "a-1");
  w.pass(kDialEvidenceKept + 1s, false);
  w.fail_dial(kF2, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.take(w.m.forwarder_detached(kF2, w.now));
  w.fail_dial(kF3, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kSuspect);
  w.fail_dial(kF1, "a-1");
  EXPECT_EQ(w.state("a"), OriginState::kDead);
}

TEST(Membership, PenaltyGrowsEndsAndIsLiftedByAnAnswer) {
  World w;
  w.attach({"a"});
  std::vector<Duration> lengths;
  for (int i = 0; i < 7; ++i) {
    w.log.clear();
    const MonotonicTime begin = w.now;
    w.fail_dial(kF1, "a-1");
    w.fail_dial(kF1, "a-1");
    EXPECT_EQ(w.count<PairPenalized>(), 1) << "failures of one moment count once";
    while (w.count<PairLifted>() == 0) w.pass(500ms);
    lengths.push_back(w.now - begin);
  }
  EXPECT_EQ(lengths, (std::vector<Duration>{1s, 2s, 4s, 8s, 16s, 30s, 30s}));
  w.fail_dial(kF1, "a-1");
  w.log.clear();
  w.take(w.m.dial_result(kF1, IncarnationId("a-1"), DialOutcome::kAnswered, w.now));
  EXPECT_EQ(w.count<PairLifted>(), 1);
  EXPECT_TRUE(w.m.penalized(kF1, w.now).empty());
}

TEST(Membership, ErrorRateIgnoresASingleFailureAndFades) {
  World w(3);
  w.attach({"a"});
  w.fail_dial(kF1, "a-1");
  EXPECT_EQ(w.m.error_rate(OriginId("a"), w.now), 0);
  for (int i = 0; i < 8; ++i) w.fail_dial(kF2, "a-1");
  EXPECT_GT(w.m.error_rate(OriginId("a"), w.now), 0.4);
  EXPECT_LT(w.m.error_rate(OriginId("a"), w.now + 60s), 0.01);
}

// --- the mass-expiry guard

std::vector<std::string> statics(World& w, int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back("s" + std::to_string(i));
  for (const auto& id : ids) w.reg_static(id);
  w.pass(2s);
  return ids;
}

TEST(Membership, LargeShareDyingOfProbesFreezesBeforeTheFirstVerdict) {
  World w;
  const auto ids = statics(w, 6);
  for (int i = 0; i < 4; ++i) w.deaf.insert(ids[static_cast<std::size_t>(i)]);
  w.pass(4s);
  EXPECT_EQ(w.count<DeclareDead>(), 0);
  EXPECT_EQ(w.count<GuardFrozen>(), 1);
  EXPECT_TRUE(w.m.verdicts_frozen());
  EXPECT_EQ(w.reason("s0"), Reason::kVerdictsFrozen);
  EXPECT_EQ(w.state("s5"), OriginState::kAlive);
}

TEST(Membership, FrozenVerdictsThatAreRefutedAreDropped) {
  World w;
  const auto ids = statics(w, 6);
  w.deaf = {ids[0], ids[1], ids[2], ids[3]};
  w.pass(4s);
  w.deaf = {ids[0]};
  w.pass(kGuardFrozen);
  EXPECT_FALSE(w.m.verdicts_frozen());
  EXPECT_EQ(w.count<GuardThawed>(), 1);
  EXPECT_EQ(w.count<DeclareDead>(), 1);
  EXPECT_EQ(w.state("s0"), OriginState::kDead);
  EXPECT_EQ(w.state("s1"), OriginState::kAlive);
}

TEST(Membership, VerdictsThatOutlastTheFreezeAreCarriedOut) {
  World w;
  const auto ids = statics(w, 6);
  w.deaf = {ids[0], ids[1], ids[2], ids[3]};
  w.pass(3s + kGuardFrozen + 1s);
  EXPECT_EQ(w.count<DeclareDead>(), 4);
  w.deaf.insert(ids[4]);
  w.pass(4s);
  EXPECT_EQ(w.count<DeclareDead>(), 5) << "trusted after a thaw";
}

TEST(Membership, NothingThawsWhileNoOriginIsKnownToBeWell) {
  World w;
  const auto ids = statics(w, 5);
  w.deaf = {ids.begin(), ids.end()};
  w.pass(10min);
  EXPECT_EQ(w.count<DeclareDead>(), 0);
  EXPECT_TRUE(w.m.verdicts_frozen());
  w.deaf.clear();
  w.pass(2s);
  EXPECT_FALSE(w.m.verdicts_frozen());
  for (const auto& id : ids) EXPECT_EQ(w.state(id), OriginState::kAlive);
}

TEST(Membership, GuardHoldsBackDialsAndAgentsProbesAlike) {
  World w(1);
  w.attach({"a", "b", "c", "d"});
  w.verdict("a", Reason::kProbesFailed);
  w.verdict("b", Reason::kProbesFailed);
  w.verdict("c", Reason::kProbesFailed);
  EXPECT_EQ(w.count<DeclareDead>(), 2);
  EXPECT_EQ(w.reason("c"), Reason::kVerdictsFrozen);
  w.fail_dial(kF1, "d-1");
  w.take(w.m.agent_detached(kAgent, w.now));
  EXPECT_EQ(w.reason("d"), Reason::kVerdictsFrozen);
  EXPECT_EQ(w.count<DeclareDead>(), 2);
}

TEST(Membership, ProcessesThatExitAreBelievedHoweverMany) {
  for (const auto& ids : {std::vector<std::string>{"a", "b"},
                          std::vector<std::string>{"a", "b", "c", "d", "e", "f"}}) {
    World w;
    w.attach(ids);
    for (const auto& id : ids) w.verdict(id, Reason::kProcessGone);
    for (const auto& id : ids) EXPECT_EQ(w.reason(id), Reason::kProcessGone);
    EXPECT_FALSE(w.m.verdicts_frozen());
  }
}

TEST(Membership, SmallClustersAndSlowDeathsAreNotGuarded) {
  World small;
  const auto three = statics(small, 3);
  small.deaf = {three.begin(), three.end()};
  small.pass(4s);
  EXPECT_EQ(small.count<DeclareDead>(), 3);

  World slow;
  const auto ids = statics(slow, 8);
  for (const auto& id : ids) {
    slow.deaf.insert(id);
    slow.pass(4s);
  }
  EXPECT_EQ(slow.count<DeclareDead>(), 8);
}

TEST(Membership, AnAgentCalledSilentByWhoHearsItIsASuspectUntilItsNextWord) {
  World w;
  w.attach({"o1"});
  w.take(w.m.agent_silent(kAgent, w.now));
  EXPECT_EQ(w.m.status(OriginId("o1"))->reason, Reason::kAgentSilent);
  w.take(w.m.agent_message(kAgent, w.now));
  EXPECT_EQ(w.m.status(OriginId("o1"))->state, OriginState::kAlive);
  // Dials that failed before count from the moment of the silence on.
  w.fail_dial(kF1, "o1-1");
  w.fail_dial(kF2, "o1-1");
  EXPECT_EQ(w.m.status(OriginId("o1"))->state, OriginState::kAlive);
  w.take(w.m.agent_silent(kAgent, w.now));
  EXPECT_EQ(w.m.status(OriginId("o1"))->reason, Reason::kDialsFailed);
}

TEST(Membership, AVerdictOfAnotherReplicaIsTakenOverAndNotPassedOn) {
  World w;
  w.attach({"o1"});
  w.log.clear();
  w.take(w.m.origin_declared_dead(OriginId("o1"), IncarnationId("o1-0"), w.now));
  EXPECT_TRUE(w.log.empty()) << "an earlier life";
  w.take(w.m.origin_declared_dead(OriginId("o1"), IncarnationId("o1-1"), w.now));
  EXPECT_EQ(w.m.status(OriginId("o1"))->state, OriginState::kDead);
  EXPECT_EQ(w.m.status(OriginId("o1"))->reason, Reason::kDeclaredElsewhere);
  for (const auto& effect : w.log) EXPECT_FALSE(std::holds_alternative<DeclareDead>(effect));
  // As after any death, its agent brings it back as a new life.
  w.reg("o1", "o1-2", kAgent);
  EXPECT_EQ(w.m.status(OriginId("o1"))->state, OriginState::kAlive);
}

TEST(Membership, TenThousandOriginsOfOneAgentCostNothingPerMessage) {
  World w;
  std::vector<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.push_back("o" + std::to_string(i));
  w.attach(ids);
  w.log.clear();
  for (int i = 0; i < 10'000; ++i) w.take(w.m.agent_message(kAgent, w.now));
  EXPECT_TRUE(w.log.empty());
  w.m.origin_removed(OriginId("o5"));
  EXPECT_FALSE(w.m.status(OriginId("o5")));
  w.pass(2s, false);
  EXPECT_EQ(w.count<StateChanged>(), 9'999);
}

}  // namespace
}  // namespace weir::membership
