#include "dataplane/app/logging_resolver.h"

#include <chrono>
#include <string_view>
#include <utility>
#include <variant>

namespace weir::forwarder {
namespace {

using routing::ContactOutcome;
using routing::SessionInfo;

std::int64_t in_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string_view name_of(ContactOutcome outcome) {
  switch (outcome) {
    case ContactOutcome::kAnswered:
      return "answered";
    case ContactOutcome::kRefused:
      return "refused";
    case ContactOutcome::kReset:
      return "reset";
    case ContactOutcome::kTimedOut:
      return "timed out";
    case ContactOutcome::kUnreachable:
      return "unreachable";
    case ContactOutcome::kTurnedAway:
      return "accepted and closed at once (no room?)";
  }
  return "?";
}

void log_answer(const log::Logger& log, const routing::AcquireAnswer& answer) {
  if (const auto* acquired = std::get_if<routing::Acquired>(&answer)) {
    log.info("placed on {} ({}), epoch {}{}", acquired->route.origin.str(),
             acquired->route.incarnation.str(), format_as(acquired->route.epoch),
             acquired->after_takeover ? ", after a takeover" : "");
  } else if (const auto* held = std::get_if<routing::Held>(&answer)) {
    log.info("refused: held by {}", held->holder.empty() ? "another publisher" : held->holder);
  } else if (const auto* later = std::get_if<routing::RetryLater>(&answer)) {
    log.debug("no placement now: {}; again in {} ms", later->reason, in_ms(later->retry_after));
  } else if (const auto* rejected = std::get_if<routing::Rejected>(&answer)) {
    log.info("refused: {}", rejected->reason);
  }
}

}  // namespace

void LoggingResolver::session_started(const SessionInfo& info, routing::SessionControl& control) {
  states_.emplace(info.id, info.state);
  log_.with("session", info.id.str())
      .with("stream", info.stream.str())
      .info("{} from {} ({})", info.intent == routing::Intent::kPublish ? "publish" : "play",
            info.client_address, info.client_agent.empty() ? "unnamed" : info.client_agent);
  inner_.session_started(info, control);
}

void LoggingResolver::session_changed(const SessionInfo& info) {
  const auto it = states_.find(info.id);
  if (it != states_.end() && it->second != info.state) {
    it->second = info.state;
    if (info.state == SessionInfo::State::kActive)
      log_.with("session", info.id.str())
          .with("stream", info.stream.str())
          .info("active on {} ({}), epoch {}", info.origin.str(), info.incarnation.str(),
                format_as(info.epoch));
  }
  inner_.session_changed(info);
}

void LoggingResolver::session_ended(const SessionId& id, std::string reason) {
  if (states_.erase(id) != 0) log_.with("session", id.str()).info("ended: {}", reason);
  inner_.session_ended(id, std::move(reason));
}

void LoggingResolver::acquire(routing::AcquireRequest request,
                              Callback<void(routing::AcquireAnswer)> answer) {
  const log::Logger log =
      log_.with("session", request.session.str()).with("stream", request.stream.str());
  if (request.failed)
    log.info("asks again: {} {}", request.failed->incarnation.str(),
             request.failed->outcome == ContactOutcome::kAnswered
                 ? "stayed busy"
                 : name_of(request.failed->outcome));
  inner_.acquire(std::move(request),
                 [log, answer = std::move(answer)](routing::AcquireAnswer result) mutable {
                   log_answer(log, result);
                   answer(std::move(result));
                 });
}

void LoggingResolver::report_dial(const IncarnationId& incarnation, ContactOutcome outcome,
                                  Duration dial_time) {
  if (outcome != ContactOutcome::kAnswered)
    log_.with("incarnation", incarnation.str())
        .warning("dial {} after {} ms", name_of(outcome), in_ms(dial_time));
  inner_.report_dial(incarnation, outcome, dial_time);
}

}  // namespace weir::forwarder
