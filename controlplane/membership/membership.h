#pragma once
// Membership: which origins live, from what agents, probes and forwarders say (design 6, 9).
//
// A pure state machine: events and `now` in, effects out. Reasons for the rules, the mass-expiry
// guard above all, are in docs/adr/0005-liveness.md. `now` never goes back. Cost: an event costs
// O(origins that change), a message of an agent O(1). Threading: one thread. Lifetime:
// self-contained; an origin is kept until origin_removed.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/membership/effects.h"
#include "controlplane/membership/expiry_guard.h"
#include "controlplane/membership/origin_facts.h"
#include "controlplane/membership/pair_penalties.h"
#include "controlplane/model/origin.h"

namespace weir::membership {

/// An origin as its agent sees it: in a hello, or later by itself.
struct SeenOrigin {
  OriginId origin;
  bool running = true;          ///< a process serves it
  bool probe_answered = false;  ///< the last protocol probe was answered
};

/// What the store said about an origin that was upserted.
struct RegisteredOrigin {
  OriginId origin;  ///< as the store names it (an id that was taken has a suffix)
  IncarnationId incarnation;
  AgentId agent;                ///< empty = static
  bool probe_answered = false;  ///< agents: as seen; static ones start as suspects and are probed
};

/// kTurnedAway (accepted and closed without a byte: a full server does that) is no sign of death;
/// the origin is a suspect until it answers.
enum class ProbeOutcome : std::uint8_t { kAnswered, kFailed, kTurnedAway };
/// kUnreachable (no route from there) penalises the pair but is evidence against the forwarder
/// only; so does kTurnedAway, which is evidence against nobody.
enum class DialOutcome : std::uint8_t {
  kAnswered,
  kRefused,
  kReset,
  kTimedOut,
  kUnreachable,
  kTurnedAway
};

class Membership {
 public:
  // --- origins
  Effects origin_registered(const RegisteredOrigin& origin, MonotonicTime now);
  void origin_removed(const OriginId& origin);
  /// The store has this incarnation in its dead set, by whosever verdict.
  Effects origin_declared_dead(const OriginId& origin, const IncarnationId& incarnation,
                               MonotonicTime now);

  // --- agents
  /// A hello: `origins` is complete. Gives an AdmitWanted for each that runs.
  Effects agent_attached(const AgentId& agent, const std::vector<SeenOrigin>& origins,
                         MonotonicTime now);
  /// A sighting after the hello.
  Effects origin_seen(const AgentId& agent, const SeenOrigin& origin, MonotonicTime now);
  /// The agent does not watch it any more, and is well.
  Effects origin_forgotten(const AgentId& agent, const OriginId& origin, MonotonicTime now);
  /// Another origin is served where this one was, which nobody reports.
  Effects origin_replaced(const OriginId& origin, MonotonicTime now);
  /// Any message on the agent's stream, before what it says is given to the calls below.
  Effects agent_message(const AgentId& agent, MonotonicTime now);
  /// Who has its stream heard nothing from it for kSilence.
  Effects agent_silent(const AgentId& agent, MonotonicTime now);
  /// The stream of the agent's newest attach ended.
  Effects agent_detached(const AgentId& agent, MonotonicTime now);
  /// `reason` is kProcessGone or kProbesFailed.
  Effects agent_verdict(const OriginId& origin, const IncarnationId& incarnation, Reason reason,
                        Duration evidence_age, MonotonicTime now);

  // --- probes of this replica (ProbeWanted)
  Effects probe_result(const OriginId& origin, ProbeOutcome outcome, MonotonicTime now);

  // --- forwarders
  void forwarder_attached(const ForwarderId& forwarder);
  Effects forwarder_detached(const ForwarderId& forwarder, MonotonicTime now);
  /// It had bytes from these incarnations in the last 2 s.
  void forwarder_active(const ForwarderId& forwarder,
                        const std::vector<IncarnationId>& incarnations, MonotonicTime now);
  Effects dial_result(const ForwarderId& forwarder, const IncarnationId& incarnation,
                      DialOutcome outcome, MonotonicTime now);

  // --- time
  std::optional<MonotonicTime> next_deadline() const;
  Effects tick(MonotonicTime now);

