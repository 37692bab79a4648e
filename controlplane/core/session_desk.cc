#include "controlplane/core/session_desk.h"

#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {

SessionDesk::SessionDesk(Context& context, Forwarders& forwarders, const SessionTable& sessions,
                         const Replicas& replicas, Mailroom& mailroom)
    : context_(context),
      forwarders_(forwarders),
      sessions_(sessions),
      replicas_(replicas),
      mailroom_(mailroom) {}

SessionDesk::Where SessionDesk::where(const ForwarderId& forwarder) const {
  if (forwarders_.attached(forwarder)) return Where::kHere;
  return replicas_.where(forwarder) != nullptr ? Where::kElsewhere : Where::kNowhere;
}

void SessionDesk::ask_here(const ForwarderId& forwarder, std::vector<SessionId> sessions,
                           Callback<void(Forwarders::Facts)> done) {
  forwarders_.ask(forwarder, std::move(sessions),
                  [this, done = std::move(done)](Forwarders::Facts facts) mutable {
                    if (!facts) return done(std::nullopt);
                    for (SessionFacts& fact : *facts) {
                      const auto* entry = sessions_.find(fact.session);
                      if (entry == nullptr || !entry->active_since) continue;
                      fact.active_for = context_.clock.now() - *entry->active_since;
                    }
                    done(std::move(facts));
                  });
}

void SessionDesk::ask(const ForwarderId& forwarder, std::vector<SessionId> sessions,
                      Callback<void(Forwarders::Facts)> done) {
  if (where(forwarder) != Where::kElsewhere) {
    return ask_here(forwarder, std::move(sessions), std::move(done));
  }
  mailroom_.ask({store::Mailbox::Kind::kForwarder, forwarder.str()},
                AskSessions{forwarder, std::move(sessions)}, kSessionQueryTimeout,
                [done = std::move(done)](std::optional<Mailroom::Body> body) mutable {
                  auto* known = body ? std::get_if<SessionsKnown>(&*body) : nullptr;
                  if (known == nullptr || !known->answered) return done(std::nullopt);
                  done(std::move(known->sessions));
                });
}

void SessionDesk::close_session(const ForwarderId& forwarder, const SessionId& session,
                                CloseReason reason, Callback<void()> done) {
  if (where(forwarder) != Where::kElsewhere) {
    return close_here(forwarder, session, reason,
                      [done = std::move(done)](bool) mutable { done(); });
  }
  mailroom_.ask({store::Mailbox::Kind::kForwarder, forwarder.str()},
                CloseRemote{forwarder, session, reason}, kCloseAnswerTimeout,
                [done = std::move(done)](const std::optional<Mailroom::Body>&) mutable { done(); });
}

void SessionDesk::close_here(const ForwarderId& forwarder, const SessionId& session,
                             CloseReason reason, Callback<void(bool)> done) {
  forwarders_.close_session(forwarder, session, reason, std::move(done));
}

void SessionDesk::answer(const AskSessions& question, Callback<void(Mailroom::Body)> respond) {
  ask_here(question.forwarder, question.sessions,
           [respond = std::move(respond)](Forwarders::Facts facts) mutable {
             SessionsKnown known;
             known.answered = facts.has_value();
             if (facts) known.sessions = std::move(*facts);
             respond(std::move(known));
           });
}

void SessionDesk::answer(const CloseRemote& question, Callback<void(Mailroom::Body)> respond) {
  close_here(question.forwarder, question.session, question.reason,
             [respond = std::move(respond)](bool) mutable { respond(RemoteClosed{}); });
}

}  // namespace weir::core
