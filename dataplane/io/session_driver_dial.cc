// SessionDriver: dialling an origin. A failure is told in a posted turn, never inside dial().

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/host_lookup.h"
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
  bump(context_.stats.dials);
  const auto address = parse_host_port(endpoint);
  if (!address) {
    dial_failed(target, LegEnd::kUnreachable);
    return;
  }
  if (const auto literal = literal_address(address->host, address->port)) {
    start_connect(target, *literal);
    return;
  }
  target.lookup = context_.lookup->start(
      address->host, address->port,
      [this, &target](Result<SocketAddress> found) { looked_up(target, std::move(found)); });
  if (target.lookup == 0) dial_failed(target, LegEnd::kNoResources);
}

void SessionDriver::looked_up(LegSocket& leg, Result<SocketAddress> address) {
  leg.lookup = 0;
  if (over()) return;
  if (address) {
    start_connect(leg, *address);
  } else {
    dial_failed(leg, LegEnd::kUnreachable);
  }
}

void SessionDriver::start_connect(LegSocket& leg, const SocketAddress& address) {
  const int fd = open_stream_socket(address.family());
  if (fd < 0) {
    dial_failed(leg, leg_end_of(errno));
    return;
  }
  set_relay_options(fd, kOriginUserTimeout);
  const int result =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if ((result != 0 && errno != EINPROGRESS) || !context_.poller.add_socket(fd, leg)) {
    const LegEnd end = leg_end_of(errno);
    ::close(fd);
    dial_failed(leg, end);
    return;
  }
  leg.fd = fd;
  // Also when connect() succeeded at once: the edge that add_socket() reports makes it known.
  leg.connecting = true;
}

void SessionDriver::dial_failed(LegSocket& leg, LegEnd end) {
  leg.queue.reset();
  leg.dial_end = end;
  schedule();
}

void SessionDriver::drop_dial(LegSocket& leg) {
  if (leg.lookup != 0) context_.lookup->cancel(std::exchange(leg.lookup, 0));
  leg.dial_end.reset();
  if (leg.fd < 0) leg.queue.reset();
}

}  // namespace weir::io
