#pragma once
// One replica's way to a store that several cores of one test share: a process that can be killed
// or frozen, and a connection that can be cut.
//
// Threading: one thread. Lifetime: the shared executor and store outlive it; a killed process is
// kept, so that what was under way for it is dropped and not called.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/executor.h"
#include "controlplane/store/state_store.h"

namespace weir::core::testing {

/// The executor of one process: what it runs can be stopped.
class ProcessExecutor final : public Executor {
 public:
  explicit ProcessExecutor(Executor& shared) : shared_(shared) {}
  void post(Callback<void()> work) override { shared_.post(guard(std::move(work))); }
  TimerId run_after(Duration delay, Callback<void()> work) override {
    return shared_.run_after(delay, guard(std::move(work)));
  }
  void cancel(TimerId timer) override { shared_.cancel(timer); }

  void kill() { alive_ = false; }
  bool alive() const { return alive_; }
  void freeze() { frozen_ = true; }
  void thaw() {
    frozen_ = false;
    for (auto& work : std::exchange(held_, {})) shared_.post(guard(std::move(work)));
  }
  /// For answers that come from elsewhere.
  void run(Callback<void()> work) {
    if (!alive_) return;
    if (frozen_) {
      held_.push_back(std::move(work));
    } else {
      work();
    }
  }

 private:
  Callback<void()> guard(Callback<void()> work) {
    return [this, work = std::move(work)]() mutable { run(std::move(work)); };
  }

  Executor& shared_;
  bool alive_ = true;
  bool frozen_ = false;
  std::deque<Callback<void()>> held_;
};

class ReplicaStore final : public store::StateStore {
 public:
  template <class T>
  using Done = store::Done<T>;
  using Caller = store::Caller;

  ReplicaStore(ProcessExecutor& process, const Clock& clock, store::StateStore& shared)
      : process_(process), clock_(clock), shared_(&shared), seen_(clock.now()) {}

  /// Verbs are answered kUnavailable, and the feed is silent, until it is joined again.
  void cut() {
    cut_ = true;
    seen_ = clock_.now();
  }
  void join() {
    cut_ = false;
    tell_all({{}, store::Change::Reset{}});
  }
  /// The data are gone: another store is there, and reading the feed meets that.
  void replace(store::StateStore& other) {
    shared_ = &other;
    tell_all({{}, store::Change::HistoryLost{}});
  }
  /// The same, and nothing tells of it.
  void move_to(store::StateStore& other) { shared_ = &other; }
  bool lose_mail = false;
  int lost_subscriptions = 0;  ///< so many of the next ones are answered kHistoryLost
  int raises = 0;              ///< asked for
  int sent = 0;                ///< commands

