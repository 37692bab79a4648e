#pragma once
// RtmpProber: core::OriginProber over common/probe.
// Threading: the io_context's one thread. Lifetime: probes under way are dropped with it.

#include <cstdint>
#include <unordered_map>

#include "common/base/random.h"
#include "common/probe/rtmp_probe.h"
#include "controlplane/core/context.h"

namespace weir::app {

class RtmpProber final : public core::OriginProber {
 public:
  RtmpProber(boost::asio::io_context& io, Executor& executor, const Clock& clock, Random& random)
      : io_(io), executor_(executor), clock_(clock), random_(random) {}

  void probe(const model::Endpoint& endpoint, Duration timeout,
             Callback<void(core::ContactOutcome)> done) override;

 private:
  struct Running {
    probe::ProbeHandle handle;
    Callback<void(core::ContactOutcome)> done;
  };
  void finished(std::uint64_t number, core::ContactOutcome outcome);

  boost::asio::io_context& io_;
  Executor& executor_;
  const Clock& clock_;
  Random& random_;
  std::unordered_map<std::uint64_t, Running> running_;
  std::uint64_t last_ = 0;
};

}  // namespace weir::app
