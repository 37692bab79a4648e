// OwnershipWorld: what encoders, forwarders, agents and the control plane do.

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "controlplane/store/limits.h"
#include "tests/conformance/ownership_world.h"

namespace weir::store {

using namespace std::chrono_literals;
using model::PlacementState;

/// One thing happens, somewhere.
void OwnershipWorld::act() {
  switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
      deliver_one();
      break;
    case 3:
    case 4:
      session_acts(random_.below(sessions_.size()));
      break;
    case 5:
      push();
      break;
    case 6:
      agent_acts(random_.below(origins_.size()));
      break;
    case 7:
      chance(50) ? control_plane_asks() : claim_missing();
      break;
    case 8:
      pass_time(std::chrono::milliseconds(random_.below(chance(10) ? 1000 : 150)));
      break;
    case 9:
      if (!healing_) fault();
      break;
  }
  under_test_->deliver_answers();
  raise_when_lost();
}

// ------------------------------------------------------------------- encoders and forwarders

void OwnershipWorld::session_acts(std::size_t index) {
  Session& session = sessions_[index];
  const Forwarder& forwarder = forwarders_[session.forwarder];
  switch (session.state) {
    case SessionState::kNew:
      if (!forwarder.cut) ask_to_publish(index, std::nullopt, std::nullopt);
      break;
    case SessionState::kHeld:
      second_publisher(session, index);
      break;
    case SessionState::kGiven:
      dial(session, index);
      break;
    case SessionState::kAsked:  // the RPC has a deadline
      if (chance(5)) session.state = SessionState::kNew;
      break;
    case SessionState::kLive:
      if (session.idle && chance(30)) {
        session.idle = false;
        session.media_since = now_;
      }
      break;
    case SessionState::kEnded:
      break;
  }
}

void OwnershipWorld::ask_to_publish(std::size_t index, std::optional<Takeover> takeover,
                                    std::optional<Failed> failed) {
  Session& session = sessions_[index];
  session.state = SessionState::kAsked;
  const int attempt = ++session.attempt;
  AcquireRequest request{stream_, session.holder, {}, takeover, std::move(failed), ""};
  for (std::size_t i = 0; i < origins_.size(); ++i) {
    const Origin& origin = origins_[(index + i) % origins_.size()];
    request.candidates.push_back({origin.id, origin.incarnation});
  }
  send([this, index, attempt, request] {
    store_->acquire(request, {}, [this, index, attempt, request](Reply<AcquireResult> reply) {
      note_error(reply);
      if (const auto* result = std::get_if<AcquireResult>(&reply)) check_bound(*result, request);
      send([this, index, attempt, reply = std::move(reply)] {
        Session& asker = sessions_[index];
        if (asker.state != SessionState::kAsked || asker.attempt != attempt) return;
        const auto* result = std::get_if<AcquireResult>(&reply);
        asker.state = SessionState::kNew;
        if (result == nullptr || forwarders_[asker.forwarder].cut) return;
        if (result->outcome == AcquireOutcome::kBound || result->outcome == AcquireOutcome::kSame) {
          asker.given = result->placement;
          asker.state = SessionState::kGiven;
        } else if (result->outcome == AcquireOutcome::kHeld) {
          asker.held = *result;
          asker.state = SessionState::kHeld;
        }
      });
    });
  });
}

/// The control plane asks the holder's forwarder, and decides (design 5).
void OwnershipWorld::second_publisher(Session& session, std::size_t index) {
  using Evidence = Takeover::Evidence;
  const AcquireResult held = *std::exchange(session.held, std::nullopt);
  session.state = SessionState::kNew;
  const Session* holder = session_of(held.placement->holder);
  if (holder == nullptr || forwarders_[session.forwarder].cut) return;
  std::optional<Evidence> evidence;
  if (forwarders_[holder->forwarder].cut) {
    evidence = Evidence::kRenewalGone;
  } else if (holder->state == SessionState::kEnded) {
    evidence = Evidence::kUnknown;
  } else if (!scenario_.reject && holder->state == SessionState::kLive && holder->idle) {
    evidence = Evidence::kIdle;
  } else if (chance(30)) {
    evidence = Evidence::kRenewalGone;  // a replica that cannot reach that forwarder
  }
  if (!evidence) return;
  ask_to_publish(index, Takeover{held.placement->epoch, *evidence, held.store_time}, std::nullopt);
}

