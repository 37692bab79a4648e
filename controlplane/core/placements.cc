#include "controlplane/core/placements.h"

#include <utility>

#include "controlplane/core/limits.h"
#include "controlplane/core/marks.h"
#include "controlplane/core/text.h"

namespace weir::core {

struct Placements::Call {
  AcquireQuery query;
  std::string window_id;  ///< empty: not idempotent by request
  Respond<Acquired> respond;
  MonotonicTime begun{};
  placement::Decision decision;
  placement::ReservationLedger::Id reservation = 0;
};

namespace {

CoreError settling_error() {
  return {Reason::kSettling,
          "placements wait until what runs has been restored",
          "",
          {},
          kRetrySettling};
}

CoreError held_error(const model::Placement& held) {
  const bool direct = std::holds_alternative<model::DirectHolder>(held.holder);
  return {Reason::kStreamHeld,
          direct
              ? fmt::format("{} is published directly on origin {}, where nobody is displaced: "
                            "end that publisher there, or use another name",
                            held.stream.str(), held.origin.str())
              : fmt::format("{} is published by {}", held.stream.str(), holder_text(held.holder)),
          held.stream.str(),
          {{"holder", holder_text(held.holder)}, {"epoch", format_as(held.epoch)}},
          std::nullopt};
}

}  // namespace

Placements::Placements(Context& context, ClusterView& view, Generation& generation,
                       OriginBoard& board, Liveness& liveness, Routes& routes, Takeover& takeover,
                       const SessionTable& sessions)
    : context_(context),
      view_(view),
      generation_(generation),
      board_(board),
      liveness_(liveness),
      routes_(routes),
      takeover_(takeover),
      sessions_(sessions),
      latency_(context.metrics.histogram(
          "weir_controlplane_acquire_seconds", "Time to answer AcquirePlacement",
          {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1})) {}

void Placements::acquire(AcquireQuery query, Respond<Acquired> respond) {
  // An id says which request it was; with stream and holder it cannot answer for another one.
  std::string window_id;
  if (!query.request_id.empty()) {
    window_id = query.request_id + '\n' + query.stream.str() + '\n' + holder_text(query.holder);
  }
  auto first = window_.enter(window_id, std::move(respond), context_.clock.now());
  if (!first) return;
  auto call = std::make_shared<Call>();
  call->query = std::move(query);
  call->window_id = std::move(window_id);
  call->respond = std::move(*first);
  call->begun = context_.clock.now();
  start(call);
}

void Placements::start(const std::shared_ptr<Call>& call) {
  const AcquireQuery& query = call->query;
  const auto* session = std::get_if<model::SessionHolder>(&query.holder);
  if (query.failed && session != nullptr && query.failed->outcome != ContactOutcome::kAnswered) {
    liveness_.dialled(session->forwarder, query.failed->incarnation, query.failed->outcome);
  }
  if (!generation_.ready()) return fail(call, settling_error());
  if (generation_.settling()) {
    // Only who holds it may be told so; for all others nothing is decided yet.
    const auto placement = view_.placement(query.stream);
    if (!placement || placement->holder != query.holder) {
      return fail(call, settling_error());
    }
  }
  call->decision = decide(query);
  call->reservation = board_.reserve(query.stream, call->decision);
  bind(call, std::nullopt);
}

placement::Decision Placements::decide(const AcquireQuery& query) {
  placement::Request request;
  request.stream = query.stream;
  request.protocol = query.protocol;
  request.declared_bits_per_second = query.declared_bits_per_second;
  request.zone = query.zone;
  request.pin = pin_of(view_.records(), query.stream);
  if (query.failed) request.failed = {query.failed->incarnation};
  if (const auto* session = std::get_if<model::SessionHolder>(&query.holder)) {
    request.penalized = liveness_.rules().penalized(session->forwarder, context_.clock.now());
  }
  return board_.decide(request);
}

void Placements::bind(const std::shared_ptr<Call>& call, std::optional<store::Takeover> evidence) {
  store::AcquireRequest request;
  request.stream = call->query.stream;
  request.holder = call->query.holder;
  request.candidates.reserve(call->decision.ranked.size());
  for (const auto& ranked : call->decision.ranked) {
    request.candidates.push_back({ranked.origin, ranked.incarnation});
  }
  request.takeover = evidence;
  if (call->query.failed) {
    request.failed = store::Failed{call->query.failed->incarnation, call->query.failed->epoch};
  }
  request.verdict = call->decision.record.verdict;
  const bool with_evidence = evidence.has_value();
  context_.store.acquire(std::move(request), view_.caller(),
                         [this, call, with_evidence](store::Reply<store::AcquireResult> reply) {
                           if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                             return fail(call, from_store(*error));
                           }
                           answered(call, std::move(std::get<store::AcquireResult>(reply)),
                                    with_evidence);
                         });
}

