// SessionDriver: dialling the origin. A failure is told in a posted turn, never inside dial().

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

void SessionDriver::dial(std::string_view endpoint) {
  if (finishing_) return;
  if (origin_.fd >= 0 || lookup_ != 0) close(Leg::kOrigin, CloseMode::kAbort);
  bump(context_.stats.dials);
  const auto target = parse_host_port(endpoint);
  if (!target) {
    dial_failed(LegEnd::kUnreachable);
    return;
  }
  if (const auto address = literal_address(target->host, target->port)) {
    start_connect(*address);
    return;
  }
  lookup_ = context_.lookup->start(target->host, target->port, [this](Result<SocketAddress> found) {
    looked_up(std::move(found));
  });
  if (lookup_ == 0) dial_failed(LegEnd::kNoResources);
}

void SessionDriver::looked_up(Result<SocketAddress> address) {
  lookup_ = 0;
  if (over()) return;
  if (address) {
    start_connect(*address);
  } else {
    dial_failed(LegEnd::kUnreachable);
  }
}

void SessionDriver::start_connect(const SocketAddress& address) {
  const int fd = open_stream_socket(address.family());
  if (fd < 0) {
    dial_failed(leg_end_of(errno));
    return;
  }
  set_relay_options(fd, kOriginUserTimeout);
  const int result =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if ((result != 0 && errno != EINPROGRESS) || !context_.poller.add_socket(fd, origin_)) {
    const LegEnd end = leg_end_of(errno);
    ::close(fd);
    dial_failed(end);
    return;
  }
  origin_.fd = fd;
  // Also when connect() succeeded at once: the edge that add_socket() reports makes it known.
  origin_.connecting = true;
}

void SessionDriver::dial_failed(LegEnd end) {
  origin_.queue.reset();
  dial_end_ = end;
  schedule();
}

void SessionDriver::drop_origin_dial() {
  if (lookup_ != 0) context_.lookup->cancel(std::exchange(lookup_, 0));
  dial_end_.reset();
  if (origin_.fd < 0) origin_.queue.reset();
}

}  // namespace weir::io
