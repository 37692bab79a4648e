#include "controlplane/core/generation.h"

#include <algorithm>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {

Generation::Generation(Context& context, ClusterView& view, EventRing& events, std::uint64_t known)
    : context_(context),
      view_(view),
      events_(events),
      known_(known < store::kGenerationHeardMax ? known : 0),
      renewals_count_from_(context.clock.now() + store::kRenewalGrace),
      generation_gauge_(context.metrics.gauge("weir_controlplane_generation",
                                              "Generation of the store in microseconds")),
      settling_gauge_(context.metrics.gauge("weir_controlplane_settling",
                                            "1 while placements wait for restored ones")) {}

Generation::~Generation() {
  if (subscription_ != 0) context_.store.unsubscribe(subscription_);
}

bool Generation::joined() const {
  // Alone in the world, or nothing is placed yet anyway.
  if (context_.codec == nullptr || state_.settling) return true;
  return joined_at_ && context_.clock.now() - *joined_at_ >= kJoinWithin;
}

void Generation::start() {
  read();
}

void Generation::seen(const Epoch& epoch) {
  view_.heard(epoch);
  seen(epoch.generation);
}

void Generation::seen(std::uint64_t generation) {
  // Nothing honest is that high, and the store could not be raised above it.
  if (generation <= known_ || generation >= store::kGenerationHeardMax) return;
  known_ = generation;
  if (generation > state_.generation && state_.generation != 0) {
    context_.log.warning("generation {} was seen before, the store has {}: its history was lost",
                         generation, state_.generation);
    history_lost();
  }
}

void Generation::history_lost() {
  if (!reading_) read();
}

void Generation::note(store::StoreError error) {
  if (error == store::StoreError::kHistoryLost) history_lost();
}

void Generation::read() {
  reading_ = true;
  context_.store.read_generation(view_.caller(),
                                 [this](store::Reply<store::GenerationState> reply) {
                                   if (std::holds_alternative<store::StoreError>(reply))
                                     return retry([this] { read(); });
                                   const auto& state = std::get<store::GenerationState>(reply);
                                   // Lost to us by what the verbs know, or known higher by who
                                   // remembers.
                                   if (state.lost || state.generation < known_)
                                     return raise(state.generation);
                                   take(state);
                                 });
}

void Generation::raise(std::uint64_t seen) {
  raised_here_ = true;
  // At once above all that it knows, or it would be lost to this replica again.
  const store::Caller caller = view_.caller();
  const std::uint64_t at_least =
      std::max({known_, caller.highest_seen.generation, caller.highest_epoch.generation});
  context_.store.raise_generation(seen, at_least, caller,
                                  [this](store::Reply<store::GenerationState> reply) {
                                    // Whether it was raised is not known, and the next loss may
                                    // have come: read again.
                                    if (std::holds_alternative<store::StoreError>(reply))
                                      return retry([this] { read(); });
                                    const auto& state = std::get<store::GenerationState>(reply);
                                    // Raised by who knows less than this replica.
                                    if (state.lost || state.generation < known_)
                                      return retry([this] { read(); });
                                    take(state);
                                  });
}

void Generation::take(const store::GenerationState& state) {
  reading_ = false;
  // What is remembered is of the history before: only what the store has now tells what has to be
  // restored.
  if (adopt(state) || !subscribed_) subscribe();
}

bool Generation::adopt(const store::GenerationState& state) {
  const std::uint64_t before = state_.generation;
  const bool raised = state.generation != before;
  state_.generation = state.generation;
  state_.records_known = state.records_known || (!raised && state_.records_known);
  known_ = std::max(known_, state.generation);
  generation_gauge_.set(static_cast<double>(state.generation));
  // Who joins a cluster finds a generation that others raised before his time.
  const bool news = raised && (before != 0 || raised_here_);
  raised_here_ = false;
  if (raised) events_.set_generation(state.generation);
  if (news) {
    events_.add("GENERATION_RAISED", Severity::kInfo, "cluster",
                fmt::format("the store is at generation {}", state.generation));
  }
  set_settling(state.settling);
  return raised;
}

