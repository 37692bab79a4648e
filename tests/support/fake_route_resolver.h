#pragma once
// FakeRouteResolver: a RouteResolver whose answers a test gives by hand.
//
// Nothing is answered inside a call: acquire() is left open until answer(), watch() delivers at the
// next deliver(), as the seam promises.
// Threading: one thread. Lifetime: outlives the sessions under test.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/routing/dial_gate.h"
#include "dataplane/routing/route_resolver.h"

namespace weir::test {

/// A route to one origin; the incarnation is "<origin>-1" unless given.
routing::Route make_route(const std::string& origin, std::uint64_t epoch_counter,
                          const std::string& holder_session = {},
                          const std::string& incarnation = {});

class FakeRouteResolver final : public routing::RouteResolver {
 public:
  struct Session {
    routing::SessionInfo info;
    std::vector<routing::SessionInfo::State> states;
    routing::SessionControl* control = nullptr;  ///< null once ended
    std::optional<std::string> ended;
  };
  struct DialReport {
    IncarnationId incarnation;
    routing::ContactOutcome outcome;
    Duration dial_time;
  };

  ~FakeRouteResolver() override;

  void session_started(const routing::SessionInfo& info, routing::SessionControl& control) override;
  void session_changed(const routing::SessionInfo& info) override;
  void session_ended(const SessionId& id, std::string reason) override;
  void acquire(routing::AcquireRequest request,
               Callback<void(routing::AcquireAnswer)> answer) override;
  std::unique_ptr<routing::Subscription> watch(
      const StreamKey& stream, routing::Intent intent,
      Callback<void(const routing::RouteUpdate&)> on_update) override;
  void report_dial(const IncarnationId& incarnation, routing::ContactOutcome outcome,
                   Duration dial_time) override;
  void note_bytes_from(const IncarnationId& incarnation) override;
  const VhostRules& vhosts() const override { return vhosts_; }
  routing::DialGate& dial_gate() override { return dial_gate_; }

  /// Answers the oldest open acquire.
  void answer(routing::AcquireAnswer answer);
  bool acquire_open() const { return !open_.empty(); }
  /// Changes the route of a stream; watchers hear of it at once.
  void place(const StreamKey& stream, routing::Route route);
  void unplace(const StreamKey& stream);
  /// Tells new watchers the present route.
  void deliver();
  /// As without a control plane: new watchers hear nothing.
  void fall_silent() { silent_ = true; }
  void set_vhosts(VhostRules rules) { vhosts_ = std::move(rules); }

  const std::map<SessionId, Session>& sessions() const { return sessions_; }
  Session& only_session();
  /// All acquire requests so far, answered or not.
  const std::vector<routing::AcquireRequest>& requests() const { return requests_; }
  const std::vector<DialReport>& dials() const { return dials_; }
  const std::vector<IncarnationId>& noted() const { return noted_; }
  std::size_t watchers() const;

 private:
  struct Watcher {
    StreamKey stream;
    Callback<void(const routing::RouteUpdate&)> on_update;
    bool dropped = false;
    bool told = false;
  };
  class WatcherHandle;
  void tell(Watcher& watcher);

  std::map<SessionId, Session> sessions_;
  std::deque<std::pair<SessionId, Callback<void(routing::AcquireAnswer)>>> open_;
  std::vector<routing::AcquireRequest> requests_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  std::map<StreamKey, routing::Route> routes_;
  std::vector<DialReport> dials_;
  std::vector<IncarnationId> noted_;
  VhostRules vhosts_;
  routing::DialGate dial_gate_;
  std::uint64_t revision_ = 0;
  bool silent_ = false;
};

}  // namespace weir::test
