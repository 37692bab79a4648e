#include "dataplane/io/admission_log.h"

#include "dataplane/admission/limits.h"

namespace weir::io {

using admission::Refusal;

void AdmissionLog::refused(Refusal why, const IpAddress& address, MonotonicTime now) {
  log::Every& every = refusals_.at(static_cast<std::size_t>(why));
  const auto& limits = gate_.limits();
  const auto write = [&](std::string_view what, std::uint32_t limit, std::string_view key) {
    if (!every.allow(now)) return;
    log_.warning(
        "refused a connection of {}: {} (rtmp_options.limits.{}: {}; where many clients share it, "
        "raise that, use proxy_protocol_from, or name it in exempt_from; {} more not logged)",
        address.str(), what, key, limit, every.take_suppressed());
  };
  switch (why) {
    case Refusal::kConcurrent:
      bump(stats_.refused_concurrent);
      return write("too many at once", limits.concurrent, "concurrent_per_address");
    case Refusal::kRate:
      bump(stats_.refused_rate);
      return write("too many new ones per second", limits.connects_per_second,
                   "connects_per_second_per_address");
    case Refusal::kFailures:
      bump(stats_.refused_failures);
      return write("too many of them did not become RTMP sessions", limits.failures_per_minute,
                   "failed_identifications_per_minute");
  }
}

void AdmissionLog::shut_out(const IpAddress& address, MonotonicTime now) {
  if (!shut_out_.allow(now)) return;
  log_.warning(
      "new connections of {} are refused for {} s: more than "
      "rtmp_options.limits.failed_identifications_per_minute ({}) did not become RTMP sessions "
      "({} addresses like this not logged)",
      address.str(), admission::kRefusedFor.count(), gate_.limits().failures_per_minute,
      shut_out_.take_suppressed());
}

void AdmissionLog::large_share(const IpAddress& address) {
  log_.warning(
      "{} holds {} connections, at most {} may be of one address: if it is a balancer, let it send "
      "the PROXY protocol (rtmp_options.proxy_protocol_from) or name it in "
      "rtmp_options.limits.exempt_from",
      address.str(), gate_.limits().large_share, gate_.limits().concurrent);
}

}  // namespace weir::io