void Generation::subscribe() {
  if (subscribing_) {
    again_ = true;
    return;
  }
  subscribing_ = true;
  again_ = false;
  if (subscription_ != 0) context_.store.unsubscribe(subscription_);
  subscription_ = context_.store.subscribe(
      [this](store::Reply<store::Snapshot> reply) {
        subscribing_ = false;
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          return subscription_failed(*error);
        }
        if (again_) return subscribe();
        take_snapshot(std::get<store::Snapshot>(std::move(reply)));
      },
      [this](const store::Change& change) { on_change(change); });
}

void Generation::subscription_failed(store::StoreError error) {
  context_.store.unsubscribe(std::exchange(subscription_, 0));
  // Its raise subscribes as well; until then there may be nothing to read.
  note(error);
  retry([this] {
    if (subscription_ == 0) subscribe();
  });
}

void Generation::take_snapshot(store::Snapshot snapshot) {
  subscribed_ = true;
  if (!joined_at_) joined_at_ = context_.clock.now();
  const bool other = snapshot.revision.generation != view_.revision().generation;
  // After a gap in the feed nobody else tells that it was raised.
  if (snapshot.revision.generation > state_.generation) {
    adopt({snapshot.revision.generation, snapshot.settling});
  } else {
    set_settling(snapshot.settling);
  }
  // What is absent may only not be claimed back yet.
  if (other) renewals_count_from_ = context_.clock.now() + store::kRenewalGrace;
  view_.replace(std::move(snapshot));
  for (const auto& listener : on_raised) listener();
  if (!other || state_.settling) return;
  // Lost, raised and settled while this replica was cut off: its publishers claim now.
  for (const auto& listener : on_settled) listener();
}

void Generation::on_change(const store::Change& change) {
  if (std::holds_alternative<store::Change::Reset>(change.what)) {
    context_.log.warning("the store's feed was reset: reading everything again");
    return subscribe();
  }
  if (std::holds_alternative<store::Change::HistoryLost>(change.what)) return history_lost();
  if (std::holds_alternative<store::Change::BulletinChanged>(change.what) ||
      std::holds_alternative<store::Change::BroadcastReceived>(change.what) ||
      std::holds_alternative<store::Change::MailCame>(change.what)) {
    if (on_peers) on_peers(change);
    return;
  }
  view_.apply(change);
  if (const auto* raised = std::get_if<store::Change::GenerationRaised>(&change.what)) {
    if (raised->generation > state_.generation) take({raised->generation, true});
  } else if (std::holds_alternative<store::Change::SettlingEnded>(change.what)) {
    set_settling(false);
  }
}

void Generation::retry(std::function<void()> what) {
  context_.executor.run_after(kStoreRetryInterval, [what = std::move(what)] { what(); });
}

void Generation::set_settling(bool settling) {
  if (settling == state_.settling) return;
  state_.settling = settling;
  settling_gauge_.set(settling ? 1 : 0);
  if (settling) {
    events_.add("SETTLING_BEGAN", Severity::kInfo, "cluster",
                "new placements wait until what forwarders and agents hold has been restored");
    keep_settling();
    return;
  }
  context_.executor.cancel(settling_timer_);
  renewals_count_from_ = context_.clock.now() + store::kRenewalGrace;
  events_.add("SETTLING_ENDED", Severity::kInfo, "cluster",
              fmt::format("{} placements are known", view_.counts().all()));
  for (const auto& listener : on_settled) listener();
}

void Generation::keep_settling() {
  // Asked well before the end, so that a slow answer does not let settling lapse in between.
  settling_timer_ = context_.executor.run_after(Duration(store::kSettlingExtension) / 2, [this] {
    if (!state_.settling) return;
    if (still_restoring && still_restoring()) {
      context_.store.extend_settling([this](store::Reply<store::GenerationState> reply) {
        if (const auto* state = std::get_if<store::GenerationState>(&reply)) {
          if (!state->settling && state->generation == state_.generation) set_settling(false);
        }
      });
    }
    keep_settling();
  });
}

}  // namespace weir::core
