#include "controlplane/core/takeover.h"

#include <algorithm>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {

using Evidence = store::Takeover::Evidence;

Takeover::Takeover(Context& context, SessionDesk& desk) : context_(context), desk_(desk) {}

void Takeover::decide(const model::Placement& held, MonotonicTime held_at, Decided done) {
  const auto* holder = std::get_if<model::SessionHolder>(&held.holder);
  // Nobody can be asked about a direct publisher; every rule is `reject` against it.
  if (holder == nullptr) return done(std::nullopt);
  if (context_.options.second_publisher == SecondPublisher::kTakeover) {
    return done(store::Takeover{held.epoch, Evidence::kPolicy, held_at});
  }
  const auto where = desk_.where(holder->forwarder);
  if (where == SessionDesk::Where::kNowhere) {
    // Nobody could renew it meanwhile: a healthy publisher counts as busy until it is back.
    if (desk_.may_be_moving(holder->forwarder)) return done(std::nullopt);
    // The store reads the renewal itself: while it lives the answer is no.
    return done(store::Takeover{held.epoch, Evidence::kRenewalGone, held_at});
  }
  const bool elsewhere = where == SessionDesk::Where::kElsewhere;
  desk_.ask(holder->forwarder, {holder->session},
            [this, forwarder = holder->forwarder, session = holder->session, epoch = held.epoch,
             held_at, elsewhere, done = std::move(done)](const Forwarders::Facts& facts) mutable {
              // The replica that should answer may be gone, and the forwarder with it.
              if (!facts && elsewhere) {
                if (desk_.may_be_moving(forwarder)) return done(std::nullopt);
                return done(store::Takeover{epoch, Evidence::kRenewalGone, held_at});
              }
              const auto evidence = judge(session, facts);
              if (!evidence) return done(std::nullopt);
              done(store::Takeover{epoch, *evidence, held_at});
            });
}

std::optional<Evidence> Takeover::judge(const SessionId& session,
                                        const Forwarders::Facts& facts) const {
  if (!facts) return std::nullopt;  // no answer counts as busy
  const auto fact = std::find_if(facts->begin(), facts->end(),
                                 [&](const SessionFacts& f) { return f.session == session; });
  // Whatever the policy: a session that its forwarder does not know holds nothing.
  if (fact == facts->end()) return Evidence::kUnknown;
  if (context_.options.second_publisher == SecondPublisher::kReject) return std::nullopt;
  if (fact->waiting) return std::nullopt;
  if (fact->media_idle) {
    return *fact->media_idle >= kMediaIdle ? std::optional(Evidence::kIdle) : std::nullopt;
  }
  // Never any media: its silence counts from when the origin accepted it.
  const bool idle = fact->active_for && *fact->active_for >= kMediaIdle;
  return idle ? std::optional(Evidence::kIdle) : std::nullopt;
}

void Takeover::close(const model::Placement& displaced, Callback<void()> done) {
  const auto* holder = std::get_if<model::SessionHolder>(&displaced.holder);
  if (holder == nullptr) return done();
  desk_.close_session(holder->forwarder, holder->session, CloseReason::kTakenOver, std::move(done));
}

}  // namespace weir::core
