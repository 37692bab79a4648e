#pragma once
// SessionDesk: questions and orders about client sessions, to wherever their forwarder is attached.
//
// Purpose: hides whether a forwarder has its attach stream here or at another replica; and answers
// for the forwarders that are here. Threading: the core's thread. Lifetime: as the core.

#include <vector>

#include "controlplane/core/context.h"
#include "controlplane/core/forwarders.h"
#include "controlplane/core/mailroom.h"
#include "controlplane/core/replicas.h"
#include "controlplane/core/session_table.h"

namespace weir::core {

class SessionDesk {
 public:
  enum class Where { kHere, kElsewhere, kNowhere };

  SessionDesk(Context& context, Forwarders& forwarders, const SessionTable& sessions,
              const Replicas& replicas, Mailroom& mailroom);

  Where where(const ForwarderId& forwarder) const;
  /// To this replica or to another one.
  bool attached(const ForwarderId& forwarder) const { return where(forwarder) != Where::kNowhere; }

  /// Within kSessionQueryTimeout. `active_for` is filled in.
  void ask(const ForwarderId& forwarder, std::vector<SessionId> sessions,
           Callback<void(Forwarders::Facts)> done);
  /// Completes when the leg at the origin is closed, or after kCloseAnswerTimeout.
  /// Its replica was lost or stale lately: that it does not answer, or is not renewed, says
  /// nothing.
  bool may_be_moving(const ForwarderId& forwarder) const {
    return replicas_.may_be_moving(forwarder);
  }
  void close_session(const ForwarderId& forwarder, const SessionId& session, CloseReason reason,
                     Callback<void()> done);
  /// Of a forwarder that is attached here; false: it did not answer.
  void close_here(const ForwarderId& forwarder, const SessionId& session, CloseReason reason,
                  Callback<void(bool)> done);

  /// A question of another replica about a forwarder that is here.
  void answer(const AskSessions& question, Callback<void(Mailroom::Body)> respond);
  void answer(const CloseRemote& question, Callback<void(Mailroom::Body)> respond);

 private:
  void ask_here(const ForwarderId& forwarder, std::vector<SessionId> sessions,
                Callback<void(Forwarders::Facts)> done);

  Context& context_;
  Forwarders& forwarders_;
  const SessionTable& sessions_;
  const Replicas& replicas_;
  Mailroom& mailroom_;
};

}  // namespace weir::core