void Placements::answered(const std::shared_ptr<Call>& call, store::AcquireResult result,
                          bool with_evidence) {
  switch (result.outcome) {
    case store::AcquireOutcome::kBound:
      return bound(call, std::move(result));
    case store::AcquireOutcome::kSame:
      return finish(call, *result.placement, false);
    case store::AcquireOutcome::kHeld:
      if (!with_evidence) return held(call, result);
      return fail(call, held_error(*result.placement));
    case store::AcquireOutcome::kStaleEvidence:
      // The renewal lives, or media came back: the holder stays.
      return fail(call, held_error(*result.placement));
    case store::AcquireOutcome::kNoCandidate:
      ring_.add(call->decision.record);
      // The store knew better than the snapshot: its next reading will differ.
      if (!call->decision.ranked.empty()) {
        return fail(call,
                    {Reason::kBusyRetry, "the chosen origins are gone by now", "", {}, kRetryBusy});
      }
      return fail(call, no_origin(call->decision));
  }
}

void Placements::bound(const std::shared_ptr<Call>& call, store::AcquireResult result) {
  const model::Placement placement = *result.placement;
  view_.learn(placement.stream, placement);
  if (result.new_origin) {
    board_.keep(placement.stream, call->reservation, call->decision, placement.incarnation);
    call->reservation = 0;
    placement::DecisionRecord record = std::move(call->decision.record);
    record.epoch = placement.epoch;
    record.winner = placement.origin;
    ring_.add(std::move(record));
  }
  const bool displaced = result.displaced && result.displaced->holder != placement.holder;
  if (!displaced) {
    // A stream that had no origin has no player anywhere but in a forwarder, waiting.
    const bool players_wait =
        result.new_origin && (sessions_.of_stream(placement.stream).players > 0 ||
                              (players_wait_elsewhere && players_wait_elsewhere(placement.stream)));
    return finish(call, placement, false, players_wait);
  }
  if (result.displaced->state == model::PlacementState::kOrphaned) {
    // The same origin may still hold the leg of the one who left.
    return finish(call, placement, !result.new_origin);
  }
  takeover_.close(*result.displaced, [this, call, placement, same_origin = !result.new_origin] {
    finish(call, placement, same_origin);
  });
}

void Placements::held(const std::shared_ptr<Call>& call, const store::AcquireResult& result) {
  const model::Placement holder = *result.placement;
  view_.learn(holder.stream, holder);
  takeover_.decide(holder, result.store_time,
                   [this, call, holder](std::optional<store::Takeover> evidence) {
                     if (!evidence) return fail(call, held_error(holder));
                     bind(call, evidence);
                   });
}

void Placements::finish(const std::shared_ptr<Call>& call, const model::Placement& placement,
                        bool after_takeover, bool players_wait) {
  auto route = routes_.route_of(placement, call->query.protocol);
  if (!route) {
    // Restored, but its origin has not come back yet.
    return fail(
        call, {Reason::kBusyRetry,
               fmt::format("origin {} has not been seen since the restart", placement.origin.str()),
               "",
               {},
               kRetryBusy});
  }
  answer_call(call, Acquired{std::move(*route), after_takeover, players_wait});
}

void Placements::fail(const std::shared_ptr<Call>& call, CoreError error) {
  answer_call(call, std::move(error));
}

void Placements::answer_call(const std::shared_ptr<Call>& call, Answer<Acquired> answer) {
  // Nothing was bound to the reserved origin, or it was kept and the number is 0.
  board_.undo(call->query.stream, call->reservation);
  const auto* error = std::get_if<CoreError>(&answer);
  answered_with(error == nullptr ? std::nullopt : std::optional(error->reason)).add();
  latency_.observe(std::chrono::duration<double>(context_.clock.now() - call->begun).count());
  window_.finish(call->window_id, answer);
  call->respond(std::move(answer));
}

