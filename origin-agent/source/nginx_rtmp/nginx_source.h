#pragma once
// NginxRtmpSource: the adapter for nginx with its RTMP module: streams, traffic and the worker's
// pid from /stat, publishers dropped through /control, the protocol probe on the RTMP port.
//
// Purpose: wants one worker per nginx (worker_processes 1): /stat tells only of the worker that
// answered. While /stat does not answer (a frozen worker), the worker is looked up through the pid
// file or the RTMP port, so that it is still known to exist.
// Threading: the io_context's one thread. Lifetime: io_context, clock, random and epochs
// outlive it.

#include <list>
#include <string>

#include "common/base/random.h"
#include "common/probe/rtmp_probe.h"
#include "common/telemetry/log.h"
#include "origin-agent/report/epoch_table.h"
#include "origin-agent/source/http_get.h"
#include "origin-agent/source/nginx_rtmp/stat_page.h"
#include "origin-agent/source/origin_source.h"
#include "origin-agent/source/procfs.h"

namespace weir::agent {

/// Where one nginx is to be found.
struct NginxRtmpOptions {
  std::string rtmp;  ///< `host:port` as this host reaches it
  HttpUrl stat;
  std::optional<HttpUrl> control;  ///< absent: nothing is fenced
  std::string pid_file;            ///< of the master; empty = looked up by port
  ClientAddressMode client_address = ClientAddressMode::kNone;
};

/// What a page says about streams and traffic. Pure.
Observation observe_page(const StatPage& page);
/// Publishers that a newer epoch fences off, at most kFencedAtOnceMax. Pure.
std::vector<StatStream> fenced_publishers(const StatPage& page, const EpochTable& epochs);
/// Request that drops exactly that client. Pure.
HttpUrl drop_url(const HttpUrl& control, const StatStream& publisher);

class NginxRtmpSource final : public OriginSource {
 public:
  NginxRtmpSource(boost::asio::io_context& io, const Clock& clock, Random& random,
                  EpochTable& epochs, NginxRtmpOptions options, log::Logger logger);

  void observe(const std::optional<ProcessIdentity>& watched,
               Callback<void(Observation)> done) override;
  void probe(Callback<void(probe::ProbeResult)> done) override;

 private:
  /// One request that drops a publisher.
  struct Drop {
    std::uint64_t publisher_id = 0;
    bool done = false;
    HttpGet request;
  };

  Observation read_answer(const Result<std::string>& answer);
  /// Drops who is fenced off now, and watches the epochs of those who are tagged.
  void fence(const StatPage& page);
  /// A fresh look to fence by: a client number remembered from the last one could by now be another
  /// client of another worker.
  void look_again();
  FoundProcess find_without_stat() const;

  boost::asio::io_context& io_;
  const Clock& clock_;
  Random& random_;
  EpochTable& epochs_;
  const NginxRtmpOptions options_;
  log::Logger logger_;
  HttpGet stat_;
  std::list<Drop> drops_;
  EpochWatch watch_;  ///< of the streams with a tagged publisher
  HttpGet fencing_look_;
  bool looking_again_ = false;
  bool raised_meanwhile_ = false;
  probe::ProbeHandle probe_;
};

}  // namespace weir::agent
