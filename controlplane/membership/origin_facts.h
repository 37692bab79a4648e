#pragma once
// What Membership remembers of one origin, and the rules that need nothing else.
// Threading: plain values. Lifetime: owned by Membership.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "controlplane/membership/effects.h"
#include "controlplane/model/origin.h"

namespace weir::membership {

/// Dials of late, fading with kErrorHalfLife.
class ErrorRate {
 public:
  void add(bool failed, MonotonicTime now);
  /// 0..1. A single failure counts for nothing: it may be the path of one forwarder.
  double value(MonotonicTime now) const;

 private:
  double faded(MonotonicTime now) const;

  double dials_ = 0;
  double failures_ = 0;
  MonotonicTime time_{};
};

/// How fast an origin that keeps dying is taken back.
class ReturnBackoff {
 public:
  void died(MonotonicTime now);
  MonotonicTime return_time() const { return return_time_; }

 private:
  std::uint32_t deaths_ = 0;
  std::optional<MonotonicTime> last_;
  MonotonicTime return_time_{};
};

/// A verdict that the guard holds back.
struct HeldVerdict {
  Reason reason = Reason::kProbesFailed;
  MonotonicTime evidence_time{};
};

struct OriginFacts {
  IncarnationId incarnation;
  AgentId agent;  ///< empty = probed by this replica
  model::OriginState state = model::OriginState::kSuspect;
  Reason reason = Reason::kNotProbedYet;

  // As its agent sees it.
  bool present = true;
  bool running = true;
  bool probe_answered = false;
  bool probe_seen = false;     ///< probe_answered says something
  bool admit_waiting = false;  ///< seen after a death; admitted when the return backoff allows
  std::optional<MonotonicTime> admit_time;  ///< last AdmitWanted after a death

  // Probes of this replica.
  bool left_by_agent = false;  ///< it had one, which does not report on it any more
  std::optional<MonotonicTime> next_probe;
  MonotonicTime probe_sent{};
  std::optional<MonotonicTime> answer_time;  ///< last probe or dial with a protocol answer
  std::uint32_t probes_failed = 0;           ///< in a row

  // Forwarders.
  std::map<ForwarderId, MonotonicTime> failed_dials;  ///< newest of each; at most one per forwarder
  std::optional<MonotonicTime> bytes_time;            ///< last news of bytes from this incarnation
  ErrorRate errors;

  std::optional<HeldVerdict> held;
  ReturnBackoff backoff;

  bool probed_here() const { return agent.empty(); }
  bool dead() const { return state == model::OriginState::kDead; }
  /// A new life: everything that was said about the old one is void.
  void begin_life(const IncarnationId& next);
};

}  // namespace weir::membership