  // --- reading
  struct Status {
    IncarnationId incarnation;
    AgentId agent;
    model::OriginState state = model::OriginState::kSuspect;
    Reason reason = Reason::kNone;
  };
  std::optional<Status> status(const OriginId& origin) const;
  /// Share of recent dials that failed, 0..1, of any forwarder.
  double error_rate(const OriginId& origin, MonotonicTime now) const;
  /// Incarnations that this forwarder cannot reach for now.
  std::vector<IncarnationId> penalized(const ForwarderId& forwarder, MonotonicTime now) const;
  std::vector<ForwarderId> penalized_forwarders(const OriginId& origin, MonotonicTime now) const;
  bool verdicts_frozen() const { return guard_.frozen(); }

 private:
  struct AgentFacts {
    bool attached = false;
    bool silent = false;
    bool timer_armed = false;
    MonotonicTime last_message{};
    std::set<OriginId> origins;
  };
  enum class TimerKind : std::uint8_t {
    kAgentSilence,
    kMissing,
    kProbe,
    kDialRecheck,
    kReturn,
    kPairEnd,
    kPairForgotten,
    kThaw
  };
  /// A timer is never cancelled: when due, it is compared with what its subject says now.
  struct Timer {
    MonotonicTime at{};
    TimerKind kind = TimerKind::kProbe;
    std::string subject;
    ForwarderId forwarder;
    auto operator<=>(const Timer&) const = default;
  };
  using Origins = std::map<OriginId, OriginFacts>;

  void notice_stall(MonotonicTime now);
  void arm(MonotonicTime at, TimerKind kind, std::string subject, ForwarderId forwarder = {});
  void fire(const Timer& timer, MonotonicTime now, Effects& effects);
  void silence(AgentFacts& agent, MonotonicTime now, Effects& effects);
  void fire_agent_silence(const AgentId& agent, MonotonicTime now, Effects& effects);
  void fire_missing(const OriginId& id, MonotonicTime now, Effects& effects);
  void fire_thaw(MonotonicTime now, Effects& effects);

  void see(const AgentId& agent, const SeenOrigin& seen, MonotonicTime now, Effects& effects);
  void admit_or_wait(const OriginId& id, OriginFacts& origin, MonotonicTime now, Effects& effects);
  void start_probing(const OriginId& id, OriginFacts& origin, MonotonicTime now);
  bool probes_tell(const OriginFacts& origin) const;
  void answered(const OriginId& id, OriginFacts& origin, MonotonicTime now, Effects& effects);
  void pair_failed(const ForwarderId& forwarder, const OriginId& id, MonotonicTime now,
                   Effects& effects);
  void weigh_dials(const OriginId& id, OriginFacts& origin, MonotonicTime now, Effects& effects);
  bool observed(const OriginFacts& origin, MonotonicTime now) const;

  std::pair<model::OriginState, Reason> assess(const OriginFacts& origin) const;
  void update(const OriginId& id, OriginFacts& origin, Effects& effects);
  void change(const OriginId& id, OriginFacts& origin, model::OriginState to, Reason reason,
              Effects& effects);
  void set_probes_failed(OriginFacts& origin, std::uint32_t count);
  void convict(const OriginId& id, OriginFacts& origin, Reason reason, Duration age,
               MonotonicTime now, Effects& effects);
  void execute(const OriginId& id, OriginFacts& origin, Reason reason, Duration age,
               MonotonicTime now, Effects& effects);
  void bury(const OriginId& id, OriginFacts& origin, Reason reason, MonotonicTime now,
            Effects& effects);
  void refute(const OriginId& id, OriginFacts& origin);
  void hand_over(const OriginId& id, OriginFacts& origin, const AgentId& agent);

  Origins origins_;
  std::unordered_map<IncarnationId, OriginId> by_incarnation_;
  std::map<AgentId, AgentFacts> agents_;
  std::set<ForwarderId> forwarders_;
  PairPenalties penalties_;
  ExpiryGuard guard_;
  std::set<OriginId> held_;  ///< origins with a held verdict
  std::size_t alive_ = 0;    ///< in state kAlive
  std::size_t dead_ = 0;     ///< in state kDead
  std::size_t doubted_ = 0;  ///< one failed probe from a verdict, or past it
  std::set<Timer> timers_;
  std::optional<MonotonicTime> woke_;  ///< end of the last time this process slept
};

}  // namespace weir::membership