void OwnershipWorld::dial(Session& session, std::size_t index) {
  const Forwarder& forwarder = forwarders_[session.forwarder];
  const Epoch epoch = session.given->epoch;
  if (forwarder.known && forwarder.known->epoch > epoch &&
      forwarder.known->holder != session.holder) {
    return end(index, true);
  }
  Origin& origin = origins_[session.given->origin == origins_[0].id ? 0 : 1];
  if (!origin.alive || origin.publisher || origin.direct) {
    if (forwarder.cut) return;
    return ask_to_publish(index, std::nullopt, Failed{session.given->incarnation, epoch});
  }
  origin.publisher = Tag{index, epoch};
  session.state = SessionState::kLive;
  session.idle = false;
  session.media_since = now_;
  send([this, held = HolderRef{stream_, session.holder, epoch}] {
    store_->confirm(held, {}, [this](Reply<Changed> reply) { note_error(reply); });
  });
}

/// Ends a session; its leg at the origin goes with it.
void OwnershipWorld::end(std::size_t index, bool say_so) {
  Session& session = sessions_[index];
  const bool had_epoch = session.given.has_value() && session.state != SessionState::kAsked;
  session.state = SessionState::kEnded;
  for (Origin& origin : origins_) {
    if (origin.publisher && origin.publisher->session == index) origin.publisher.reset();
  }
  if (!say_so) return;
  const Epoch epoch = had_epoch ? session.given->epoch : Epoch{};
  send([this, held = HolderRef{stream_, session.holder, epoch}] {
    store_->release(held, {}, [this](Reply<Changed> reply) { note_error(reply); });
  });
}

void OwnershipWorld::close_fenced(std::size_t index, const std::string& why) {
  if (!displaced_.contains(index)) {
    fail(fmt::format("I3 publisher s{} was closed: {}", index, why));
  }
  end(index, true);
}

/// Any accepted placement may be told late and in any order; who is told keeps the highest.
void OwnershipWorld::push() {
  if (accepted_.empty()) return;
  const Known known = healing_ ? accepted_.back() : accepted_[random_.below(accepted_.size())];
  const std::size_t to = random_.below(forwarders_.size() + origins_.size());
  if (to < forwarders_.size()) {
    if (!forwarders_[to].cut) tell_forwarder(forwarders_[to], known);
    return;
  }
  Origin& origin = origins_[to - forwarders_.size()];
  if (origin.cut || (origin.known && origin.known->epoch >= known.epoch)) return;
  origin.known = known;
}

void OwnershipWorld::tell_forwarder(Forwarder& forwarder, const Known& known) {
  if (forwarder.known && forwarder.known->epoch >= known.epoch) return;
  forwarder.known = known;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    Session& session = sessions_[i];
    if (&forwarders_[session.forwarder] != &forwarder || !session.given) continue;
    if (session.state != SessionState::kLive || known.epoch <= session.given->epoch) continue;
    if (known.holder != session.holder) {
      close_fenced(i, fmt::format("newer epoch {}", format_as(known.epoch)));
    } else if (known.origin == session.given->origin) {
      session.given->epoch = known.epoch;
    }
  }
}

// --------------------------------------------------------------------------------- agents

void OwnershipWorld::agent_acts(std::size_t index) {
  Origin& origin = origins_[index];
  if (origin.alive && !origin.cut && chance(40)) report_origin(index);
  direct_acts(index);
  if (origin.kick && chance(50)) {
    // By the origin's own client id, read together with the tag: whoever came since is not hit.
    if (origin.publisher == origin.kick) {
      close_fenced(origin.kick->session, "kicked for its lower tag");
    }
    origin.kick.reset();
  } else if (origin.alive && origin.publisher && origin.known &&
             origin.publisher->epoch < origin.known->epoch) {
    origin.kick = origin.publisher;
  }
}

