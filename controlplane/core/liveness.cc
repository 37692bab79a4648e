#include "controlplane/core/liveness.h"

#include <algorithm>
#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/membership/limits.h"

namespace weir::core {
namespace {

std::string origin_name(const OriginId& origin) {
  return "origins/" + origin.str();
}

membership::DialOutcome translate(ContactOutcome outcome) {
  switch (outcome) {
    case ContactOutcome::kAnswered:
      return membership::DialOutcome::kAnswered;
    case ContactOutcome::kRefused:
      return membership::DialOutcome::kRefused;
    case ContactOutcome::kReset:
      return membership::DialOutcome::kReset;
    case ContactOutcome::kTimedOut:
      return membership::DialOutcome::kTimedOut;
    case ContactOutcome::kUnreachable:
      return membership::DialOutcome::kUnreachable;
    case ContactOutcome::kTurnedAway:
      return membership::DialOutcome::kTurnedAway;
  }
  WEIR_UNREACHABLE("contact outcome");
}

}  // namespace

Liveness::Liveness(Context& context, ClusterView& view, Generation& generation, EventRing& events,
                   OriginBoard& board)
    : context_(context), view_(view), generation_(generation), events_(events), board_(board) {
  // A record that appears (or changes incarnation) starts as the rules see it, not as alive.
  view_.on_origin([this](const ClusterView::OriginChange& change) {
    if (!change.after) {
      rules_.origin_removed(change.origin);
      was_up_.erase(change.origin);
    } else if (change.after->dead) {
      tell([&](membership::Membership& rules) {
        return rules.origin_declared_dead(change.origin, change.after->incarnation,
                                          context_.clock.now());
      });
    } else {
      const auto status = rules_.status(change.origin);
      if (status && status->incarnation == change.after->incarnation) {
        board_.set_state(change.origin, status->state);
      }
    }
    if (on_table_changed) on_table_changed();
  });
}

void Liveness::dialled(const ForwarderId& forwarder, const IncarnationId& incarnation,
                       ContactOutcome outcome) {
  dialled_elsewhere(forwarder, incarnation, outcome);
  if (on_dial) on_dial(forwarder, incarnation, outcome);
}

void Liveness::dialled_elsewhere(const ForwarderId& forwarder, const IncarnationId& incarnation,
                                 ContactOutcome outcome) {
  tell([&](membership::Membership& rules) {
    return rules.dial_result(forwarder, incarnation, translate(outcome), context_.clock.now());
  });
  if (const auto* record = view_.origin_of(incarnation)) {
    const OriginId& id = record->description.id;
    board_.set_error_rate(id, rules_.error_rate(id, context_.clock.now()));
  }
}

void Liveness::tick() {
  for (const auto& origin : board_.views()) {
    if (origin.error_rate == 0) continue;
    const OriginId id = origin.description->id;
    board_.set_error_rate(id, rules_.error_rate(id, context_.clock.now()));
  }
}

void Liveness::carry_out(membership::Effects effects) {
  for (auto& effect : effects) {
    if (auto* state = std::get_if<membership::StateChanged>(&effect)) {
      state_changed(*state);
    } else if (auto* verdict = std::get_if<membership::DeclareDead>(&effect)) {
      declare_dead(*verdict);
    } else if (auto* probe_wanted = std::get_if<membership::ProbeWanted>(&effect)) {
      probe(probe_wanted->origin);
    } else if (auto* wanted = std::get_if<membership::AdmitWanted>(&effect)) {
      if (admit) admit(wanted->origin);
    } else if (auto* pair = std::get_if<membership::PairPenalized>(&effect)) {
      pair_event(*pair);
    } else if (auto* lifted = std::get_if<membership::PairLifted>(&effect)) {
      events_.add("PAIR_LIFTED", Severity::kInfo, origin_name(lifted->origin),
                  fmt::format("forwarder {} may dial it again", lifted->forwarder.str()),
                  {{"forwarder", lifted->forwarder.str()}});
    } else if (auto* frozen = std::get_if<membership::GuardFrozen>(&effect)) {
      events_.add("VERDICTS_FROZEN", Severity::kError, "cluster",
                  fmt::format("{} of {} origins would die at once: the fault may be here, so "
                              "verdicts wait",
                              frozen->dying, frozen->origins));
    } else if (auto* thawed = std::get_if<membership::GuardThawed>(&effect)) {
      events_.add(
          "VERDICTS_THAWED", Severity::kWarning, "cluster",
          fmt::format("{} verdicts that nothing refuted are carried out", thawed->executed));
    }
  }
  rearm();
}

void Liveness::rearm() {
  const auto next = rules_.next_deadline();
  if (next == armed_for_) return;
  context_.executor.cancel(timer_);
  armed_for_ = next;
  if (!next) return;
  const Duration delay = std::max(*next - context_.clock.now(), Duration::zero());
  timer_ = context_.executor.run_after(delay, [this] { run_timer(); });
}

void Liveness::run_timer() {
  armed_for_.reset();
  carry_out(rules_.tick(context_.clock.now()));
}

void Liveness::state_changed(const membership::StateChanged& change) {
  board_.set_state(change.origin, change.to);
  if (on_table_changed) on_table_changed();
  EventRing::Attributes attributes{{"incarnation", change.incarnation.str()}};
  if (change.reason != membership::Reason::kNone) {
    attributes.emplace("reason", membership::to_string(change.reason));
  }
  const auto subject = origin_name(change.origin);
  switch (change.to) {
    case model::OriginState::kAlive: {
      auto& up = was_up_[change.origin];
      const bool recovered = std::exchange(up, change.incarnation) == change.incarnation;
      return events_.add(recovered ? "ORIGIN_RECOVERED" : "ORIGIN_UP", Severity::kInfo, subject,
                         "it takes new placements", attributes);
    }
    case model::OriginState::kSuspect:
      return events_.add(
          "ORIGIN_SUSPECT", Severity::kWarning, subject,
          fmt::format("no new placements there: {}", membership::to_string(change.reason)),
          attributes);
    case model::OriginState::kDead:
      return events_.add("ORIGIN_DOWN", Severity::kError, subject,
                         fmt::format("declared dead: {}", membership::to_string(change.reason)),
                         attributes);
  }
}

void Liveness::declare_dead(const membership::DeclareDead& verdict) {
  store::DeathEvidence evidence{verdict.incarnation,
                                std::string(membership::to_string(verdict.reason)),
                                verdict.evidence_age};
  const membership::DeclareDead again = verdict;
  context_.store.declare_dead(std::move(evidence), view_.caller(),
                              [this, again](store::Reply<bool> reply) {
                                const auto* error = std::get_if<store::StoreError>(&reply);
                                if (error == nullptr) {
                                  if (!std::get<bool>(reply)) declare_refused(again);
                                  return;
                                }
                                generation_.note(*error);
                                // A verdict is never taken back, so it is repeated until the store
                                // has it; its evidence grows older meanwhile.
                                context_.executor.run_after(kStoreRetryInterval, [this, again] {
                                  auto later = again;
                                  later.evidence_age += kStoreRetryInterval;
                                  declare_dead(later);
                                });
                              });
}

void Liveness::declare_refused(const membership::DeclareDead& verdict) {
  // The evidence names this life of the origin, so only two clocks disagree on when it began.
  if (verdict.evidence_age <= Duration::zero() || !view_.origin_of(verdict.incarnation)) return;
  auto again = verdict;
  again.evidence_age = Duration::zero();
  declare_dead(again);
}

void Liveness::probed_elsewhere(const OriginId& origin, ContactOutcome outcome) {
  if (!cares_here(origin)) take_probe(origin, outcome);
}

void Liveness::take_probe(const OriginId& origin, ContactOutcome outcome) {
  const auto result = outcome == ContactOutcome::kAnswered ? membership::ProbeOutcome::kAnswered
                      : outcome == ContactOutcome::kTurnedAway
                          ? membership::ProbeOutcome::kTurnedAway
                          : membership::ProbeOutcome::kFailed;
  tell([&](membership::Membership& rules) {
    return rules.probe_result(origin, result, context_.clock.now());
  });
}

void Liveness::probe(const OriginId& origin) {
  if (!cares_here(origin)) return;
  const auto* record = view_.origin(origin);
  const model::Endpoint* endpoint = nullptr;
  if (record != nullptr) {
    for (const auto& candidate : record->description.endpoints) {
      if (candidate.protocol != model::Protocol::kRtmp) continue;
      endpoint = &candidate;
      break;
    }
  }
  const auto answer = [this, origin](ContactOutcome outcome) {
    take_probe(origin, outcome);
    if (on_probe) on_probe(origin, outcome);
  };
  if (endpoint == nullptr) {
    // Nothing to probe is told like an unanswered probe, later, as every probe is.
    context_.executor.post([answer] { answer(ContactOutcome::kUnreachable); });
    return;
  }
  context_.prober.probe(*endpoint, membership::kProbeDeadline, answer);
}

void Liveness::pair_event(const membership::PairPenalized& pair) {
  events_.add("PAIR_PENALIZED", Severity::kWarning, origin_name(pair.origin),
              fmt::format("forwarder {} cannot dial it", pair.forwarder.str()),
              {{"forwarder", pair.forwarder.str()}});
}

}  // namespace weir::core
