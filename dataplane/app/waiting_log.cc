#include "dataplane/app/waiting_log.h"

namespace weir::forwarder {

using admission::WaitingRefusal;

WaitingLog::WaitingLog(admission::WaitingRoom& room, const Clock& clock)
    : room_(room), clock_(clock) {
  room.on_refusal([this](WaitingRefusal why, const IpAddress& address) { refused(why, address); });
}

void WaitingLog::refused(WaitingRefusal why, const IpAddress& address) {
  const std::lock_guard lock(mutex_);
  log::Every& every = refusals_.at(static_cast<std::size_t>(why));
  if (!every.allow(clock_.now())) return;
  const std::uint64_t held_back = every.take_suppressed();
  const auto& limits = room_.limits();
  switch (why) {
    case WaitingRefusal::kStream:
      return log_.warning(
          "refused a player of {}: {} wait for that stream already, which nobody publishes ({} "
          "more "
          "not logged)",
          address.str(), limits.per_stream, held_back);
    case WaitingRefusal::kAddress:
      return log_.warning(
          "refused a player of {}: {} of that address wait for a publisher already (where many "
          "clients share it, use rtmp_options.proxy_protocol_from, or name it in "
          "rtmp_options.limits.exempt_from; {} more not logged)",
          address.str(), limits.per_address, held_back);
    case WaitingRefusal::kProcess:
      return log_.warning(
          "refused a player of {}: {} wait for publishers already, the most that "
          "rtmp_options.max_connections and the limit of open files leave room for ({} more not "
          "logged)",
          address.str(), limits.in_all, held_back);
  }
}

}  // namespace weir::forwarder
