#pragma once
// The conformance suite of StateStore: what every implementation must do (design 4).
//
// Purpose: the fixture with which state_store_*_test.cc are written, one test per sentence of the
// design. An implementation joins by WEIR_STATE_STORE_CONFORMANCE(<Name>, <factory>); see
// memory_state_store_test.cc.
// Threading: one thread. Lifetime: one store per test.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/executor.h"
#include "controlplane/store/limits.h"
#include "controlplane/store/state_store.h"

namespace weir::store {

/// A store and the world around it, as an implementation provides them to the suite.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual StateStore& store() = 0;
  /// On which it delivers.
  virtual Executor& executor() = 0;
  /// Delivers the answers and changes that are due.
  virtual void deliver() = 0;
  /// Delivers the answers at least.
  virtual void deliver_answers() = 0;
  /// Time passes; the store runs all the while.
  virtual void advance(Duration by) = 0;
  /// Time passes; the store stands still.
  virtual void stall(Duration by) = 0;
  /// Replaces the store by an empty one (a flush, a restart of the embedded store).
  virtual void lose_history() = 0;
  /// Microseconds of the calendar, as the store sees it.
  virtual std::uint64_t wall_us() = 0;
};

struct StoreFactory {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};
inline void PrintTo(const StoreFactory& factory, std::ostream* out) {
  *out << factory.name;
}

class StateStoreConformance : public ::testing::TestWithParam<StoreFactory> {
 protected:
  using Outcome = AcquireOutcome;

  void SetUp() override;

  StateStore& store() { return under_test_->store(); }
  void advance(Duration by) { under_test_->advance(by); }
  /// A generation, settling over, renewals meaningful again.
  void begin();
  void raise(std::uint64_t at_least = 0);
  void end_settling() { advance(kSettlingFirst); }
  void lose_history();

  // --- the verbs, answered at once
  AcquireResult acquire(AcquireRequest request);
  AcquireResult acquire(const model::Holder& holder, std::vector<Candidate> candidates);
  std::optional<StoreError> acquire_error(AcquireRequest request);
  Changed confirm(const model::Placement& placement);
  Changed release(const model::Placement& placement);
  Changed release(HolderRef held);
  Changed orphan(OrphanRequest request);
  Changed repoint(const model::Placement& placement, const IncarnationId& to);
  Changed restore(const model::Placement& held);
  Reply<Changed> claim(const model::Placement& held);
  bool granted(const model::Placement& held);
  Changed adopt(const Candidate& where);
  Changed move(const Epoch& expected, std::vector<Candidate> candidates);
  std::optional<model::Placement> lookup();
  OriginUpserted upsert(OriginUpsert request);
  OriginUpserted upsert(const std::string& origin, const std::string& process = "p1");
  Candidate origin(const std::string& id);
  bool declare_dead(const IncarnationId& incarnation, Duration age = {});
  RecordWritten order(RecordKind kind, const std::string& name, std::optional<std::string> value,
                      std::optional<Revision> expected = {});
  RecordsRestored restore(std::vector<Record> kept, bool complete);
  void cordon(const std::string& origin, bool on = true);
  void renew(const std::string& forwarder);
  GenerationState generation();

  static model::Holder session(const std::string& id, const std::string& forwarder = "f1");
  static HolderRef ref(const model::Placement& placement);
  AcquireRequest request(const model::Holder& holder, std::vector<Candidate> candidates) const;

  /// Runs one verb to its answer; the answer must not come inside the call.
  template <class T, class Call>
  Reply<T> ask(Call call) {
    std::optional<Reply<T>> reply;
    int answers = 0;
    call([&](Reply<T> got) {
      ++answers;
      reply = std::move(got);
    });
    EXPECT_EQ(answers, 0) << "the completion ran inside the call";
    under_test_->deliver();
    EXPECT_EQ(answers, 1) << "each verb is answered once";
    return reply ? *std::move(reply) : Reply<T>(StoreError::kUnavailable);
  }
  template <class T>
  static T value(Reply<T> reply) {
    if (const auto* error = std::get_if<StoreError>(&reply)) {
      ADD_FAILURE() << "store error " << static_cast<int>(*error);
      return T{};
    }
    return std::get<T>(std::move(reply));
  }
  template <class T>
  static std::optional<StoreError> error(const Reply<T>& reply) {
    if (const auto* error = std::get_if<StoreError>(&reply)) return *error;
    return std::nullopt;
  }

  std::unique_ptr<StoreUnderTest> under_test_;
  StreamKey stream_;
  Caller caller_;
};

/// A store that has settled, with two origins.
class StateStoreSettled : public StateStoreConformance {
 protected:
  void SetUp() override;
  AcquireRequest takeover(const model::Holder& holder, const AcquireResult& held,
                          Takeover::Evidence evidence) const;
  /// Bound and confirmed.
  AcquireResult publish(const model::Holder& holder);

  Candidate o1_, o2_;
};

// The chapters of the suite: state_store_<chapter>_test.cc.
class StateStoreAcquire : public StateStoreSettled {};
class StateStorePlacements : public StateStoreSettled {};
class StateStoreAdopt : public StateStoreSettled {};
class StateStoreOrigins : public StateStoreConformance {
 protected:
  void SetUp() override;
};
class StateStoreOrders : public StateStoreSettled {
 protected:
  std::vector<Record> records();
};
class StateStoreHistory : public StateStoreConformance {};
class StateStoreFeed : public StateStoreConformance {};
class StateStoreRecords : public StateStoreSettled {
 protected:
  RecordWritten put(RecordWrite write);
  std::size_t restore_records(std::vector<Record> kept, bool complete = false);
};
class StateStorePost : public StateStoreConformance {
 protected:
  bool bulletin(const ReplicaId& from, std::string bytes);
  bool broadcast(const ReplicaId& from, std::string bytes);
  bool send(Mailbox to, Command command);
  std::vector<Command> take(Mailbox from);
  /// Time enough for what was said to reach every subscriber.
  void hear() { advance(std::chrono::milliseconds(100)); }
};

#define WEIR_STATE_STORE_CONFORMANCE(name, factory)                                 \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreAcquire, ::testing::Values(factory));    \
  INSTANTIATE_TEST_SUITE_P(name, StateStorePlacements, ::testing::Values(factory)); \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreAdopt, ::testing::Values(factory));      \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreOrigins, ::testing::Values(factory));    \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreOrders, ::testing::Values(factory));     \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreHistory, ::testing::Values(factory));    \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreFeed, ::testing::Values(factory));       \
  INSTANTIATE_TEST_SUITE_P(name, StateStoreRecords, ::testing::Values(factory));    \
  INSTANTIATE_TEST_SUITE_P(name, StateStorePost, ::testing::Values(factory))

}  // namespace weir::store
