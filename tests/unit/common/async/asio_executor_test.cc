#include "common/async/asio_executor.h"

#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace weir::async {
namespace {

using std::chrono::milliseconds;

TEST(AsioExecutor, RunsPostedWorkInOrderAndNeverInsideThePost) {
  boost::asio::io_context io;
  AsioExecutor executor(io);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) executor.post([&order, i] { order.push_back(i); });
  EXPECT_TRUE(order.empty());
  io.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(AsioExecutor, TakesWorkFromOtherThreads) {
  boost::asio::io_context io;
  AsioExecutor executor(io);
  int runs = 0;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) executor.post([&runs] { ++runs; });
  });
  other.join();
  io.run();
  EXPECT_EQ(runs, 100);
}

TEST(AsioExecutor, TimersRunByTheirDelay) {
  boost::asio::io_context io;
  AsioExecutor executor(io);
  std::vector<int> order;
  executor.run_after(milliseconds(20), [&order] { order.push_back(2); });
  executor.run_after(milliseconds(1), [&order] { order.push_back(1); });
  io.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(AsioExecutor, CancelledTimerNeverRunsEvenWhenItsExpiryIsQueued) {
  boost::asio::io_context io;
  AsioExecutor executor(io);
  bool second_ran = false;
  TimerId second = 0;
  // Both expire at once; the first cancels the second while that one waits in the queue.
  executor.run_after(milliseconds(0), [&] { executor.cancel(second); });
  second = executor.run_after(milliseconds(0), [&] { second_ran = true; });
  executor.cancel(12345);  // unknown ids are ignored
  io.run();
  EXPECT_FALSE(second_ran);
}

TEST(AsioExecutor, DropsWhatIsLeftWhenItIsDestroyed) {
  boost::asio::io_context io;
  auto executor = std::make_unique<AsioExecutor>(io);
  const auto owned = std::make_shared<int>(0);
  executor->post([owned] { ++*owned; });
  executor->run_after(milliseconds(0), [owned] { ++*owned; });
  executor.reset();
  io.run();
  EXPECT_EQ(*owned, 0);
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(AsioExecutor, TimerMayDestroyItsExecutor) {
  boost::asio::io_context io;
  auto executor = std::make_unique<AsioExecutor>(io);
  executor->run_after(milliseconds(0), [&executor] { executor.reset(); });
  io.run();
  EXPECT_EQ(executor, nullptr);
}

}  // namespace
}  // namespace weir::async
