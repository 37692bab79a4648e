#include "common/async/signals.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::async {
namespace {

/// Runs until `calls` has grown; the signal itself arrives through a pipe of the io_context.
void raise_and_run(boost::asio::io_context& io, int signal, const std::string& calls) {
  const std::size_t before = calls.size();
  std::raise(signal);
  while (calls.size() == before && io.run_one_for(std::chrono::seconds(10)) > 0) {
  }
}

TEST(Signals, FirstDrainsAndSecondStops) {
  boost::asio::io_context io;
  std::string calls;
  const Signals signals(io, [&] { calls += "drain "; }, [&] { calls += "stop "; });
  raise_and_run(io, SIGTERM, calls);
  EXPECT_EQ(calls, "drain ");
  raise_and_run(io, SIGINT, calls);
  EXPECT_EQ(calls, "drain stop ");
  raise_and_run(io, SIGTERM, calls);
  EXPECT_EQ(calls, "drain stop stop ");
}

TEST(Signals, WritingToAClosedPipeIsAnError) {
  boost::asio::io_context io;
  const Signals signals(io, [] {}, [] {});
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

}  // namespace
}  // namespace weir::async
