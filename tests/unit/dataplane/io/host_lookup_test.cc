#include "dataplane/io/host_lookup.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dataplane/io/limits.h"
#include "dataplane/io/socket_options.h"

namespace weir::io {
namespace {

/// A resolver whose answers the test gives; shared with threads that may outlive the test.
struct Names {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> asked;
  bool slow_may_answer = false;

  Result<HostLookup::Addresses> resolve(const std::string& host) {
    std::unique_lock lock(mutex);
    ++asked[host];
    if (host.starts_with("slow")) changed.wait(lock, [this] { return slow_may_answer; });
    if (host == "unknown")
      return make_error(boost::system::errc::host_unreachable, "no such host", Side::kOrigin);
    return HostLookup::Addresses{*literal_address("192.0.2.1", 0), *literal_address("::1", 0)};
  }
};

class HostLookupTest : public ::testing::Test {
 protected:
  ~HostLookupTest() override { let_slow_answer(); }
  void let_slow_answer() {
    {
      const std::lock_guard lock(names->mutex);
      names->slow_may_answer = true;
    }
    names->changed.notify_all();
  }
  std::uint64_t start(const std::string& host) {
    return lookup.start(host, 1935, [this, host](Result<HostLookup::Addresses> found) {
      std::string text = host + ":";
      if (!found) {
        text += " " + std::to_string(found.error().code.value());
      } else {
        for (const SocketAddress& address : *found) text += " " + address.str();
      }
      told.push_back(text);
    });
  }
  /// Until so many were told.
  void run(std::size_t count) {
    while (told.size() < count && io.run_one_for(std::chrono::seconds(10)) > 0) {
    }
    ASSERT_GE(told.size(), count);
  }

  std::shared_ptr<Names> names = std::make_shared<Names>();
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  HostLookup lookup{io, [names = names](const std::string& host) { return names->resolve(host); }};
  std::vector<std::string> told;
};

TEST_F(HostLookupTest, TellsEveryAddressWithThePortAsked) {
  EXPECT_NE(start("origin"), 0U);
  EXPECT_TRUE(told.empty());
  run(1);
  EXPECT_EQ(told[0], "origin: 192.0.2.1:1935 [::1]:1935");
}

TEST_F(HostLookupTest, TellsThatANameIsNotKnown) {
  start("unknown");
  run(1);
  EXPECT_EQ(told[0], fmt::format("unknown: {}", EHOSTUNREACH));
}

TEST_F(HostLookupTest, ASlowNameDelaysOnlyThoseWhoWantIt) {
  for (int i = 0; i < 20; ++i) start("slow");
  start("origin");
  run(1);
  EXPECT_EQ(told[0].substr(0, 7), "origin:");
  let_slow_answer();
  run(21);
  const std::lock_guard lock(names->mutex);
  EXPECT_EQ(names->asked["slow"], 1);  // one thread, however many wait
}

TEST_F(HostLookupTest, AnyNumberMayWaitForOneName) {
  const std::size_t many = kLookupsMax * 10;
  for (std::size_t i = 0; i < many; ++i) ASSERT_NE(start("slow"), 0U) << i;
  // Those that give up and come back leave nothing behind that others would wait for.
  for (std::size_t i = 0; i < many; ++i) lookup.cancel(start("slow"));
  EXPECT_NE(start("slow"), 0U);
  let_slow_answer();
  run(many + 1);
  EXPECT_EQ(std::ranges::count(told, "slow: 192.0.2.1:1935 [::1]:1935"),
            static_cast<std::ptrdiff_t>(many + 1));
}

TEST_F(HostLookupTest, AnAnswerServesForAMomentAndIsToldInALaterTurn) {
  start("origin");
  run(1);
  for (int i = 0; i < 10; ++i) start("origin");
  lookup.cancel(start("origin"));
  EXPECT_EQ(told.size(), 1U);
  run(11);
  EXPECT_EQ(told.back(), "origin: 192.0.2.1:1935 [::1]:1935");
  const auto asked = [this] {
    const std::lock_guard lock(names->mutex);
    return names->asked["origin"];
  };
  EXPECT_EQ(asked(), 1);
  io.poll();
  io.run_one_for(kLookupKeptFor * 10);  // nothing is left but the end of the answer
  start("origin");
  run(12);
  EXPECT_EQ(asked(), 2);
}

TEST_F(HostLookupTest, EveryLookupHasADeadline) {
  for (std::size_t i = 0; i < kLookupThreadsMax; ++i) start(fmt::format("slow{}", i));
  start("behind");
  run(kLookupThreadsMax + 1);
  for (const std::string& text : told)
    EXPECT_NE(text.find(fmt::format(": {}", ETIMEDOUT)), std::string::npos) << text;
}

TEST_F(HostLookupTest, ACancelledOneIsNotTold) {
  lookup.cancel(start("slow"));
  start("slow");
  let_slow_answer();
  run(1);
  io.run_for(std::chrono::milliseconds(1));
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(HostLookupTest, LookupsUnderWayAreBounded) {
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 0; i < kLookupsMax; ++i) ids.push_back(start(fmt::format("slow{}", i)));
  EXPECT_EQ(start("one more"), 0U);
  // Those that nobody waits for still hold their names until they are answered.
  for (const std::uint64_t id : ids) lookup.cancel(id);
  EXPECT_EQ(start("one more"), 0U);
  let_slow_answer();
  io.run_for(std::chrono::milliseconds(1));
  while (start("one more") == 0) io.run_one_for(std::chrono::seconds(10));
  run(1);
}

TEST(LegEnd, AShortageOfThisHostIsNotTheOriginsDoing) {
  for (const int error : {EADDRNOTAVAIL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC})
    EXPECT_EQ(leg_end_of(error), relay::LegEnd::kNoResources) << error;
  EXPECT_EQ(leg_end_of(ECONNREFUSED), relay::LegEnd::kRefused);
  EXPECT_EQ(leg_end_of(ETIMEDOUT), relay::LegEnd::kTimedOut);
  EXPECT_EQ(leg_end_of(EHOSTUNREACH), relay::LegEnd::kUnreachable);
  EXPECT_EQ(leg_end_of(ECONNRESET), relay::LegEnd::kReset);
}

}  // namespace
}  // namespace weir::io
