#pragma once
// What the liveness rules want done: the outputs of Membership.
// Threading: plain values. Lifetime: self-contained.

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/model/origin.h"

namespace weir::membership {

/// Why an origin is in its state. Names (UPPER_SNAKE) are listed in docs/operations/events.md.
enum class Reason : std::uint8_t {
  kNone,               ///< alive
  kNotProbedYet,       ///< suspect: static, or its agent's first probe has not been answered
  kAgentSilent,        ///< suspect: 2 s without a message
  kAgentDetached,      ///< suspect: the agent's stream broke
  kMissing,            ///< suspect: its agent attached without it
  kProbeFailed,        ///< suspect: a probe was not answered
  kVerdictsFrozen,     ///< suspect: would be dead, but the mass-expiry guard holds verdicts back
  kProcessGone,        ///< dead: the agent saw the process exit
  kProbesFailed,       ///< dead: three probes in a row
  kDialsFailed,        ///< dead: forwarders could not dial it while its agent was silent
  kReplaced,           ///< dead: another process serves under its id
  kDeclaredElsewhere,  ///< dead: by the verdict of another replica
};
/// "PROCESS_GONE"; empty for kNone.
std::string_view to_string(Reason reason);

/// The state, or only its reason or its incarnation (then from = to), changed.
struct StateChanged {
  OriginId origin;
  IncarnationId incarnation;
  model::OriginState from = model::OriginState::kSuspect;
  model::OriginState to = model::OriginState::kSuspect;
  Reason reason = Reason::kNone;
};

/// Ask the store to declare it dead. A StateChanged to kDead comes with it (except for kReplaced,
/// where the origin itself lives on).
struct DeclareDead {
  OriginId origin;
  IncarnationId incarnation;
  Reason reason = Reason::kProcessGone;
  Duration evidence_age{};
};

/// Probe it now, with kProbeDeadline, and call probe_result.
struct ProbeWanted {
  OriginId origin;
};

/// Register the process that runs there with the store (upsert_origin), then call
/// origin_registered. Agents' origins: on each sighting, delayed by the return backoff after a
/// death. Static ones: when a dead one answers again.
struct AdmitWanted {
  OriginId origin;
};

/// The forwarder's route table or penalised list changed: it cannot reach the origin until `until`.
struct PairPenalized {
  ForwarderId forwarder;
  OriginId origin;
  MonotonicTime until{};
};
/// Expired, or a dial succeeded.
struct PairLifted {
  ForwarderId forwarder;
  OriginId origin;
};

/// Verdicts from observation are held back: more would die at once than an observer can be trusted
/// on.
struct GuardFrozen {
  std::size_t dying = 0;
  std::size_t origins = 0;
};
struct GuardThawed {
  std::size_t executed = 0;  ///< held verdicts that nothing has refuted: carried out now
};

using Effect = std::variant<StateChanged, DeclareDead, ProbeWanted, AdmitWanted, PairPenalized,
                            PairLifted, GuardFrozen, GuardThawed>;
using Effects = std::vector<Effect>;

}  // namespace weir::membership
