// The embedded store under the conformance suite, and what only it promises.

#include "controlplane/store/memory/memory_state_store.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/memory_store_under_test.h"
#include "tests/conformance/state_store_conformance.h"
#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::store {
namespace {

using testing::ManualClock;
using testing::ManualExecutor;

const StoreFactory kMemory{"memory", [] { return std::make_unique<MemoryStoreUnderTest>(); }};
WEIR_STATE_STORE_CONFORMANCE(Memory, kMemory);

class MemoryStateStoreTest : public ::testing::Test {
 protected:
  void start(MemoryStateStore& store) {
    store.raise_generation(0, 0, {}, [](Reply<GenerationState>) {});
    executor_.advance(kSettlingFirst);
  }
  StreamKey stream(int number) {
    return make_stream_key(kDefaultVhost, "live", "s" + std::to_string(number)).value();
  }

  ManualClock clock_;
  ManualExecutor executor_{clock_};
};

TEST_F(MemoryStateStoreTest, AnswersAVerbThatWasCalledAlsoWhenItGoesBeforeTheAnswerIsDelivered) {
  auto store = std::make_unique<MemoryStateStore>(executor_, clock_);
  int answers = 0;
  store->read_generation({}, [&](Reply<GenerationState>) { ++answers; });
  store.reset();
  executor_.run_ready();
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(executor_.timers(), 0U);
}

TEST_F(MemoryStateStoreTest, DeliversNoChangeAfterItIsGone) {
  auto store = std::make_unique<MemoryStateStore>(executor_, clock_);
  int changes = 0;
  store->subscribe([](Reply<Snapshot>) {}, [&](const Change&) { ++changes; });
  store->raise_generation(0, 0, {}, [](Reply<GenerationState>) {});
  store.reset();
  executor_.run_ready();
  EXPECT_EQ(changes, 0);
}

TEST_F(MemoryStateStoreTest, AnAnswerComesNotBeforeWhatItAnswersIsInTheFeed) {
  MemoryStateStore store(executor_, clock_);
  int changes = 0;
  int changes_at_answer = 0;
  store.subscribe([](Reply<Snapshot>) {}, [&](const Change&) { ++changes; });
  store.raise_generation(0, 0, {}, [&](Reply<GenerationState>) { changes_at_answer = changes; });
  executor_.run_ready();
  EXPECT_EQ(changes_at_answer, 1);
}

TEST_F(MemoryStateStoreTest, RefusesAClaimRatherThanForgetAnEpochWhenItsTableOfLastEpochsIsFull) {
  MemoryStateStore store(executor_, clock_, /*last_epochs_max=*/2);
  start(store);
  OriginUpsert origin;
  origin.description.id = OriginId("o1");
  origin.process = "p";
  IncarnationId incarnation;
  store.upsert_origin(origin, {}, [&](Reply<OriginUpserted> reply) {
    incarnation = std::get<OriginUpserted>(reply).record.incarnation;
  });
  executor_.run_ready();
  // Three streams come and go; the table holds the last epochs of two.
  std::vector<model::Placement> placed;
  for (int i = 0; i < 3; ++i) {
    AcquireRequest request;
    request.stream = stream(i);
    request.holder = model::DirectHolder{};
    request.candidates = {{OriginId("o1"), incarnation}};
    store.acquire(request, {}, [&](Reply<AcquireResult> reply) {
      placed.push_back(std::get<AcquireResult>(reply).placement.value());
    });
    executor_.run_ready();
    store.release({placed.back().stream, placed.back().holder, placed.back().epoch}, {},
                  [](Reply<Changed>) {});
    executor_.run_ready();
  }
  const auto granted = [&](const StreamKey& key, Epoch epoch) {
    bool result = false;
    store.claim({{key, model::DirectHolder{}, epoch}, OriginId("o1"), incarnation}, {},
                [&](Reply<Changed> reply) { result = std::get<Changed>(reply).changed; });
    executor_.run_ready();
    return result;
  };
  const Epoch below{placed[0].epoch.generation, placed[0].epoch.counter - 1};
  EXPECT_FALSE(granted(stream(0), below)) << "its last epoch was dropped: nobody can tell";
  EXPECT_FALSE(granted(stream(9), below)) << "the same for a stream that was never placed";
  EXPECT_TRUE(granted(stream(0), placed[0].epoch));
  EXPECT_TRUE(granted(stream(2), placed[2].epoch));
}

TEST_F(MemoryStateStoreTest, PlacesAHundredThousandStreamsOnTenThousandOrigins) {
  MemoryStateStore store(executor_, clock_);
  start(store);
  std::vector<Candidate> origins;
  for (int i = 0; i < 10'000; ++i) {
    OriginUpsert origin;
    origin.description.id = OriginId("o" + std::to_string(i));
    origin.description.endpoints = {{model::Protocol::kRtmp, "10.0.0.1:" + std::to_string(i)}};
    origin.process = "p" + std::to_string(i);
    store.upsert_origin(origin, {}, [&](Reply<OriginUpserted> reply) {
      const auto& record = std::get<OriginUpserted>(reply).record;
      origins.push_back({record.description.id, record.incarnation});
    });
  }
  executor_.run_ready();
  ASSERT_EQ(origins.size(), 10'000U);
  int bound = 0;
  for (int i = 0; i < 100'000; ++i) {
    AcquireRequest request;
    request.stream = stream(i);
    request.holder = model::SessionHolder{ForwarderId("f"), SessionId(std::to_string(i))};
    request.candidates = {origins[static_cast<std::size_t>(i) % origins.size()]};
    store.acquire(std::move(request), {}, [&](Reply<AcquireResult> reply) {
      bound += std::get<AcquireResult>(reply).outcome == AcquireOutcome::kBound ? 1 : 0;
    });
    executor_.run_ready();
  }
  EXPECT_EQ(bound, 100'000);
}

}  // namespace
}  // namespace weir::store
