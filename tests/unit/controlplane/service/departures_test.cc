// Departures: order, batches, and what is added while a batch leaves.

#include "controlplane/service/departures.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/support/manual_executor.h"

namespace weir::service {
namespace {

using namespace std::chrono_literals;

class DeparturesOfTheCore : public ::testing::Test {
 protected:
  void add(int number) {
    departures.add([this, number] {
      const std::lock_guard lock(mutex);
      started.push_back(number);
      on.push_back(std::this_thread::get_id());
      changed.notify_all();
    });
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, 10s, [&] { return started.size() >= count; }));
  }

  testing::ManualClock clock;
  testing::ManualExecutor executor{clock};
  Departures departures{executor};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> started;
  std::vector<std::thread::id> on;
};

TEST_F(DeparturesOfTheCore, NothingStartsInsideTheCallThatAddsIt) {
  add(1);
  EXPECT_TRUE(started.empty());
}

TEST_F(DeparturesOfTheCore, WhatIsAloneStartsOnTheCoresOwnThread) {
  add(1);
  executor.run_ready();
  ASSERT_EQ(started, std::vector<int>{1});
  EXPECT_EQ(on[0], std::this_thread::get_id());
}

TEST_F(DeparturesOfTheCore, WhatIsAddedInOneTurnStartsInOrderOnOneOtherThread) {
  std::vector<int> wanted;
  for (int number = 0; number < 500; ++number) {
    add(number);
    wanted.push_back(number);
  }
  executor.run_ready();
  wait_for(500);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(started, wanted);
  EXPECT_EQ(std::count(on.begin(), on.end(), on[0]), 500);
  EXPECT_NE(on[0], std::this_thread::get_id());
}

TEST_F(DeparturesOfTheCore, TheOrderHoldsAcrossBatches) {
  std::vector<int> wanted;
  for (int number = 0; number < 3'000; ++number) {
    add(number);
    wanted.push_back(number);
    if (number % 7 == 0) executor.run_ready();
  }
  executor.run_ready();
  wait_for(3'000);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(started, wanted);
}

}  // namespace
}  // namespace weir::service
