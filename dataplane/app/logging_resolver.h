#pragma once
// LoggingResolver: the log lines of a session's life, around the resolver that does the work.
//
// Purpose: relay and routing are pure and do not log; every fact worth a line passes this seam,
// with session and stream ids. Queries never get here: a stream key has none. Threading: as
// RouteResolver: one worker. Lifetime: the inner resolver outlives it.

#include <memory>
#include <string>
#include <unordered_map>

#include "common/telemetry/log.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::forwarder {

class LoggingResolver final : public routing::RouteResolver {
 public:
  explicit LoggingResolver(routing::RouteResolver& inner) : inner_(inner) {}

  void session_started(const routing::SessionInfo& info, routing::SessionControl& control) override;
  void session_changed(const routing::SessionInfo& info) override;
  void session_ended(const SessionId& id, std::string reason) override;
  void acquire(routing::AcquireRequest request,
               Callback<void(routing::AcquireAnswer)> answer) override;
  std::unique_ptr<routing::Subscription> watch(
      const StreamKey& stream, routing::Intent intent,
      Callback<void(const routing::RouteUpdate&)> on_update) override {
    return inner_.watch(stream, intent, std::move(on_update));
  }
  void report_dial(const IncarnationId& incarnation, routing::ContactOutcome outcome,
                   Duration dial_time) override;
  void note_bytes_from(const IncarnationId& incarnation) override {
    inner_.note_bytes_from(incarnation);
  }
  const VhostRules& vhosts() const override { return inner_.vhosts(); }
  routing::DialGate& dial_gate() override { return inner_.dial_gate(); }

 private:
  routing::RouteResolver& inner_;
  const log::Logger log_{"session"};
  /// State last told of each session, so that a change is logged once.
  std::unordered_map<SessionId, routing::SessionInfo::State> states_;
};

}  // namespace weir::forwarder
