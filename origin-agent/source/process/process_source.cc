#include "origin-agent/source/process/process_source.h"

#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "common/base/listen_address.h"
#include "origin-agent/source/limits.h"
#include "origin-agent/source/procfs.h"

namespace weir::agent {

ProcessSource::ProcessSource(boost::asio::io_context& io, const Clock& clock, Random& random,
                             ProcessOptions options)
    : io_(io), clock_(clock), random_(random), options_(std::move(options)) {}

void ProcessSource::observe(const std::optional<ProcessIdentity>& watched,
                            Callback<void(Observation)> done) {
  boost::asio::post(
      io_, [this, guard = std::weak_ptr<int>(alive_), watched, done = std::move(done)]() mutable {
        if (guard.expired()) return;
        Observation observation;
        // Looking a process up costs a walk through /proc; one that still runs needs none.
        if (watched && process_identity(watched->pid) == watched) {
          observation.process = watched;
        } else {
          FoundProcess found;
          if (!options_.pid_file.empty()) {
            found = find_by_pid_file(options_.pid_file, false);
          } else if (const auto address = parse_host_port(options_.rtmp)) {
            found = find_by_port(address->port);
          } else {
            found.trouble = address.error().message;
          }
          observation.process = found.process;
          observation.trouble = std::move(found.trouble);
        }
        done(std::move(observation));
      });
}

void ProcessSource::probe(Callback<void(probe::ProbeResult)> done) {
  auto shared = std::make_shared<Callback<void(probe::ProbeResult)>>(std::move(done));
  probe_ = probe::async_probe_rtmp(
      io_, clock_, options_.rtmp, random_,
      [shared](probe::ProbeResult result) { (*shared)(std::move(result)); }, kProbeTimeout,
      options_.client_address);
}

}  // namespace weir::agent
