#pragma once
// WaitingLog: tells operators of players that may not wait for a publisher, and what to change.
//
// Purpose: the waiting room is pure, and the sessions that ask it are. Strangers cause these lines
// at will, so each kind is written once a second at most. Threading: any thread may be refused; one
// lock then. Lifetime: room and clock outlive it, and nobody enters the room after it has gone.

#include <array>
#include <mutex>

#include "common/base/clock.h"
#include "common/telemetry/log.h"
#include "dataplane/admission/waiting_room.h"

namespace weir::forwarder {

class WaitingLog {
 public:
  WaitingLog(admission::WaitingRoom& room, const Clock& clock);
  WaitingLog(const WaitingLog&) = delete;
  WaitingLog& operator=(const WaitingLog&) = delete;

 private:
  void refused(admission::WaitingRefusal why, const IpAddress& address);

  const admission::WaitingRoom& room_;
  const Clock& clock_;
  const log::Logger log_{"admission"};
  std::mutex mutex_;
  std::array<log::Every, 3> refusals_{log::Every{std::chrono::seconds{1}},
                                      log::Every{std::chrono::seconds{1}},
                                      log::Every{std::chrono::seconds{1}}};
};

}  // namespace weir::forwarder
