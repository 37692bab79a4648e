#pragma once
// OriginSource: what an adapter can find out about one media server; ProcessTable: what the
// operating system knows about its process. Both are asked by OriginMonitor.
//
// Threading: everything on one thread; completions run later, never inside the call.
// Lifetime: an adapter outlives its monitor's questions; destroying it drops open completions.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "common/probe/rtmp_probe.h"
#include "origin-agent/report/messages.h"

namespace weir::agent {

/// One look at an origin. What is absent could not be told this time.
struct Observation {
  std::optional<ProcessIdentity> process;  ///< the process that serves now
  std::optional<std::vector<ReportedStream>> streams;
  std::optional<std::uint64_t> ingress_bytes;
  std::optional<std::uint64_t> egress_bytes;
  std::optional<std::uint32_t> players;
  std::optional<std::uint32_t> connections;
  /// Where the operating system does not tell: used cores, and memory of the process.
  std::optional<double> used_cores;
  std::optional<std::uint64_t> resident_bytes;
  /// Found out about the server, not configured: most connections it takes, name and version.
  std::optional<std::uint32_t> connections_max;
  std::string software;
  /// When the server itself said something last, as far as this adapter can ask it.
  std::optional<MonotonicTime> answered_at;
  /// Another server answers where this one did.
  bool taken_over = false;
  /// Nobody was there at the last look and nothing was asked this time: no figure is worth reading.
  bool resting = false;
  std::string trouble;  ///< why something is absent, for people
};

class OriginSource {
 public:
  virtual ~OriginSource() = default;
  /// `watched`: the process known so far. One call at a time. Ends within kHttpTimeout and a
  /// little.
  virtual void observe(const std::optional<ProcessIdentity>& watched,
                       Callback<void(Observation)> done) = 0;
  /// One protocol probe. One call at a time. Ends within kProbeTimeout.
  virtual void probe(Callback<void(probe::ProbeResult)> done) = 0;

  // What was heard from elsewhere; a look follows.
  /// The server said which life of it this is (`start_ticks` unknown).
  virtual void announced(const ProcessIdentity&) {}
  /// Something was published or unpublished there.
  virtual void hinted() {}
};

struct ProcessUsage {
  double cpu_seconds = 0;  ///< user + system
  std::uint64_t resident_bytes = 0;
  std::uint32_t open_files = 0;      ///< 0 = unknown (another user's process)
  std::uint32_t open_files_max = 0;  ///< 0 = unknown
};

/// Destroying it ends the watch.
class ExitWatch {
 public:
  virtual ~ExitWatch() = default;
};

class ProcessTable {
 public:
  virtual ~ProcessTable() = default;
  /// `gone` runs once, as soon as the process has exited; soon when it already has.
  virtual std::unique_ptr<ExitWatch> watch_exit(const ProcessIdentity& process,
                                                Callback<void()> gone) = 0;
  virtual std::optional<ProcessUsage> usage(const ProcessIdentity& process) = 0;
  /// False once it has exited, zombies included.
  virtual bool is_alive(const ProcessIdentity& process) = 0;
};

}  // namespace weir::agent
