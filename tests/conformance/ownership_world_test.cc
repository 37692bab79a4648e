// OwnershipWorld: time, messages and the invariants.

#include "tests/conformance/ownership_world.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "controlplane/store/limits.h"

namespace weir::store {

using namespace std::chrono_literals;
using model::PlacementState;

OwnershipWorld::OwnershipWorld(std::unique_ptr<StoreUnderTest> under_test, const Scenario& scenario,
                               std::uint64_t seed, const StoreWrapper& wrap)
    : scenario_(scenario),
      left_(scenario.faults),
      random_(seed),
      wrap_(wrap),
      under_test_(std::move(under_test)) {
  stream_ = make_stream_key(kDefaultVhost, "live", "camera").value();
  for (const char* id : {"f0", "f1"}) forwarders_.push_back({ForwarderId(id), false, {}});
  for (const char* id : {"o0", "o1"}) {
    Origin origin;
    origin.id = OriginId(id);
    origins_.push_back(origin);
  }
  for (const std::size_t forwarder : scenario.forwarder_of) {
    Session session;
    session.forwarder = forwarder;
    session.holder = model::SessionHolder{forwarders_[forwarder].id,
                                          SessionId(fmt::format("s{}", sessions_.size()))};
    sessions_.push_back(session);
  }
  wrap_store();
  lost_ = true;
  raise_when_lost();
  pass_time(3s);
  pass_time(3s);
  for (std::size_t i = 0; i < origins_.size(); ++i) report_origin(i);
  while (!messages_.empty()) deliver_one();
  if (scenario.first_is_live) {
    for (int i = 0; i < 1000 && sessions_[0].state != SessionState::kLive; ++i) {
      session_acts(0);
      deliver_one();
    }
    while (!messages_.empty()) deliver_one();
    for (auto& forwarder : forwarders_) tell_forwarder(forwarder, accepted_.back());
  }
}

std::string OwnershipWorld::run() {
  for (int step = 0; step < 250 && problem_.empty(); ++step) act();
  heal();
  // Rest must be reached, and kept.
  int good = 0;
  for (int step = 0; step < 4000 && problem_.empty() && good < 40; ++step) {
    act();
    if (step % 8 != 0) continue;
    good = rest_problem().empty() ? good + 1 : 0;
  }
  if (problem_.empty() && good < 40) problem_ = "I4/I5 at rest: " + rest_problem();
  return problem_;
}

void OwnershipWorld::fail(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

void OwnershipWorld::send(std::function<void()> message) {
  messages_.push_back(std::move(message));
}

/// Any message, not the oldest; one in eight arrives twice.
void OwnershipWorld::deliver_one() {
  if (messages_.empty()) return;
  const std::size_t index = random_.below(messages_.size());
  const auto message = messages_[index];
  if (!chance(12)) {
    std::swap(messages_[index], messages_.back());
    messages_.pop_back();
  }
  message();
  under_test_->deliver_answers();
  raise_when_lost();
}

void OwnershipWorld::pass_time(Duration by) {
  restore_all();
  for (const Forwarder& forwarder : forwarders_) {
    if (!forwarder.cut) renew(forwarder);
  }
  raise_when_lost();
  under_test_->advance(by);
  now_ += by;
}

void OwnershipWorld::renew(const Forwarder& forwarder) {
  store_->renew_forwarder(forwarder.id, {}, [this](Reply<bool> reply) { note_error(reply); });
  under_test_->deliver_answers();
}

void OwnershipWorld::freeze(Duration by) {
  under_test_->stall(by);
  now_ += by;
}

void OwnershipWorld::wrap_store() {
  wrapped_.reset();
  if (wrap_) wrapped_ = wrap_(under_test_->store(), under_test_->executor());
  store_ = wrapped_ ? wrapped_.get() : &under_test_->store();
}

template <class T>
void OwnershipWorld::note_error(const Reply<T>& reply) {
  const auto* error = std::get_if<StoreError>(&reply);
  if (error != nullptr && *error == StoreError::kHistoryLost) lost_ = true;
}
template void OwnershipWorld::note_error(const Reply<bool>&);
template void OwnershipWorld::note_error(const Reply<Changed>&);
template void OwnershipWorld::note_error(const Reply<AcquireResult>&);
template void OwnershipWorld::note_error(const Reply<OriginUpserted>&);

void OwnershipWorld::raise_when_lost() {
  if (!lost_) return;
  lost_ = false;
  std::uint64_t highest = 0;
  for (const Known& known : accepted_) highest = std::max(highest, known.epoch.generation);
  std::optional<GenerationState> state;
  store_->read_generation(
      {}, [&](Reply<GenerationState> reply) { state = std::get<GenerationState>(reply); });
  under_test_->deliver_answers();
  store_->raise_generation(state->generation, highest, {}, [](Reply<GenerationState>) {});
  under_test_->deliver_answers();
}

std::optional<model::Placement> OwnershipWorld::peek() {
  std::optional<model::Placement> placement;
  under_test_->store().lookup(stream_, {}, [&](Reply<std::optional<model::Placement>> reply) {
    if (const auto* found = std::get_if<std::optional<model::Placement>>(&reply)) {
      placement = *found;
    }
  });
  under_test_->deliver_answers();
  return placement;
}

/// Checked where the store answers, before anything else can happen.
void OwnershipWorld::check_bound(const AcquireResult& result, const AcquireRequest& request) {
  if (result.outcome != AcquireOutcome::kBound) return;
  const model::Placement& bound = *result.placement;
  check_epoch(bound);
  if (result.displaced && result.displaced->state != PlacementState::kOrphaned &&
      result.displaced->holder != bound.holder) {
    const bool dead = declared_dead_.contains(result.displaced->incarnation);
    Session* session = session_of(result.displaced->holder);
    const bool reachable = session != nullptr && !forwarders_[session->forwarder].cut;
    const bool sends = session != nullptr && session->state == SessionState::kLive &&
                       !session->idle && now_ - session->media_since > kIdleEvidenceAgeMax;
    if (!dead && !request.takeover) fail("I6 a holder was displaced without a decision");
    if (!dead && reachable && sends) fail("I6 a healthy publisher was displaced");
  }
  // An orphan's holder has ended, or was given up on evidence that is judged where it is given.
  if (result.displaced && result.displaced->state != PlacementState::kOrphaned) {
    if (Session* session = session_of(result.displaced->holder)) {
      displaced_.insert(static_cast<std::size_t>(session - sessions_.data()));
    }
  }
  accepted_.push_back({bound.epoch, bound.holder, bound.origin});
}

void OwnershipWorld::check_epoch(const model::Placement& bound) {
  for (const Known& known : accepted_) {
    if (known.epoch == bound.epoch) fail(fmt::format("I1 epoch {} twice", format_as(bound.epoch)));
    if (known.epoch > bound.epoch)
      fail(fmt::format("I2 epoch {} goes back", format_as(bound.epoch)));
  }
  if (declared_dead_.contains(bound.incarnation)) {
    fail(fmt::format("I7 bound to {}, declared dead", bound.incarnation.str()));
  }
}

std::string OwnershipWorld::rest_problem() {
  std::vector<std::size_t> live;
  bool waiting = false;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i].state == SessionState::kLive) live.push_back(i);
    waiting = waiting || sessions_[i].state != SessionState::kEnded;
  }
  const auto placement = peek();
  if (live.size() > 1) return "two publishers are live";
  if (scenario_.direct_stays) return direct_rest_problem(placement);
  if (live.empty()) {
    if (waiting) return "an encoder never gets to publish";
    return placement ? "a placement stays without anybody" : "";
  }
  const Session& session = sessions_[live[0]];
  if (!placement) return "the live publisher is not in the store";
  if (placement->holder != session.holder) return "the store names another holder";
  if (placement->origin != session.given->origin) return "players would go to the wrong origin";
  if (placement->state == PlacementState::kOrphaned) return "the live publisher is an orphan";
  return "";
}

OwnershipWorld::Session* OwnershipWorld::session_of(const model::Holder& holder) {
  for (Session& session : sessions_) {
    if (session.holder == holder) return &session;
  }
  return nullptr;
}

}  // namespace weir::store
