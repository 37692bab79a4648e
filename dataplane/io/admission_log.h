#pragma once
// AdmissionLog: tells operators of clients that are not let in, and what to change.
//
// Purpose: strangers cause these lines at will, so each kind is written once a second at most.
// Threading: the worker's thread. Lifetime: the worker's.

#include <array>

#include "common/telemetry/log.h"
#include "dataplane/admission/address_gate.h"
#include "dataplane/io/worker_stats.h"

namespace weir::io {

class AdmissionLog {
 public:
  AdmissionLog(const admission::AddressGate& gate, WorkerStats& stats)
      : gate_(gate), stats_(stats) {}

  void refused(admission::Refusal why, const IpAddress& address, MonotonicTime now);
  /// From now on, for a while.
  void shut_out(const IpAddress& address, MonotonicTime now);
  void large_share(const IpAddress& address);

 private:
  const admission::AddressGate& gate_;
  WorkerStats& stats_;
  const log::Logger log_{"admission"};
  std::array<log::Every, 3> refusals_{log::Every{std::chrono::seconds{1}},
                                      log::Every{std::chrono::seconds{1}},
                                      log::Every{std::chrono::seconds{1}}};
  log::Every shut_out_{std::chrono::seconds{1}};
};

}  // namespace weir::io