void OwnershipWorld::report_origin(std::size_t index) {
  const Origin& origin = origins_[index];
  OriginUpsert request;
  request.description.id = origin.id;
  request.description.endpoints = {{model::Protocol::kRtmp, origin.id.str() + ":1935"}};
  request.process = fmt::format("{}/{}", origin.id.str(), origin.process);
  request.known_incarnation = origin.incarnation;
  // Ordered, not repeated: one agent's reports share one stream.
  store_->upsert_origin(request, {}, [this, index](Reply<OriginUpserted> reply) {
    note_error(reply);
    if (const auto* upserted = std::get_if<OriginUpserted>(&reply)) {
      origins_[index].incarnation = upserted->record.incarnation;
    }
  });
  under_test_->deliver_answers();
}

/// While settling, everyone who can be reached hands in what he holds, and settling is extended
/// until that is done.
void OwnershipWorld::restore_all() {
  std::optional<GenerationState> state;
  store_->extend_settling(
      [&](Reply<GenerationState> reply) { state = std::get<GenerationState>(reply); });
  under_test_->deliver_answers();
  if (!state->settling) return;
  const auto restore = [this](const Session& session, PlacementState as, Epoch epoch) {
    model::Placement held = *session.given;
    held.state = as;
    held.epoch = epoch;
    store_->restore({held}, {}, [this](Reply<Changed> reply) { note_error(reply); });
    under_test_->deliver_answers();
  };
  for (const Session& session : sessions_) {
    if (forwarders_[session.forwarder].cut || !session.given) continue;
    if (session.state == SessionState::kLive) {
      restore(session, PlacementState::kPublishing, session.given->epoch);
    } else if (session.state == SessionState::kGiven) {
      restore(session, PlacementState::kBound, session.given->epoch);
    }
  }
  for (const Origin& origin : origins_) {
    if (!origin.alive || origin.cut || !origin.publisher) continue;
    restore(sessions_[origin.publisher->session], PlacementState::kPublishing,
            origin.publisher->epoch);
  }
}

// -------------------------------------------------------------------------- control plane

/// Looks after a placement whose holder may be gone, or whose incarnation was replaced under it.
void OwnershipWorld::control_plane_asks() {
  const auto placement = peek();
  if (!placement || placement->state == PlacementState::kOrphaned) return;
  if (std::holds_alternative<model::DirectHolder>(placement->holder)) {
    return release_missing(*placement);
  }
  Session* session = session_of(placement->holder);
  if (session == nullptr) return;
  const HolderRef held{stream_, placement->holder, placement->epoch};
  const Origin& origin = origins_[placement->origin == origins_[0].id ? 0 : 1];
  const auto index = static_cast<std::size_t>(session - sessions_.data());
  const bool on_origin = origin.publisher && origin.publisher->session == index;
  if (!forwarders_[session->forwarder].cut) {
    if (session->state == SessionState::kEnded) {
      send([this, held] {
        store_->orphan({held, OrphanRequest::Evidence::kUnknown, {}}, {},
                       [this](Reply<Changed> reply) { note_error(reply); });
      });
    }
  } else if (!origin.cut && !on_origin) {
    send([this, held, index, taken = now_] {
      store_->orphan({held, OrphanRequest::Evidence::kRenewalGone, now_ - taken}, {},
                     [this, index](Reply<Changed> reply) {
                       note_error(reply);
                       const auto* changed = std::get_if<Changed>(&reply);
                       if (changed != nullptr && changed->changed) displaced_.insert(index);
                     });
    });
  }
  if (on_origin && origin.alive && !origin.cut && placement->incarnation != origin.incarnation) {
    send([this, held, to = origin.incarnation] {
      store_->repoint(held, to, {}, [this](Reply<Changed> reply) { note_error(reply); });
    });
  }
}

/// A forwarder whose live session has no placement asks for it back.
void OwnershipWorld::claim_missing() {
  const std::size_t index = random_.below(sessions_.size());
  const Session& session = sessions_[index];
  if (session.state != SessionState::kLive || forwarders_[session.forwarder].cut) return;
  const auto placement = peek();
  if (placement &&
      !(placement->holder == session.holder && placement->state == PlacementState::kOrphaned)) {
    return;
  }
  const HolderRef held{stream_, session.holder, session.given->epoch};
  send(
      [this, index, claim = ClaimRequest{held, session.given->origin, session.given->incarnation}] {
        // A session that has ended meanwhile has withdrawn its claim with its release.
        if (sessions_[index].state != SessionState::kLive) return;
        store_->claim(claim, {}, [this, index, epoch = claim.held.epoch](Reply<Changed> reply) {
          note_error(reply);
          const auto* changed = std::get_if<Changed>(&reply);
          if (changed == nullptr || changed->changed) return;
          const Session& claimant = sessions_[index];
          if (claimant.state == SessionState::kLive && claimant.given->epoch == epoch) {
            close_fenced(index, "its claim was refused");
          }
        });
      });
}

