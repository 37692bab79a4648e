#pragma once
// ProcessSource: the adapter for any server: its process by pid file or port, the protocol probe on
// its RTMP port. It knows neither streams nor traffic.
// Threading: the io_context's one thread. Lifetime: io_context, clock and random
// outlive it.

#include <string>

#include "common/base/random.h"
#include "common/probe/rtmp_probe.h"
#include "origin-agent/source/origin_source.h"

namespace boost::asio {
class io_context;
}

namespace weir::agent {

struct ProcessOptions {
  std::string rtmp;      ///< `host:port` as this host reaches it
  std::string pid_file;  ///< empty = the process that listens on the RTMP port
  ClientAddressMode client_address = ClientAddressMode::kNone;
};

class ProcessSource final : public OriginSource {
 public:
  ProcessSource(boost::asio::io_context& io, const Clock& clock, Random& random,
                ProcessOptions options);

  void observe(const std::optional<ProcessIdentity>& watched,
               Callback<void(Observation)> done) override;
  void probe(Callback<void(probe::ProbeResult)> done) override;

 private:
  boost::asio::io_context& io_;
  const Clock& clock_;
  Random& random_;
  const ProcessOptions options_;
  probe::ProbeHandle probe_;
  // A look that is posted after this object is gone finds this expired.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::agent
