#include "controlplane/core/record_keeper.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "controlplane/core/limits.h"

namespace weir::core {

RecordKeeper::RecordKeeper(Context& context, ClusterView& view, Generation& generation)
    : context_(context), view_(view), generation_(generation) {}

void RecordKeeper::restore_all() {
  if (!generation_.ready() || book().complete_in() == generation_.value()) return;
  // Who never had all of them cannot say that nothing is missing.
  complete_ = book().complete_in() != 0;
  waiting_ = book().kept().records;
  unfinished_ = complete_ || !waiting_.empty();
  target_ = generation_.value();
  ++round_;
  if (unfinished_ && !in_flight_) restore_next();
}

void RecordKeeper::restore_next() {
  std::vector<store::Record> batch;
  std::size_t bytes = 0;
  while (!waiting_.empty() && batch.size() < kRestoreRecordsMax && bytes < kRestoreBytesMax) {
    bytes += waiting_.back().name.size() + waiting_.back().value.value_or("").size();
    batch.push_back(std::move(waiting_.back()));
    waiting_.pop_back();
  }
  in_flight_ = true;
  auto again = batch;
  context_.store.restore_records(
      std::move(batch), complete_ && waiting_.empty(), view_.caller(),
      [this, again = std::move(again),
       round = round_](store::Reply<store::RecordsRestored> reply) mutable {
        in_flight_ = false;
        if (round != round_) return restore_next();  // begun anew meanwhile, with all of them
        if (const auto* error = std::get_if<store::StoreError>(&reply)) {
          std::move(again.begin(), again.end(), std::back_inserter(waiting_));
          next_try_ = context_.clock.now() + kStoreRetryInterval;
          return generation_.note(*error);
        }
        if (waiting_.empty()) return finish();
        restore_next();
      });
}

void RecordKeeper::finish() {
  unfinished_ = false;
  if (!complete_) return;
  generation_.records_are_known(target_);
  book().set_complete_in(target_);
  context_.log.info("orders and secrets are written back into generation {}", target_);
}

void RecordKeeper::tick() {
  const MonotonicTime now = context_.clock.now();
  if (unfinished_ && !in_flight_ && now >= next_try_) restore_next();
  if (generation_.ready() && !unfinished_) {
    if (!generation_.records_known()) {
      if (!asking_ && now >= next_try_) ask_whether_known();
    } else {
      book().set_complete_in(generation_.value());
    }
  }
  if (now >= next_look_) {
    next_look_ = now + kTombstonesLookedAt;
    book().forget_old(context_.clock.wall_now());
  }
  if (now >= next_save_) save();
}

/// Another replica may have had them: only the store knows.
void RecordKeeper::ask_whether_known() {
  asking_ = true;
  next_try_ = context_.clock.now() + kStoreRetryInterval;
  context_.store.read_generation(view_.caller(),
                                 [this](store::Reply<store::GenerationState> reply) {
                                   asking_ = false;
                                   const auto* state = std::get_if<store::GenerationState>(&reply);
                                   if (state == nullptr || state->lost || !state->records_known)
                                     return;
                                   generation_.records_are_known(state->generation);
                                 });
}

void RecordKeeper::save() {
  if (book().changes() == saved_changes_) return;
  const MonotonicTime began = context_.clock.now();
  last_save_worked_ = context_.keeper.save(book().kept());
  if (last_save_worked_) saved_changes_ = book().changes();
  const MonotonicTime ended = context_.clock.now();
  next_save_ = ended + std::max<Duration>(kRecordsSaveInterval, (ended - began) * kSavingShare);
}

}  // namespace weir::core