// --------------------------------------------------------------------------------- faults

void OwnershipWorld::fault() {
  const auto spend = [this](int& left) { return left > 0 && chance(15) && left-- > 0; };
  const std::size_t either = random_.below(2);
  Session& session = sessions_[random_.below(sessions_.size())];
  const auto index = static_cast<std::size_t>(&session - sessions_.data());
  Origin& origin = origins_[either];
  const auto verdict = [this](const IncarnationId& incarnation) {
    send([this, incarnation, taken = now_] {
      store_->declare_dead({incarnation, "probe", now_ - taken}, {},
                           [this, incarnation](Reply<bool> reply) {
                             note_error(reply);
                             const bool* dead = std::get_if<bool>(&reply);
                             if (dead != nullptr && *dead) declared_dead_.insert(incarnation);
                           });
    });
  };
  const bool asking = session.state == SessionState::kAsked ||
                      session.state == SessionState::kGiven || session.state == SessionState::kLive;
  if (asking && spend(left_.end_session)) end(index, true);
  if (session.state == SessionState::kLive && spend(left_.idle)) session.idle = true;
  if (origin.alive && spend(left_.false_verdict)) verdict(origin.incarnation);
  if (origin.alive && spend(left_.origin_dies)) {
    if (origin.publisher) end(origin.publisher->session, true);
    origin.alive = false;
    origin.direct = false;
    origin.kick.reset();
    verdict(origin.incarnation);
  } else if (!origin.alive && chance(10)) {
    origin.alive = true;
    ++origin.process;
  }
  if (origin.alive && !origin.publisher && spend(left_.direct)) origin.direct = true;
  if (origin.direct && chance(2)) origin.direct = false;
  if (spend(left_.store_freezes)) freeze(4s);
  if (spend(left_.forwarder_crashes)) crash_forwarder();
  for (std::size_t i = 0; i < 2; ++i) {
    if (forwarders_[i].cut && chance(4)) reconnect(forwarders_[i]);
    if (origins_[i].cut && chance(4)) origins_[i].cut = false;
  }
  if (spend(left_.cut_forwarder)) forwarders_[either].cut = true;
  if (spend(left_.cut_agent)) origin.cut = true;
  if (spend(left_.store_loses_all)) {
    wrapped_.reset();
    under_test_->lose_history();
    wrap_store();
    freeze(1ms);
    lost_ = true;
  }
}

/// Killed and restarted under the same id: nobody releases anything.
void OwnershipWorld::crash_forwarder() {
  Forwarder& forwarder = forwarders_[random_.below(forwarders_.size())];
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (&forwarders_[sessions_[i].forwarder] != &forwarder) continue;
    if (sessions_[i].state != SessionState::kNew) end(i, false);
  }
  forwarder.known.reset();
}

/// Attaching renews; until then its sessions may be taken over, and rightly.
void OwnershipWorld::reconnect(Forwarder& forwarder) {
  forwarder.cut = false;
  renew(forwarder);
}

void OwnershipWorld::heal() {
  healing_ = true;
  for (Forwarder& forwarder : forwarders_) reconnect(forwarder);
  for (Origin& origin : origins_) {
    origin.cut = false;
    if (!origin.alive) ++origin.process;
    origin.alive = true;
    origin.direct = origin.direct && scenario_.direct_stays;
  }
  for (std::size_t i = 0; i < sessions_.size() && scenario_.direct_stays; ++i) {
    if (sessions_[i].state != SessionState::kEnded) end(i, true);
  }
  for (Session& session : sessions_) {
    if (session.idle) session.media_since = now_;
    session.idle = false;
  }
}

}  // namespace weir::store
