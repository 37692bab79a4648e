#include "origin-agent/sampling/load_sampler.h"

#include <algorithm>

namespace weir::agent {

void LoadSampler::update(MonotonicTime now, const RawReading& reading) {
  if (reading.cpu_seconds) {
    cpu_.update(now, *reading.cpu_seconds);
    // The first reading is the base line only: a rate needs two.
    if (cpu_known_) sample_.cpu_utilization = cpu_.rate() / std::max(reading.cores, 0.01);
    cpu_known_ = true;
  } else if (reading.used_cores) {
    sample_.cpu_utilization = *reading.used_cores / std::max(reading.cores, 0.01);
  }
  if (reading.resident_bytes && reading.memory_bytes > 0) {
    sample_.mem_utilization =
        static_cast<double>(*reading.resident_bytes) / static_cast<double>(reading.memory_bytes);
  }
  if (reading.ingress_bytes) {
    ingress_.update(now, static_cast<double>(*reading.ingress_bytes));
    sample_.ingress_bits_per_second = ingress_.rate() * 8;
    sample_.ingress_bytes_total = static_cast<std::uint64_t>(ingress_.total());
  }
  if (reading.egress_bytes) {
    egress_.update(now, static_cast<double>(*reading.egress_bytes));
    sample_.egress_bits_per_second = egress_.rate() * 8;
    sample_.egress_bytes_total = static_cast<std::uint64_t>(egress_.total());
  }
  sample_.open_files = reading.open_files;
  sample_.open_files_max = reading.open_files_max;
  // What could not be read this time is as it was: a missed look is no empty server.
  sample_.streams = reading.streams.value_or(sample_.streams);
  sample_.players = reading.players.value_or(sample_.players);
  sample_.connections = reading.connections.value_or(sample_.connections);
  if (reading.probe_time) sample_.probe_time = reading.probe_time;
}

void LoadSampler::reset() {
  *this = LoadSampler();
}

}  // namespace weir::agent
