#include "origin-agent/sampling/load_sampler.h"

#include <gtest/gtest.h>

namespace weir::agent {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1000h};

TEST(LoadSamplerTest, WhatIsUnknownIsNotZero) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{});
  EXPECT_LT(sampler.sample().cpu_utilization, 0);
  EXPECT_LT(sampler.sample().mem_utilization, 0);
}

TEST(LoadSamplerTest, CpuIsRelativeToTheCoresTheServerCanUse) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{.cpu_seconds = 10, .cores = 2});
  EXPECT_LT(sampler.sample().cpu_utilization, 0) << "one reading is no rate";
  sampler.update(kStart + 1s, RawReading{.cpu_seconds = 11, .cores = 2});
  EXPECT_DOUBLE_EQ(sampler.sample().cpu_utilization, 0.5);
}

TEST(LoadSamplerTest, TrafficIsReportedInBitsAndItsTotalsInBytes) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{.ingress_bytes = 1000, .egress_bytes = 0});
  sampler.update(kStart + 1s, RawReading{.ingress_bytes = 2000, .egress_bytes = 500});
  EXPECT_DOUBLE_EQ(sampler.sample().ingress_bits_per_second, 8000);
  EXPECT_DOUBLE_EQ(sampler.sample().egress_bits_per_second, 4000);
  EXPECT_EQ(sampler.sample().ingress_bytes_total, 2000U);
  EXPECT_EQ(sampler.sample().egress_bytes_total, 500U);
}

TEST(LoadSamplerTest, AMissedReadingKeepsTheLastProbeTimeAndTraffic) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{.ingress_bytes = 0, .probe_time = 3ms});
  sampler.update(kStart + 1s, RawReading{.ingress_bytes = 1000, .streams = 2});
  sampler.update(kStart + 2s, RawReading{.streams = 1});
  EXPECT_DOUBLE_EQ(sampler.sample().ingress_bits_per_second, 8000);
  EXPECT_EQ(sampler.sample().probe_time, Duration(3ms));
  EXPECT_EQ(sampler.sample().streams, 1U);
}

TEST(LoadSamplerTest, AMissedLookIsNoEmptyServer) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{.streams = 7, .players = 3, .connections = 12});
  sampler.update(kStart + 1s, RawReading{});
  EXPECT_EQ(sampler.sample().streams, 7U);
  EXPECT_EQ(sampler.sample().players, 3U);
  EXPECT_EQ(sampler.sample().connections, 12U);
}

TEST(LoadSamplerTest, UsedCoresCountWhereProcessorTimeIsUnknown) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{.used_cores = 0.5, .cores = 2});
  EXPECT_DOUBLE_EQ(sampler.sample().cpu_utilization, 0.25);
}

TEST(LoadSamplerTest, ANewIncarnationStartsAtNothing) {
  LoadSampler sampler;
  sampler.update(kStart, RawReading{.cpu_seconds = 5, .ingress_bytes = 1 << 20});
  sampler.reset();
  sampler.update(kStart + 1s, RawReading{.cpu_seconds = 0.1, .ingress_bytes = 10});
  EXPECT_LT(sampler.sample().cpu_utilization, 0);
  EXPECT_EQ(sampler.sample().ingress_bytes_total, 10U);
}

}  // namespace
}  // namespace weir::agent
