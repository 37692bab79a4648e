#include "dataplane/io/load_shedder.h"

#include <array>
#include <cstddef>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "dataplane/io/lingering_set.h"
#include "dataplane/io/poller.h"
#include "tests/support/manual_clock.h"

namespace weir::io {
namespace {

constexpr std::size_t kBound = 1'600'000;

/// The second of three workers, none of which has a session that could be ended.
class LoadShedderTest : public ::testing::Test {
 protected:
  LoadShedderTest() {
    totals.queued_bytes_max = kBound;
    for (std::size_t i = 0; i < woken.size(); ++i)
      totals.wake.emplace_back([this, i] { ++woken[i]; });
    context.number = 1;
    context.lingering = &lingering;
  }
  ~LoadShedderTest() override { context.origin_blocks.count_elsewhere(held, 0); }
  void hold_for_origins(std::size_t bytes) {
    context.origin_blocks.count_elsewhere(held, bytes);
    held = bytes;
  }

  boost::asio::io_context io{1};
  testing::ManualClock clock;
  ProcessTotals totals;
  Poller poller{io, [] {}};
  WorkerContext context{clock, totals, poller};
  LingeringSet lingering{context};
  LoadShedder shedder{context};
  std::array<int, 3> woken{};
  std::size_t held = 0;
};

TEST_F(LoadShedderTest, OthersAreNotWokenForEveryEventWhileNobodyMayBeEnded) {
  hold_for_origins(kBound + kBound / 8);
  for (int event = 0; event < 1000; ++event) shedder.relieve();
  EXPECT_EQ(woken, (std::array{1, 0, 1}));
  clock.advance(kOthersAskedEvery);
  for (int event = 0; event < 1000; ++event) shedder.relieve();
  EXPECT_EQ(woken, (std::array{2, 0, 2}));
}

TEST_F(LoadShedderTest, OthersAreWokenAtOnceWhenSomethingWasEndedMeanwhile) {
  hold_for_origins(kBound + kBound / 8);
  shedder.relieve();
  totals.shed += 3;
  shedder.relieve();
  shedder.relieve();
  EXPECT_EQ(woken, (std::array{2, 0, 2}));
}

TEST_F(LoadShedderTest, NobodyIsWokenBelowTheBound) {
  hold_for_origins(kBound);
  shedder.relieve();
  EXPECT_EQ(woken, (std::array{0, 0, 0}));
}

}  // namespace
}  // namespace weir::io