  void read_generation(Caller c, Done<store::GenerationState> d) override {
    if (auto done = open(d)) shared_->read_generation(c, std::move(*done));
  }
  void raise_generation(std::uint64_t seen, std::uint64_t at_least, Caller c,
                        Done<store::GenerationState> d) override {
    ++raises;
    if (auto done = open(d)) shared_->raise_generation(seen, at_least, c, std::move(*done));
  }
  void extend_settling(Done<store::GenerationState> d) override {
    if (auto done = open(d)) shared_->extend_settling(std::move(*done));
  }
  void lookup(const StreamKey& s, Caller c, Done<std::optional<model::Placement>> d) override {
    if (auto done = open(d)) shared_->lookup(s, c, std::move(*done));
  }
  void acquire(store::AcquireRequest r, Caller c, Done<store::AcquireResult> d) override {
    if (auto done = open(d)) shared_->acquire(std::move(r), c, std::move(*done));
  }
  void confirm(store::HolderRef h, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->confirm(std::move(h), c, std::move(*done));
  }
  void release(store::HolderRef h, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->release(std::move(h), c, std::move(*done));
  }
  void orphan(store::OrphanRequest r, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->orphan(std::move(r), c, std::move(*done));
  }
  void repoint(store::HolderRef h, IncarnationId to, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->repoint(std::move(h), std::move(to), c, std::move(*done));
  }
  void restore(store::RestoreRequest r, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->restore(std::move(r), c, std::move(*done));
  }
  void claim(store::ClaimRequest r, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->claim(std::move(r), c, std::move(*done));
  }
  void adopt(store::AdoptRequest r, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->adopt(std::move(r), c, std::move(*done));
  }
  void move(store::MoveRequest r, Caller c, Done<store::Changed> d) override {
    if (auto done = open(d)) shared_->move(std::move(r), c, std::move(*done));
  }
  void upsert_origin(store::OriginUpsert r, Caller c, Done<store::OriginUpserted> d) override {
    if (auto done = open(d)) shared_->upsert_origin(std::move(r), c, std::move(*done));
  }
  void declare_dead(store::DeathEvidence e, Caller c, Done<bool> d) override {
    if (auto done = open(d)) shared_->declare_dead(std::move(e), c, std::move(*done));
  }
  void put_record(store::RecordWrite w, Caller c, Done<store::RecordWritten> d) override {
    if (auto done = open(d)) shared_->put_record(std::move(w), c, std::move(*done));
  }
  void restore_records(std::vector<store::Record> kept, bool complete, Caller c,
                       Done<store::RecordsRestored> d) override {
    if (auto done = open(d)) {
      shared_->restore_records(std::move(kept), complete, c, std::move(*done));
    }
  }
  void renew_forwarder(const ForwarderId& id, Caller c, Done<bool> d) override {
    if (auto done = open(d)) shared_->renew_forwarder(id, c, std::move(*done));
  }
  std::uint64_t subscribe(Done<store::Snapshot> d, Feed on_change) override {
    const std::uint64_t number = ++last_feed_;
    if (lost_subscriptions > 0) {
      --lost_subscriptions;
      process_.post([done = std::move(d)]() mutable { done(store::StoreError::kHistoryLost); });
      return number;
    }
    auto feed = std::make_shared<Feed>(std::move(on_change));
    feeds_[number] = feed;
    if (auto done = open(d)) {
      shared_->subscribe(std::move(*done), [this, number](const store::Change& change) {
        if (!cut_) tell(number, change);
      });
    }
    return number;
  }
  void unsubscribe(std::uint64_t number) override { feeds_.erase(number); }
  void read_changes(std::string token, std::size_t limit, Done<store::ChangePage> d) override {
    if (auto done = open(d)) shared_->read_changes(std::move(token), limit, std::move(*done));
  }
  bool refuse_bulletins = false;  ///< as if they were too large
  void put_bulletin(const ReplicaId& from, std::string bytes, Done<bool> d) override {
    auto done = open(d);
    if (!done) return;
    if (refuse_bulletins) return (*done)(false);
    shared_->put_bulletin(from, std::move(bytes), std::move(*done));
  }
  void broadcast(const ReplicaId& from, std::string bytes, Done<bool> d) override {
    if (auto done = open(d)) shared_->broadcast(from, std::move(bytes), std::move(*done));
  }
  void send_command(store::Mailbox to, store::Command command, Done<bool> d) override {
    ++sent;
    auto done = open(d);
    if (!done) return;
    if (lose_mail) return (*done)(true);
    shared_->send_command(std::move(to), std::move(command), std::move(*done));
  }
  void take_commands(store::Mailbox from, Done<std::vector<store::Command>> d) override {
    if (auto done = open(d)) shared_->take_commands(std::move(from), std::move(*done));
  }
  void put_media_session(std::string ufrag, std::string bytes, Duration expiry,
                         Done<bool> d) override {
    if (auto done = open(d)) {
      shared_->put_media_session(std::move(ufrag), std::move(bytes), expiry, std::move(*done));
    }
  }
  void find_media_session(std::string ufrag, Done<std::optional<std::string>> d) override {
    if (auto done = open(d)) shared_->find_media_session(std::move(ufrag), std::move(*done));
  }
  store::StoreHealth health() const override {
    if (!cut_) return {};
    return {clock_.now() - seen_, "the connection is cut"};
  }

 private:
  /// The completion as this process sees it; nothing: it is answered that there is no store.
  template <class T>
  std::optional<Done<T>> open(Done<T>& done) {
    if (!process_.alive()) return std::nullopt;
    if (cut_) {
      process_.post([done = std::move(done)]() mutable {
        done(store::Reply<T>(store::StoreError::kUnavailable));
      });
      return std::nullopt;
    }
    return Done<T>([this, done = std::move(done)](store::Reply<T> reply) mutable {
      process_.run([this, done = std::move(done), reply = std::move(reply)]() mutable {
        if (cut_) reply = store::StoreError::kUnavailable;
        done(std::move(reply));
      });
    });
  }

  void tell(std::uint64_t number, const store::Change& change) {
    process_.run([this, number, change] {
      const auto found = feeds_.find(number);
      if (found == feeds_.end()) return;
      const auto feed = found->second;
      (*feed)(change);
    });
  }
  void tell_all(const store::Change& change) {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, feed] : feeds_) numbers.push_back(number);
    for (const auto number : numbers) {
      process_.post([this, number, change] { tell(number, change); });
    }
  }

  ProcessExecutor& process_;
  const Clock& clock_;
  store::StateStore* shared_;
  bool cut_ = false;
  MonotonicTime seen_;
  std::uint64_t last_feed_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Feed>> feeds_;
};

}  // namespace weir::core::testing
