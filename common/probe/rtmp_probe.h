#pragma once
// RTMP probe: connect, send C0C1, wait for S0S1. A frozen process still accepts connections, so
// only the protocol answer counts as alive.
//
// Threading: call and completion on the io_context's one thread.
// Lifetime: the probe keeps itself alive until it completes; the returned handle cancels it. The
// clock outlives it.
// Destroying or cancelling the handle drops the completion, which is then never called.

#include <functional>
#include <memory>
#include <string>

#include "common/base/client_address.h"
#include "common/base/clock.h"
#include "common/base/random.h"

namespace boost::asio {
class io_context;
}

namespace weir::probe {

enum class Outcome {
  kAnswered,
  kRefused,
  kReset,
  kTimedOut,
  kUnreachable,
  kTurnedAway,  ///< accepted and closed without a byte: a full server does that; no sign of death
};
std::string_view to_string(Outcome outcome);

struct ProbeResult {
  Outcome outcome = Outcome::kUnreachable;
  Duration elapsed{};
  std::string message;  ///< for people; empty when answered
};

inline constexpr Duration kProbeTimeoutDefault = std::chrono::seconds(1);

class ProbeHandle {
 public:
  struct State;
  ProbeHandle() = default;
  explicit ProbeHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ProbeHandle(ProbeHandle&&) noexcept = default;
  ProbeHandle& operator=(ProbeHandle&& other) noexcept;
  ~ProbeHandle() { cancel(); }
  void cancel();

 private:
  std::shared_ptr<State> state_;
};

/// Probes `endpoint` (`host:port`; the host a literal address, or a name that is resolved within
/// the deadline). A listener that expects to be told the client's address is told the probe's own.
/// The completion runs later, never inside this call.
[[nodiscard]] ProbeHandle async_probe_rtmp(boost::asio::io_context& io, const Clock& clock,
                                           const std::string& endpoint, Random& random,
                                           std::function<void(ProbeResult)> completion,
                                           Duration timeout = kProbeTimeoutDefault,
                                           ClientAddressMode client_address = {});

}  // namespace weir::probe