metrics::Counter& Placements::answered_with(std::optional<Reason> reason) {
  auto& counter = answers_[reason];
  if (counter == nullptr) {
    counter = &context_.metrics.counter(
        "weir_controlplane_acquires_total", "Answers to AcquirePlacement, by result",
        {{"result", reason ? std::string(to_string(*reason)) : "OK"}});
  }
  return *counter;
}

CoreError Placements::no_origin(const placement::Decision& decision) const {
  CoreError error{Reason::kNoEligibleOrigin, "", "", {}, kRetryNoOrigin};
  std::string why;
  for (std::size_t at = 1; at < placement::kRejections; ++at) {
    const std::uint32_t count = decision.record.rejected[at];
    if (count == 0) continue;
    const auto name = placement::to_string(static_cast<placement::Rejection>(at));
    error.metadata.emplace(name, std::to_string(count));
    why += fmt::format("{}{} {}", why.empty() ? ": " : ", ", count, name);
  }
  error.metadata.emplace("considered", std::to_string(decision.record.considered));
  error.metadata.emplace("may_retry", decision.may_retry ? "true" : "false");
  error.message = decision.record.considered == 0
                      ? "no origin is registered"
                      : fmt::format("none of {} origins takes the stream now{}",
                                    decision.record.considered, why);
  return error;
}

CoreError Placements::from_store(store::StoreError error) {
  generation_.note(error);
  if (error == store::StoreError::kUnavailable) {
    return {Reason::kStoreUnavailable, "the store does not answer", "", {}, kRetryBusy};
  }
  return settling_error();
}

void Placements::route(const StreamKey& stream, model::Protocol protocol, Respond<Route> respond) {
  const auto answer = [this, protocol](const StreamKey& key, Respond<Route>& to) {
    const auto placement = view_.placement(key);
    if (!placement) {
      return to(CoreError{Reason::kPlacementNotFound,
                          fmt::format("{} is not placed", key.str()),
                          key.str(),
                          {},
                          {}});
    }
    auto route = routes_.route_of(*placement, protocol);
    if (!route) {
      return to(CoreError{Reason::kBusyRetry,
                          "its origin has not been seen since the restart",
                          key.str(),
                          {},
                          kRetryBusy});
    }
    to(std::move(*route));
  };
  if (!generation_.ready()) return respond(settling_error());
  if (view_.placed(stream)) return answer(stream, respond);
  context_.store.lookup(stream, view_.caller(),
                        [this, stream, answer, respond = std::move(respond)](
                            store::Reply<std::optional<model::Placement>> reply) mutable {
                          if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                            return respond(from_store(*error));
                          }
                          view_.learn(stream, std::get<std::optional<model::Placement>>(reply));
                          answer(stream, respond);
                        });
}

void Placements::release(const store::HolderRef& held, Respond<bool> respond) {
  context_.store.release(held, view_.caller(),
                         [this, stream = held.stream, respond = std::move(respond)](
                             store::Reply<store::Changed> reply) mutable {
                           if (const auto* error = std::get_if<store::StoreError>(&reply)) {
                             return respond(from_store(*error));
                           }
                           const auto& changed = std::get<store::Changed>(reply);
                           view_.learn(stream, changed.placement);
                           respond(changed.changed);
                         });
}

Answer<Explanation> Placements::explain(const AcquireQuery& query, bool dry_run) {
  Explanation explanation;
  explanation.read_time = context_.clock.wall_now();
  explanation.placement = view_.placement(query.stream);
  if (dry_run) {
    explanation.records.push_back(decide(query).record);
    return explanation;
  }
  for (const auto* record : ring_.find(query.stream)) explanation.records.push_back(*record);
  if (explanation.records.empty() && !explanation.placement) {
    return CoreError{Reason::kPlacementNotFound,
                     fmt::format("no decision about {} is on record", query.stream.str()),
                     query.stream.str(),
                     {},
                     {}};
  }
  return explanation;
}

void Placements::tick() {
  window_.expire(context_.clock.now());
}

}  // namespace weir::core
