#include "controlplane/app/rtmp_prober.h"

#include <utility>

namespace weir::app {
namespace {

core::ContactOutcome translate(probe::Outcome outcome) {
  switch (outcome) {
    case probe::Outcome::kAnswered:
      return core::ContactOutcome::kAnswered;
    case probe::Outcome::kRefused:
      return core::ContactOutcome::kRefused;
    case probe::Outcome::kReset:
      return core::ContactOutcome::kReset;
    case probe::Outcome::kTimedOut:
      return core::ContactOutcome::kTimedOut;
    case probe::Outcome::kUnreachable:
      return core::ContactOutcome::kUnreachable;
    case probe::Outcome::kTurnedAway:
      return core::ContactOutcome::kTurnedAway;
  }
  WEIR_UNREACHABLE("probe outcome");
}

}  // namespace

void RtmpProber::probe(const model::Endpoint& endpoint, Duration timeout,
                       Callback<void(core::ContactOutcome)> done) {
  const std::uint64_t number = ++last_;
  Running& running = running_[number];
  running.done = std::move(done);
  running.handle = probe::async_probe_rtmp(
      io_, clock_, endpoint.address, random_,
      [this, number](const probe::ProbeResult& result) {
        finished(number, translate(result.outcome));
      },
      timeout, endpoint.client_address);
}

void RtmpProber::finished(std::uint64_t number, core::ContactOutcome outcome) {
  // The handle is in the middle of its own completion: it is let go of afterwards.
  executor_.post([this, number, outcome] {
    auto node = running_.extract(number);
    if (!node.empty()) node.mapped().done(outcome);
  });
}

}  // namespace weir::app
