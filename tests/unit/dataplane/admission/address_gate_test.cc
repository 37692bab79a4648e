#include "dataplane/admission/address_gate.h"

#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dataplane/admission/limits.h"
#include "tests/support/manual_clock.h"

namespace weir::admission {
namespace {

using namespace std::chrono_literals;

class AddressGateTest : public ::testing::Test {
 protected:
  AddressGate::Answer ask(std::string_view address) {
    return gate.admit(*IpAddress::parse(address), clock.now());
  }
  /// Takes `count` places; how many it got.
  std::size_t take(std::string_view address, std::size_t count) {
    std::size_t got = 0;
    for (std::size_t i = 0; i < count; ++i) {
      auto answer = ask(address);
      if (answer.refusal) continue;
      held.push_back(std::move(answer.ticket));
      ++got;
    }
    return got;
  }
  void fail(std::string_view address, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ask(address).ticket.failed(clock.now());
  }

  testing::ManualClock clock;
  AddressGate gate;
  std::vector<AddressGate::Ticket> held;
};

TEST_F(AddressGateTest, WithoutLimitsNobodyIsRefused) {
  EXPECT_EQ(take("192.0.2.1", 1000), 1000U);
}

TEST_F(AddressGateTest, ConnectionsAtOnceAreCappedPerAddressAndAPlaceComesBack) {
  gate.set_limits({.concurrent = 3});
  EXPECT_EQ(take("192.0.2.1", 5), 3U);
  EXPECT_EQ(ask("192.0.2.1").refusal, Refusal::kConcurrent);
  EXPECT_EQ(take("192.0.2.2", 5), 3U);
  held.erase(held.begin());
  EXPECT_EQ(take("192.0.2.1", 2), 1U);
}

TEST_F(AddressGateTest, AnIPv4ClientIsOneWhicheverListenerTakesIt) {
  gate.set_limits({.concurrent = 1});
  EXPECT_EQ(take("192.0.2.1", 1), 1U);
  EXPECT_EQ(take("::ffff:192.0.2.1", 1), 0U);
}

TEST_F(AddressGateTest, AnIPv6ClientIsItsWholeSlash64) {
  gate.set_limits({.concurrent = 2});
  EXPECT_EQ(take("2001:db8:0:1::1", 1), 1U);
  EXPECT_EQ(take("2001:db8:0:1:ffff::2", 1), 1U);
  EXPECT_EQ(take("2001:db8:0:1::3", 1), 0U);
  EXPECT_EQ(take("2001:db8:0:2::1", 1), 1U);
}

TEST_F(AddressGateTest, NewConnectionsComeOutOfABucketThatFillsAgain) {
  gate.set_limits({.connects_per_second = 10});
  EXPECT_EQ(take("192.0.2.1", 50), 20U);  // two seconds' worth at once
  EXPECT_EQ(ask("192.0.2.1").refusal, Refusal::kRate);
  clock.advance(500ms);
  EXPECT_EQ(take("192.0.2.1", 50), 5U);
  clock.advance(1h);
  EXPECT_EQ(take("192.0.2.1", 50), 20U);
  EXPECT_EQ(take("192.0.2.2", 50), 20U);
}

TEST_F(AddressGateTest, ConnectionsThatEndDoNotFillTheBucket) {
  gate.set_limits({.connects_per_second = 10});
  EXPECT_EQ(take("192.0.2.1", 20), 20U);
  held.clear();
  EXPECT_EQ(take("192.0.2.1", 20), 0U);
}

TEST_F(AddressGateTest, TooManyFailedIdentificationsAreRefusedForAWhile) {
  gate.set_limits({.failures_per_minute = 10});
  fail("192.0.2.1", 10);
  EXPECT_FALSE(ask("192.0.2.1").refusal);
  EXPECT_TRUE(ask("192.0.2.1").ticket.failed(clock.now()));
  EXPECT_EQ(ask("192.0.2.1").refusal, Refusal::kFailures);
  EXPECT_FALSE(ask("192.0.2.2").refusal);
  clock.advance(kRefusedFor - 1ms);
  EXPECT_EQ(ask("192.0.2.1").refusal, Refusal::kFailures);
  clock.advance(1ms);
  EXPECT_FALSE(ask("192.0.2.1").refusal);
}

TEST_F(AddressGateTest, FailuresAreForgottenAtTheirRate) {
  gate.set_limits({.failures_per_minute = 10});
  for (int i = 0; i < 100; ++i) {
    fail("192.0.2.1", 1);
    clock.advance(6s);
  }
  EXPECT_FALSE(ask("192.0.2.1").refusal);
}

TEST_F(AddressGateTest, ClientsThatIdentifyThemselvesOrJustCloseAreNoFailures) {
  gate.set_limits({.failures_per_minute = 1});
  for (int i = 0; i < 100; ++i) {
    auto answer = ask("192.0.2.1");
    if (i % 2 == 0) answer.ticket.identified();
    EXPECT_FALSE(answer.refusal);
    if (i % 2 == 0) {
      EXPECT_FALSE(answer.ticket.failed(clock.now()));
    }
  }
}

TEST_F(AddressGateTest, AnAddressWithRunningSessionsIsAllowedAsManyMoreFailures) {
  gate.set_limits({.failures_per_minute = 10});
  take("192.0.2.1", 30);
  for (auto& ticket : held) ticket.identified();
  fail("192.0.2.1", 40);
  EXPECT_FALSE(ask("192.0.2.1").refusal);
  fail("192.0.2.1", 1);
  EXPECT_EQ(ask("192.0.2.1").refusal, Refusal::kFailures);
}

TEST_F(AddressGateTest, ExemptNetworksAreNeverCounted) {
  gate.set_limits({.concurrent = 1,
                   .connects_per_second = 1,
                   .failures_per_minute = 1,
                   .exempt = {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("::1")}});
  EXPECT_EQ(take("10.1.2.3", 100), 100U);
  EXPECT_EQ(take("::1", 100), 100U);
  fail("10.1.2.3", 100);
  EXPECT_FALSE(ask("10.1.2.3").refusal);
  EXPECT_EQ(gate.size(), 0U);
  EXPECT_EQ(take("11.0.0.1", 100), 1U);
}

TEST_F(AddressGateTest, ALargeShareIsToldOnce) {
  gate.set_limits({.large_share = 3});
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    auto answer = ask("192.0.2.1");
    told += answer.large_share;
    held.push_back(std::move(answer.ticket));
  }
  EXPECT_EQ(told, 1);
}

TEST_F(AddressGateTest, ATicketThatMovesIsGivenBackOnce) {
  gate.set_limits({.concurrent = 1});
  auto first = ask("192.0.2.1").ticket;
  auto second = std::move(first);
  EXPECT_EQ(take("192.0.2.1", 1), 0U);
  second = ask("192.0.2.2").ticket;  // as a PROXY header does
  EXPECT_EQ(take("192.0.2.1", 1), 1U);
  EXPECT_EQ(take("192.0.2.2", 1), 0U);
}

TEST_F(AddressGateTest, TheTableIsBoundedAndTheLongestIdleGoFirst) {
  gate.set_limits({.concurrent = 1, .failures_per_minute = 1});
  fail("198.51.100.1", 2);
  EXPECT_EQ(ask("198.51.100.1").refusal, Refusal::kFailures);
  take("198.51.100.2", 1);
  for (std::size_t i = 0; i < 2 * kAddressesMax; ++i) {
    auto answer = ask(fmt::format("2001:db8:{:x}:{:x}::1", i >> 16U, i & 0xffffU));
    EXPECT_FALSE(answer.refusal);
    answer.ticket.failed(clock.now());
    ASSERT_LE(gate.size(), kAddressesMax);
  }
  // Forgotten: the price of a bound. Those with connections never are.
  EXPECT_FALSE(ask("198.51.100.1").refusal);
  EXPECT_EQ(ask("198.51.100.2").refusal, Refusal::kConcurrent);
}

TEST_F(AddressGateTest, FullOfOpenConnectionsItLetsOthersInUncounted) {
  gate.set_limits({.concurrent = 1});
  for (std::size_t i = 0; i < kAddressesMax; ++i)
    held.push_back(ask(fmt::format("2001:db8:{:x}:{:x}::1", i >> 16U, i & 0xffffU)).ticket);
  EXPECT_EQ(take("192.0.2.1", 5), 5U);
  EXPECT_EQ(gate.size(), kAddressesMax);
}

TEST_F(AddressGateTest, AddressesWithNothingToRememberAreForgotten) {
  gate.set_limits({.concurrent = 9, .connects_per_second = 10, .failures_per_minute = 10});
  for (int i = 0; i < 200; ++i) take(fmt::format("192.0.2.{}", i), 1);
  held.clear();
  EXPECT_EQ(gate.size(), 200U);
  clock.advance(1min);
  for (int i = 0; i < 200; ++i) take("198.51.100.1", 1);
  EXPECT_LE(gate.size(), 1U);
}

TEST_F(AddressGateTest, WorkersMayAskAtTheSameTime) {
  gate.set_limits({.concurrent = 50, .failures_per_minute = 1'000'000});
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w)
    workers.emplace_back([this, w] {
      std::vector<AddressGate::Ticket> mine;
      for (std::uint8_t i = 0; i < 250; ++i) {
        for (int address = 0; address < 8; ++address) {
          auto answer =
              gate.admit(*IpAddress::parse(fmt::format("192.0.2.{}", address)), clock.now());
          if (answer.refusal) continue;
          if (i % 3 == w % 3) answer.ticket.identified();
          answer.ticket.failed(clock.now());
          mine.push_back(std::move(answer.ticket));
        }
        if (i % 5 == 0) mine.clear();
      }
    });
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(take("192.0.2.1", 100), 50U);
}

}  // namespace
}  // namespace weir::admission
