// SessionDriver: dialling an origin. A failure is told in a posted turn, never inside dial().

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/dial_candidates.h"
#include "dataplane/io/session_driver.h"
#include "dataplane/io/socket_options.h"

namespace weir::io {

using relay::CloseMode;
using relay::Leg;
using relay::LegEnd;

void SessionDriver::dial(Leg leg, std::string_view endpoint) {
  if (finishing_) return;
  LegSocket& target = socket_for_dial(leg);
  if (target.fd >= 0 || target.lookup != 0) close(leg, CloseMode::kAbort);
  target.candidates.reset();
  bump(context_.stats.dials);
  if (!has_descriptor_for(target)) {
    dial_failed(target, LegEnd::kNoResources);
    return;
  }
  const auto address = parse_host_port(endpoint);
  if (!address) {
    dial_failed(target, LegEnd::kUnreachable);
    return;
  }
  if (const auto literal = literal_address(address->host, address->port)) {
    static_cast<void>(connect_to(target, *literal));
    return;
  }
  target.lookup = context_.lookup->start(address->host, address->port,
                                         [this, &target](Result<HostLookup::Addresses> found) {
                                           looked_up(target, std::move(found));
                                         });
  if (target.lookup == 0) dial_failed(target, LegEnd::kNoResources);
}

/// A client with many streams must not use up the descriptors that others' first legs count on.
bool SessionDriver::has_descriptor_for(LegSocket& leg) {
  if (leg.name != Leg::kOrigin && !leg.counted) leg.counted = context_.totals.take_connection();
  return leg.name == Leg::kOrigin || leg.counted;
}

void SessionDriver::looked_up(LegSocket& leg, Result<HostLookup::Addresses> addresses) {
  leg.lookup = 0;
  if (over()) return;
  if (!addresses || addresses->empty()) {
    dial_failed(leg, LegEnd::kUnreachable);
    return;
  }
  leg.candidates = std::make_unique<Candidates>(context_, leg, std::move(*addresses));
  try_next_address(leg);
}

/// False = there is none left. What is queued for the origin waits on.
bool SessionDriver::try_next_address(LegSocket& leg) {
  bool tried = false;
  while (leg.candidates && !leg.candidates->empty()) {
    if (leg.fd >= 0) ::close(std::exchange(leg.fd, -1));
    leg.connecting = false;
    tried = true;
    const SocketAddress address = leg.candidates->take();
    if (connect_to(leg, address)) {
      if (!leg.candidates->empty()) leg.candidates->wait(wakes_);
      return true;
    }
  }
  return tried;
}

/// False = it failed at once, which the session will be told unless another address is tried.
bool SessionDriver::connect_to(LegSocket& leg, const SocketAddress& address) {
  leg.dial_end.reset();
  const int fd = open_stream_socket(address.family());
  if (fd < 0) {
    dial_failed(leg, leg_end_of(errno));
    return false;
  }
  set_relay_options(fd, kOriginUserTimeout);
  const int result =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if ((result != 0 && errno != EINPROGRESS) || !context_.poller.add_socket(fd, leg)) {
    const LegEnd end = leg_end_of(errno);
    ::close(fd);
    dial_failed(leg, end);
    return false;
  }
  leg.fd = fd;
  // Also when connect() succeeded at once: the edge that add_socket() reports makes it known.
  leg.connecting = true;
  return true;
}

void SessionDriver::dial_failed(LegSocket& leg, LegEnd end) {
  if (!leg.candidates || leg.candidates->empty()) leg.queue.reset();
  leg.dial_end = end;
  schedule();
}

void SessionDriver::drop_dial(LegSocket& leg) {
  if (leg.lookup != 0) context_.lookup->cancel(std::exchange(leg.lookup, 0));
  leg.candidates.reset();
  leg.dial_end.reset();
  if (leg.fd < 0) leg.queue.reset();
}

}  // namespace weir::io
