#pragma once
// LoadSampler: what an adapter read of one origin becomes the load that is reported.
//
// Purpose: one place for counters -> rates, ticks -> utilisation, and "unknown" kept apart from 0.
// Threading: one thread. Lifetime: one per origin; reset() when a new incarnation begins.

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "origin-agent/sampling/rate_meter.h"

namespace weir::agent {

/// Readings of one moment. Absent = this adapter or this moment cannot tell.
struct RawReading {
  std::optional<double> cpu_seconds;  ///< user + system time of the process since it began
  std::optional<double> used_cores;   ///< a rate by itself; only where cpu_seconds is absent
  double cores = 1;                   ///< cores the process can use at once
  std::optional<std::uint64_t> resident_bytes;
  std::uint64_t memory_bytes = 0;  ///< of the machine
  std::optional<std::uint64_t> ingress_bytes;
  std::optional<std::uint64_t> egress_bytes;
  std::uint32_t open_files = 0;
  std::uint32_t open_files_max = 0;
  std::optional<std::uint32_t> streams;
  std::optional<std::uint32_t> players;
  std::optional<std::uint32_t> connections;
  std::optional<Duration> probe_time;
};

/// Load as reported (proto OriginLoad): gauges, and counters since the incarnation began.
struct LoadSample {
  double cpu_utilization = -1;  ///< may exceed 1; negative = unknown
  double mem_utilization = -1;
  std::uint32_t streams = 0;
  std::uint32_t players = 0;
  std::uint32_t connections = 0;
  double ingress_bits_per_second = 0;
  double egress_bits_per_second = 0;
  std::uint64_t ingress_bytes_total = 0;
  std::uint64_t egress_bytes_total = 0;
  std::uint32_t open_files = 0;
  std::uint32_t open_files_max = 0;
  std::optional<Duration> probe_time;
};

class LoadSampler {
 public:
  void update(MonotonicTime now, const RawReading& reading);
  void reset();
  const LoadSample& sample() const { return sample_; }

 private:
  RateMeter cpu_, ingress_, egress_;
  bool cpu_known_ = false;
  LoadSample sample_;
};

}  // namespace weir::agent
